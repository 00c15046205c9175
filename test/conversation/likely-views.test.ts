/** Views that a tool may ask for, encoded while nothing is asked: in order, one at a time, within their memory, and never in the way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHATML } from '../../src/architectures/qwen2_5_vl/chat.ts';
import type { Engine } from '../../src/conversation/engine.ts';
import { LIKELY_LIMITS } from '../../src/conversation/prefetch.ts';
import { promptsFile } from '../../src/model/prompt-files.ts';
import { parsePrompts } from '../../src/model/prompts.ts';
import type { ChatMessage } from '../../src/protocol/chat.ts';
import { DEFAULT_SETTINGS, type TurnResult, type TurnSettings } from '../../src/protocol/turn.ts';
import type { PromptSet } from '../../src/shared/prompt-sets.ts';
import type { ScriptedBackend } from '../helpers/scripted-backend.ts';
import { ANSWER, type EngineOptions, openScripted, picture, respond } from '../helpers/scripted-engine.ts';

const SETTINGS: TurnSettings = { ...DEFAULT_SETTINGS, maxNewTokens: 200 };
const QUESTION = 'What does the sign say?';
const TWO_CROPS = "GET_CROPS: ['0', '5']";

/** An engine whose model was trained with a tool, and which holds a picture. */
async function open(
  set: PromptSet,
  rounds: readonly string[],
  options: Partial<EngineOptions> = {},
  [width, height]: readonly [number, number] = [448, 336],
): Promise<{ engine: Engine; backend: ScriptedBackend }> {
  const prompts = parsePrompts(promptsFile(set, CHATML), CHATML);
  const opened = openScripted({ prompts, contextLength: 32_768, script: respond(...rounds), ...options });
  await opened.engine.setImage(picture(width, height));
  return opened;
}

function ask({ engine }: { engine: Engine }, settings = SETTINGS): Promise<TurnResult> {
  return engine.ask(QUESTION, settings, () => undefined);
}

/** Kinds of runs in their order, repetitions left out. */
function kinds({ runs }: ScriptedBackend, from = 0): readonly string[] {
  const all = runs.slice(from).map(({ kind }) => kind);
  return all.filter((kind, i) => kind !== all[i - 1]);
}

function encodings({ runs }: ScriptedBackend): number {
  return runs.filter(({ kind }) => kind === 'encode').length;
}

/** Bytes of all features that a backend holds. */
function featureBytes({ allocated, vision }: ScriptedBackend): number {
  const features = [...allocated].filter((owned) => 'mark' in owned);
  return features.reduce((sum, owned) => sum + ('mark' in owned ? owned.tokens : 0) * vision.bytesPerToken, 0);
}

function keys(result: TurnResult, round: number): readonly (boolean | undefined)[] {
  return result.rounds[round]?.images.map(({ prefetched }) => prefetched) ?? [];
}

