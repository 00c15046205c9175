/** Speculative prefill: the work left for a question, and the effect of a question, another image or a stop on it. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, MODE_SWITCHES, type TurnSettings } from '../../src/protocol/turn.ts';
import {
  ANSWER,
  CALL,
  EFFICIENT_PROMPTS,
  GENERAL_PROMPTS,
  type EngineOptions,
  openScripted,
  picture,
  respond,
  TOKENIZER,
} from '../helpers/scripted-engine.ts';

const SETTINGS: TurnSettings = { ...DEFAULT_SETTINGS, maxNewTokens: 200 };
const QUESTION = 'How many stars are there?';

async function open(options: Partial<EngineOptions> = {}): Promise<ReturnType<typeof openScripted>> {
  const opened = openScripted({ script: respond(ANSWER), ...options });
  await opened.engine.setImage(picture(112, 112));
  return opened;
}

/** Holds the runs of a kind until released. */
function gate(kind: string): {
  beforeRun: NonNullable<EngineOptions['beforeRun']>;
  reached: Promise<void>;
  open: () => void;
} {
  let open = (): void => undefined;
  let reach = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const reached = new Promise<void>((resolve) => (reach = resolve));
  return {
    beforeRun: async (run) => {
      if (run.kind !== kind) return;
      reach();
      await opened;
    },
    reached,
    open,
  };
}

describe.each([
  { pipelined: false, leavesThreadFree: true },
  { pipelined: false, leavesThreadFree: false },
  { pipelined: true, leavesThreadFree: true },
])('with pipelined $pipelined and leavesThreadFree $leavesThreadFree', (machine) => {
  it.each([
    ['the bundled model', {}, 2], // the half image, and the full one for a call
    ['VisionThink-Efficient', { prompts: EFFICIENT_PROMPTS }, 2],
    ['VisionThink-General', { prompts: GENERAL_PROMPTS }, 1],
  ])('leaves only the question to compute, with the prompts of %s', async (_, prompts, images) => {
    const { engine, backend } = await open({ ...machine, ...prompts });
    await engine.prefetch(SETTINGS);
    const encodings = backend.runs.filter(({ kind }) => kind === 'encode').length;
    const { answer, rounds } = await engine.ask(QUESTION, SETTINGS, () => undefined);
    expect(answer).toBe('42');
    expect(encodings).toBe(images);
    expect(backend.runs.filter(({ kind }) => kind === 'encode')).toHaveLength(images);
    // The question, the end of the turn, and at most a few tokens around them.
    expect(rounds[0]?.computedTokens).toBeLessThan(TOKENIZER.encode(QUESTION).length + 30);
    expect(rounds[0]?.timings.encodeMs).toBe(0);
    expect(rounds[0]?.recomputedTokens).toBe(0);
  });

  it('gives the tokens that a question without it gives', async () => {
    const ordinary = await open({ ...machine, script: respond(CALL, ANSWER) });
    const prefetched = await open({ ...machine, script: respond(CALL, ANSWER) });
    await prefetched.engine.prefetch(SETTINGS);
    const [a, b] = [ordinary, prefetched].map(({ engine }) => engine.ask(QUESTION, SETTINGS, () => undefined));
    const ids = async (result: typeof a): Promise<unknown> => (await result)?.rounds.map(({ tokenIds }) => tokenIds);
    expect(await ids(b)).toEqual(await ids(a));
  });

  it('is done once', async () => {
    const { engine, backend } = await open(machine);
    await engine.prefetch(SETTINGS);
    const { length } = backend.runs;
    await engine.prefetch(SETTINGS);
    expect(backend.runs).toHaveLength(length);
  });

  it('is dropped for other settings, and does no harm', async () => {
    const { engine } = await open(machine);
    await engine.prefetch(SETTINGS);
    const full = { ...SETTINGS, ...MODE_SWITCHES.full };
    await engine.prefetch(full);
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
    expect((await engine.ask(QUESTION, full, () => undefined)).answer).toBe('42');
  });

  it('does nothing without an image', async () => {
    const { engine, backend } = openScripted({ ...machine, script: respond(ANSWER) });
    await engine.prefetch(SETTINGS);
    expect(backend.forwardRuns).toHaveLength(0);
  });

  it('is discarded when the caches are reset: the next turn computes everything', async () => {
    const { engine, backend } = await open(machine);
    await engine.prefetch(SETTINGS);
    await engine.resetCaches();
    const before = backend.runs.length;
    const { answer, rounds } = await engine.ask(QUESTION, SETTINGS, () => undefined);
    expect(answer).toBe('42');
    expect(rounds[0]?.computedTokens).toBe(rounds[0]?.promptTokens);
    expect(backend.runs.slice(before).filter(({ kind }) => kind === 'encode')).toHaveLength(1);
  });
});

