/** The tool a question offers: chosen in the settings or in a link, and spoken of in its own words. */
import { describe, expect, it } from 'vitest';
import { browserDeps, createAppStore } from '../../src/store/app-store.ts';
import { settingsFrom } from '../../src/store/link-settings.ts';
import { INITIAL_FORM, settingsOf } from '../../src/store/settings-form.ts';
import { toolWords, turnModel } from '../../src/store/turn-model.ts';
import { ENGINE_INFO, scriptedEngine } from './scripted-engine.ts';

describe('a link', () => {
  it.each([
    ['tool=auto', { tool: true, toolName: '' }],
    ['tool=on', { tool: true, toolName: '' }],
    ['tool=none', { tool: false }],
    ['tool=off', { tool: false }],
    ['tool=mini-o3', { tool: true, toolName: 'mini-o3' }],
    ['tool=resize&downsample=off', { tool: true, toolName: 'resize', downsample: false }],
    ['mode=full&tool=deepeyes', { downsample: false, tool: true, toolName: 'deepeyes' }],
    ['tool=hammer', {}],
    ['tool=', {}],
  ])('with %s sets %o', (search, form) => {
    expect(settingsFrom(new URLSearchParams(search))).toEqual(form);
  });
});

describe('the settings', () => {
  it('offer the model’s own tool until another is chosen, and the rounds of either', () => {
    const { toolName: _, ...own } = { toolName: '', ...settingsOf(INITIAL_FORM) };
    expect(own).toMatchObject({ tool: true, maxRounds: null });
    expect(settingsOf(INITIAL_FORM)).not.toHaveProperty('toolName');
    expect(settingsOf({ ...INITIAL_FORM, toolName: 'awares', maxRounds: '3' })).toMatchObject({
      toolName: 'awares',
      maxRounds: 3,
    });
  });

  it('offer a tool that is chosen, even where none was', () => {
    const { connection } = scriptedEngine();
    const deps = browserDeps(new URLSearchParams('tool=none'), 'http://page/');
    const store = createAppStore({ ...deps, startEngine: () => connection });
    expect(store.getState().form.tool).toBe(false);
    store.getState().setTool('deepeyes');
    expect(store.getState().form).toMatchObject({ tool: true, toolName: 'deepeyes' });
    store.getState().setTool('');
    expect(store.getState().form).toMatchObject({ tool: true, toolName: '' });
  });
});

describe('the page', () => {
  const zoom = { name: 'deepeyes', label: 'zoom tool', asksFor: 'a part', asksAgainFor: 'a part' };
  const info = { ...ENGINE_INFO, model: { ...ENGINE_INFO.model, tools: [zoom] } };
  const shown = (toolName: string): ReturnType<typeof turnModel> =>
    turnModel({ engine: { status: 'ready', info }, form: { toolName } });

  it('speaks of the tool that is chosen, and of the model’s own otherwise', () => {
    expect(toolWords(shown('deepeyes'))).toBe(zoom);
    expect(toolWords(shown('')).label).toBe('resize tool');
    expect(toolWords(shown('unknown here')).label).toBe('resize tool');
  });

  it('gets the same object as long as nothing changes', () => {
    expect(shown('deepeyes')).toBe(shown('deepeyes'));
    expect(shown('')).toBe(info.model);
  });
});
