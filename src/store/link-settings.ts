/** Settings in the page's address, under the names that the command line gives them: `?max-rounds=3&memory=on`. */
import { SETTING_NAMES, SWITCH_NAMES } from '../protocol/setting-names.ts';
import { MODE_SWITCHES } from '../protocol/turn.ts';
import { TOOL_NAMES } from '../shared/prompt-sets.ts';
import type { NumberFieldName, SettingsForm, SwitchName } from './settings-form.ts';

/** The part of the form that the address sets. A number that is not valid shows as typed, with what is wrong; other words are ignored. */
export function settingsFrom(search: URLSearchParams): Partial<SettingsForm> {
  const mode = search.get('mode');
  const form: { -readonly [Name in keyof SettingsForm]?: SettingsForm[Name] } =
    mode === 'smart' || mode === 'half' || mode === 'full' ? { ...MODE_SWITCHES[mode] } : {};
  for (const field of Object.keys(SETTING_NAMES) as NumberFieldName[]) {
    const text = search.get(SETTING_NAMES[field]);
    if (text !== null) form[field] = text.slice(0, 100);
  }
  for (const field of Object.keys(SWITCH_NAMES) as SwitchName[]) {
    const text = search.get(SWITCH_NAMES[field]);
    if (text === 'on' || text === 'off') form[field] = text === 'on';
  }
  const tool = search.get('tool');
  return { ...form, ...(tool === null ? {} : toolFrom(tool)) };
}

/** `auto` and `on`: the model's own tool; `none` and `off`: none; else the tool of this name. Other words are ignored. */
function toolFrom(word: string): Partial<SettingsForm> {
  if (word === 'auto' || word === 'on') return { tool: true, toolName: '' };
  if (word === 'none' || word === 'off') return { tool: false };
  return TOOL_NAMES.some((name) => name === word) ? { tool: true, toolName: word } : {};
}