/** Lets disposals that wait for a promise happen. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe.each([
  { pipelined: false, leavesThreadFree: true },
  { pipelined: false, leavesThreadFree: false },
  { pipelined: true, leavesThreadFree: true },
])('with pipelined $pipelined and leavesThreadFree $leavesThreadFree', (machine) => {
  it('has every crop that AwaRes may ask for at hand, several in a call too', async () => {
    const opened = await open('awares', [TWO_CROPS, ANSWER], machine);
    await opened.engine.prefetch(SETTINGS);
    expect(encodings(opened.backend)).toBe(11); // what the question shows, nine crops, and the whole image
    const result = await ask(opened);
    expect(encodings(opened.backend)).toBe(11);
    expect([keys(result, 0), keys(result, 1)]).toEqual([[true], [true, true]]);
    expect(result.rounds[1]?.timings).toMatchObject({ preprocessMs: 0, encodeMs: 0 });
    expect(result.rounds[1]?.recomputedTokens).toBe(0);
  });

  it('gives the tokens that a question without it gives, and says that nothing was prefetched there', async () => {
    const [plain, ahead] = [
      await open('awares', [TWO_CROPS, ANSWER], machine),
      await open('awares', [TWO_CROPS, ANSWER], machine),
    ];
    await ahead.engine.prefetch(SETTINGS);
    const [a, b] = [await ask(plain), await ask(ahead)];
    expect(a.rounds.map(({ tokenIds }) => tokenIds)).toEqual(b.rounds.map(({ tokenIds }) => tokenIds));
    expect([keys(a, 0), keys(a, 1)]).toEqual([[undefined], [undefined, undefined]]);
    expect(encodings(plain.backend)).toBe(3);
  });

  it('makes way for a question after the view at hand, and does no other work of its own before the answer', async () => {
    const held: { asked?: Promise<TurnResult>; runs?: number } = {};
    const opened = await open('awares', [ANSWER], {
      ...machine,
      beforeRun: ({ kind }) => {
        if (kind !== 'encode' || held.asked !== undefined || encodings(opened.backend) < 3) return;
        held.runs = opened.backend.runs.length;
        held.asked = ask(opened); // while the third crop is encoded
      },
    });
    await opened.engine.prefetch(SETTINGS);
    expect((await held.asked)?.answer).toContain('42');
    expect(kinds(opened.backend, held.runs)).toEqual(['encode', 'forward']);
    expect(encodings(opened.backend)).toBe(4);
    expect(opened.backend.mostRunning).toBe(1);
  });
});

it('makes way for a question that comes while nothing is on the device yet', async () => {
  const opened = await open('awares', [ANSWER]);
  const working = opened.engine.prefetch(SETTINGS);
  const asked = ask(opened);
  expect((await asked).answer).toContain('42');
  await working;
  expect(encodings(opened.backend)).toBe(1);
});

it.each([
  ['another image', ({ engine }: { engine: Engine }) => engine.setImage(picture(56, 84, 2)), 4],
  ['a stop', ({ engine }: { engine: Engine }) => engine.stop(), 4],
  ['a new chat', ({ engine }: { engine: Engine }) => engine.newChat(), 4],
])('ends with %s', async (_, end, count) => {
  const held: { ended?: Promise<unknown> } = {};
  const opened = await open('awares', [ANSWER], {
    beforeRun: ({ kind }) => {
      if (kind === 'encode' && held.ended === undefined && encodings(opened.backend) === 3) held.ended = end(opened);
    },
  });
  await opened.engine.prefetch(SETTINGS);
  await held.ended;
  expect(encodings(opened.backend)).toBe(count);
});

it('encodes no view that would take long: a question might wait for it', async () => {
  const slow: EngineOptions['beforeRun'] = async ({ kind }) => {
    if (kind === 'encode') await new Promise((resolve) => setTimeout(resolve, 60));
  };
  const opened = await open('efficient', [ANSWER], { beforeRun: slow, likely: LIKELY_LIMITS });
  await opened.engine.prefetch(SETTINGS);
  expect(encodings(opened.backend)).toBe(1); // the half image in 60 ms; the full one would take 240
});

it('learns from views of its own how fast the device is', async () => {
  const slowAfter: EngineOptions['beforeRun'] = async ({ kind }) => {
    if (kind === 'encode' && encodings(opened.backend) > 1) await new Promise((resolve) => setTimeout(resolve, 520));
  };
  const opened = await open('awares', [ANSWER], { beforeRun: slowAfter, likely: { ...LIKELY_LIMITS, longestMs: 500 } });
  await opened.engine.prefetch(SETTINGS);
  expect(encodings(opened.backend)).toBe(2 + 1); // the second crop is what shows it
});

describe('the memory of views that may be asked for', () => {
  it('is limited, and the likeliest fill it', async () => {
    // A crop of a quarter has 48 tokens and takes 19 MB of the 67.
    const opened = await open('awares', ["GET_CROPS: ['0']", ANSWER], { bytesPerToken: 400_000 });
    const before = featureBytes(opened.backend);
    await opened.engine.prefetch(SETTINGS);
    const half = 48 * 400_000;
    expect(featureBytes(opened.backend) - before - half).toBe(3 * 48 * 400_000);
    expect(keys(await ask(opened), 1)).toEqual([true]);
  });

  it('is never exceeded', async () => {
    const sides = fc.integer({ min: 60, max: 700 });
    await fc.assert(
      fc.asyncProperty(sides, sides, fc.integer({ min: 1, max: 1e6 }), async (width, height, bytesPerToken) => {
        const opened = await open('awares', [ANSWER], { bytesPerToken }, [width, height]);
        await opened.engine.prefetch(SETTINGS);
        const [, ...ahead] = opened.backend.runs.filter(({ kind }) => kind === 'encode'); // the first is what the question shows
        const tokens = ahead.reduce((sum, run) => sum + run.tokens / 4, 0);
        expect(tokens * bytesPerToken).toBeLessThanOrEqual(LIKELY_LIMITS.bytes);
        await opened.engine.newChat();
        await settle();
        expect(opened.backend.allocated.size).toBe(0);
      }),
      { numRuns: 15 },
    );
  });

  it('is freed where the views are no longer likely', async () => {
    const opened = await open('awares', [ANSWER]);
    await opened.engine.prefetch(SETTINGS);
    const all = featureBytes(opened.backend);
    await opened.engine.prefetch({ ...SETTINGS, tool: false });
    await settle();
    expect(featureBytes(opened.backend)).toBeLessThan(all / 5);
  });

  it('survives a turn that asks for none of them, and is no part of what a turn leaves', async () => {
    const opened = await open('awares', [ANSWER]);
    await opened.engine.prefetch(SETTINGS);
    const all = featureBytes(opened.backend);
    await ask(opened);
    expect(featureBytes(opened.backend)).toBe(all);
    const count = encodings(opened.backend);
    await opened.engine.prefetch(SETTINGS);
    expect(encodings(opened.backend)).toBe(count);
  });

  it('is back where it began after a new chat, however many turns there were', async () => {
    const opened = await open('awares', [TWO_CROPS, ANSWER, ANSWER]);
    let history: readonly ChatMessage[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const chat = { history, images: turn === 0 ? [0] : [] };
      await opened.engine.prefetch(SETTINGS, chat);
      const { messages } = await opened.engine.ask(QUESTION, SETTINGS, () => undefined, { chat });
      history = [...history, ...messages];
    }
    expect(opened.backend.allocated.size).toBeGreaterThan(0);
    await opened.engine.newChat();
    await settle();
    expect(opened.backend.allocated.size).toBe(0);
  });
});

it('leaves it to the call to report a view that cannot be encoded', async () => {
  let fails = true;
  const opened = await open('awares', [TWO_CROPS, ANSWER], {
    beforeRun: ({ kind }) => {
      if (fails && kind === 'encode' && encodings(opened.backend) > 0) throw new Error('no memory');
    },
  });
  await expect(opened.engine.prefetch(SETTINGS)).resolves.toBeUndefined();
  fails = false;
  const result = await ask(opened);
  expect(result.answer).toContain('42');
  expect(keys(result, 1)).toEqual([undefined, undefined]);
});
