/** Conversations that no engine has written, read from a file perhaps: a named refusal, and the engine goes on. */
import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../src/protocol/chat.ts';
import { failure, FULL_TOKENS, open, QUESTION, SETTINGS } from '../helpers/ask-scripted.ts';
import { ANSWER, respond } from '../helpers/scripted-engine.ts';

const said = (...ids: readonly number[]): ChatMessage => ({ role: 'assistant', content: [{ type: 'tokens', ids }] });
const shown = (scale: number): ChatMessage => ({
  role: 'user',
  content: [{ type: 'image', request: { image: 0, region: null, scale } }],
});

describe('a conversation from elsewhere', () => {
  it.each([
    ['a token beyond the vocabulary', said(10_000_000), 'QuestionError', /token 10000000/],
    ['a token before it', said(-1), 'QuestionError', /token -1/],
    ['half a token', said(1, 0.5), 'QuestionError', /token 0\.5/],
    ['a token that is no number', said(NaN), 'QuestionError', /token NaN/],
    ['a huge scale', shown(1e6), 'ImageRegionError', /scale above 0/],
    ['an endless scale', shown(Infinity), 'ImageRegionError', /scale above 0/],
    ['no scale', shown(0), 'ImageRegionError', /scale above 0/],
    ['a scale below 0', shown(-1), 'ImageRegionError', /scale above 0/],
    ['a scale that is no number', shown(NaN), 'ImageRegionError', /scale above 0/],
  ] as const)('is refused for %s', async (_, message, name, says) => {
    const { engine } = await open({ script: respond(ANSWER) });
    const asked = engine.ask(QUESTION, SETTINGS, () => undefined, { chat: { history: [message], images: [0] } });
    expect(await failure(asked)).toMatchObject({ name, message: expect.stringMatching(says) });
    const after = await engine.ask(QUESTION, { ...SETTINGS, downsample: false }, () => undefined);
    expect(after.visualTokens.used).toBe(FULL_TOKENS);
  });
});

describe('settings that are no numbers they could be', () => {
  it.each([
    { maxNewTokens: NaN },
    { maxNewTokens: -5 },
    { maxNewTokens: Infinity },
    { maxRounds: 0 },
    { maxRounds: 1.5 },
    { maxImages: -1 },
    { temperature: NaN },
    { temperature: -1 },
    { topP: 1.5 },
    { topP: NaN },
    { pixelBudget: NaN },
    { pixelBudget: 0 },
    { minPixels: NaN },
  ])('are refused: %o', async (settings) => {
    const { engine } = await open({ script: respond(ANSWER) });
    const asked = engine.ask(QUESTION, { ...SETTINGS, ...settings }, () => undefined);
    const [name = ''] = Object.keys(settings);
    expect(await failure(asked)).toMatchObject({ name: 'QuestionError', message: expect.stringMatching(name) });
  });

  it('least pixels that no image can have end in a named error', async () => {
    const { engine } = await open({ script: respond(ANSWER) });
    const asked = engine.ask(QUESTION, { ...SETTINGS, minPixels: 1e12 }, () => undefined);
    expect(await failure(asked)).toMatchObject({ name: 'ImageRegionError' });
  });
});