describe('the full image', () => {
  it('is preprocessed speculatively where the model may ask for it', async () => {
    const { engine } = openScripted({ script: respond(CALL, ANSWER), contextLength: 16_384 });
    await engine.setImage(picture(1900, 1900));
    await engine.prefetch(SETTINGS);
    const { rounds } = await engine.ask(QUESTION, SETTINGS, () => undefined);
    expect(rounds[1]?.timings.preprocessMs).toBe(0);
  });

  it('is not preprocessed where that would block the thread for long, for a call that may never come', async () => {
    const { engine } = openScripted({ script: respond(CALL, ANSWER), contextLength: 16_384 });
    await engine.setImage(picture(2100, 2100));
    await engine.prefetch(SETTINGS);
    const { rounds } = await engine.ask(QUESTION, SETTINGS, () => undefined);
    expect(rounds[1]?.timings.preprocessMs).toBeGreaterThan(0);
  });

  it('waits for a question that has arrived meanwhile', async () => {
    const held = gate('encode');
    const { engine } = openScripted({ script: respond(CALL, ANSWER), beforeRun: held.beforeRun });
    await engine.setImage(picture(1400, 1400));
    const prefetching = engine.prefetch(SETTINGS);
    await held.reached;
    const asked = engine.ask(QUESTION, SETTINGS, () => undefined);
    held.open();
    expect((await asked).rounds[1]?.timings.preprocessMs).toBeGreaterThan(0);
    await prefetching;
  });
});

describe('a prefetch in progress', () => {
  it('is awaited by the question it is for, and not done twice', async () => {
    const held = gate('encode');
    const { engine, backend } = await open({ beforeRun: held.beforeRun });
    const prefetching = engine.prefetch(SETTINGS);
    await held.reached;
    const asked = engine.ask(QUESTION, SETTINGS, () => undefined);
    held.open();
    expect((await asked).answer).toBe('42');
    await prefetching;
    expect(backend.runs.filter(({ kind }) => kind === 'encode')).toHaveLength(1);
  });

  it('counts towards the times of the question that waits for it, which reports the wait', async () => {
    const held = gate('encode');
    const { engine } = await open({ beforeRun: held.beforeRun });
    const prefetching = engine.prefetch(SETTINGS);
    await held.reached;
    const types: string[] = [];
    const asked = engine.ask(QUESTION, SETTINGS, (event) => types.push(event.type));
    const start = performance.now();
    while (performance.now() < start + 50) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(types).toEqual(['stage']);
    held.open();
    const { ttftMs, totalMs } = await asked;
    expect(ttftMs).toBeGreaterThanOrEqual(50);
    expect(totalMs).toBeGreaterThanOrEqual(ttftMs ?? 0);
    await prefetching;
  });

  it('is aborted by a question with other settings', async () => {
    const held = gate('encode');
    const { engine } = await open({ beforeRun: held.beforeRun });
    const prefetching = engine.prefetch({ ...SETTINGS, ...MODE_SWITCHES.full });
    await held.reached;
    const asked = engine.ask(QUESTION, SETTINGS, () => undefined);
    held.open();
    expect((await asked).answer).toBe('42');
    await prefetching;
  });

  it('is aborted by another image', async () => {
    const held = gate('encode');
    const { engine, backend } = await open({ beforeRun: held.beforeRun });
    const prefetching = engine.prefetch(SETTINGS);
    await held.reached;
    const replaced = engine.setImage(picture(56, 84, 2));
    held.open();
    await Promise.all([prefetching, replaced]);
    expect(backend.forwardRuns).toHaveLength(0);
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
  });

  it('ends with a stop, of a question that waits for it too', async () => {
    const held = gate('encode');
    const { engine } = await open({ beforeRun: held.beforeRun });
    const prefetching = engine.prefetch(SETTINGS);
    await held.reached;
    const asked = engine.ask(QUESTION, SETTINGS, () => undefined);
    const stopped = engine.stop();
    held.open();
    await Promise.all([prefetching, stopped]);
    expect((await asked).finishReason).toBe('stopped');
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
  });

  it('leaves errors to the question', async () => {
    let fail = true;
    const { engine } = await open({
      beforeRun: (run) => {
        if (fail && run.kind === 'encode') throw new Error('no memory');
      },
    });
    await expect(engine.prefetch(SETTINGS)).resolves.toBeUndefined();
    await expect(engine.ask(QUESTION, SETTINGS, () => undefined)).rejects.toThrow('no memory');
    fail = false;
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
  });
});
