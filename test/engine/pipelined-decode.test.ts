/** Pipelined decode: every way a response can end while steps are still in flight. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sayInRound1 } from '../../src/evaluation/given-text.ts';
import { DEFAULT_SETTINGS, type TurnResult, type TurnSettings } from '../../src/protocol/turn.ts';
import {
  ANSWER,
  CALL,
  type EngineOptions,
  IM_END,
  openScripted,
  picture,
  respond,
  respondIds,
  TOKENIZER,
} from '../helpers/scripted-engine.ts';
import type { RecordedRun, ScriptedBackend } from '../helpers/scripted-backend.ts';
import type { AskOptions } from '../../src/conversation/engine.ts';

const PIPELINED = { pipelined: true, leavesThreadFree: true } as const;
const IN_FLIGHT_DEPTH = 4;
const SETTINGS: TurnSettings = { ...DEFAULT_SETTINGS, maxNewTokens: 100 };

/** Ids without a repeated pair: prompt lookup finds no draft in them. */
const UNLIKE = Array.from({ length: 40 }, (_, i) => 20 + i);

async function ask(
  options: EngineOptions,
  settings: Partial<TurnSettings> = {},
): Promise<{ result: TurnResult; backend: ScriptedBackend; again: () => Promise<TurnResult> }> {
  const { engine, backend } = openScripted({ ...PIPELINED, ...options });
  await engine.setImage(picture(56, 56));
  const again = (): Promise<TurnResult> => engine.ask('How many?', { ...SETTINGS, ...settings }, () => undefined);
  return { result: await again(), backend, again };
}

/** The part of a result that must not depend on how its tokens were computed. */
function essence({ answer, finishReason, rounds }: TurnResult): unknown {
  return {
    answer,
    finishReason,
    rounds: rounds.map(({ tokenIds, text, computedTokens, recomputedTokens }) => ({
      tokenIds,
      text,
      computedTokens,
      recomputedTokens,
    })),
  };
}

/** Waits until all pending callbacks have run. */
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe('pipelined decode', () => {
  it('keeps exactly the in-flight depth, on a device that runs one thing at a time', async () => {
    const { result, backend } = await ask({ script: respondIds(UNLIKE) });
    expect(result.rounds[0]?.tokenIds).toEqual([...UNLIKE, IM_END]);
    expect(backend.mostInFlight).toBe(IN_FLIGHT_DEPTH);
    expect(backend.mostRunning).toBe(1);
  });

  it('truncates the steps computed past the end, and recomputes nothing', async () => {
    const { result, backend, again } = await ask({ script: respondIds(UNLIKE) });
    const [round] = result.rounds;
    const sequence = (round?.promptTokens ?? 0) + UNLIKE.length; // <|im_end|> itself needs no step
    expect(Math.max(...backend.forwardRuns.map(({ total }) => total))).toBe(sequence + IN_FLIGHT_DEPTH - 1);
    const next = await again();
    expect(next.rounds[0]).toMatchObject({ tokenIds: round?.tokenIds, computedTokens: 1, recomputedTokens: 0 });
  });

  it.each([0, 3])('reports non-finite logits where the %s-th token is invalid, and stays usable', async (good) => {
    let broken = true;
    const script = respondIds(UNLIKE);
    const next = (sequence: readonly number[]): number => {
      const id = script.next(sequence);
      return broken && id === UNLIKE[good] ? 0xffff_ffff : id;
    };
    const { engine } = openScripted({ ...PIPELINED, script: { ...script, next } });
    await engine.setImage(picture(56, 56));
    const asked = (): Promise<TurnResult> => engine.ask('How many?', SETTINGS, () => undefined);
    await expect(asked()).rejects.toMatchObject({ name: 'NumericCheckError' });
    broken = false;
    expect((await asked()).rounds[0]?.tokenIds).toEqual([...UNLIKE, IM_END]);
  });

  it('submits no step beyond the limit', async () => {
    const { result, backend } = await ask({ script: respondIds(UNLIKE) }, { maxNewTokens: 10 });
    expect(result.finishReason).toBe('length');
    expect(result.rounds[0]?.tokenIds).toEqual(UNLIKE.slice(0, 10));
    expect(backend.forwardRuns.filter(({ tokens }) => tokens === 1)).toHaveLength(9);
  });

  it('submits no step that exceeds the cache', async () => {
    const { result: roomy } = await ask({ script: respondIds(UNLIKE) });
    const contextLength = (roomy.rounds[0]?.promptTokens ?? 0) + 12;
    const { result, backend } = await ask({ script: respondIds(UNLIKE), contextLength });
    expect(result.finishReason).toBe('length');
    expect(result.rounds[0]?.tokenIds).toEqual(UNLIKE.slice(0, 13));
    expect(Math.max(...backend.forwardRuns.map(({ total }) => total))).toBe(contextLength);
  });

  it('drains for a draft that pays off, and continues after it', async () => {
    const ids = [...UNLIKE.slice(0, 24), ...UNLIKE];
    const { result, backend } = await ask({ script: respondIds(ids) });
    const [round] = result.rounds;
    expect(round?.tokenIds).toEqual([...ids, IM_END]);
    // A draft needs two repeated tokens, and by then all but one of the next tokens are in flight.
    expect(round?.acceptedTokens).toBe(24 - 2 - (IN_FLIGHT_DEPTH - 1));
    const verified = backend.forwardRuns.filter(({ tokens }) => tokens === 1 + (round?.draftedTokens ?? 0));
    expect(verified).toHaveLength(1);
    expect(round?.recomputedTokens).toBe(0);
  });

  it('keeps the steps in flight when they contradict the draft', async () => {
    const ids = [...UNLIKE.slice(0, 24), ...UNLIKE.slice(0, 3), 90, 91, 92, 93, 94, 95, 96];
    const { result, backend } = await ask({ script: respondIds(ids) });
    expect(result.rounds[0]).toMatchObject({ tokenIds: [...ids, IM_END], draftedTokens: 0 });
    const steps = backend.forwardRuns.filter(({ tokens }) => tokens === 1);
    expect(steps).toHaveLength(ids.length + IN_FLIGHT_DEPTH - 1);
  });

  it('skips a draft that is shorter than its cost', async () => {
    const { result } = await ask({ script: respond(CALL, ANSWER) });
    expect(result.rounds[0]).toMatchObject({ text: `${CALL}<|im_end|>`, draftedTokens: 0, recomputedTokens: 0 });
    expect(result.rounds[1]).toMatchObject({ text: `${ANSWER}<|im_end|>`, recomputedTokens: 0 });
  });

  it('computes sampled and forced tokens in single steps', async () => {
    const logits = (): Float32Array => new Float32Array(336).fill(-100).fill(0, 50, 60);
    const sampled = await ask({ script: { ...respondIds(UNLIKE), logits } }, { temperature: 1, maxNewTokens: 8 });
    expect(sampled.result.rounds[0]?.tokenIds).toHaveLength(8);
    expect(sampled.backend.mostInFlight).toBe(0);

    const { engine, backend } = openScripted({ ...PIPELINED, script: respond(ANSWER) });
    await engine.setImage(picture(56, 56));
    const settings = { ...SETTINGS, tool: false };
    await engine.ask('How many?', settings, () => undefined, sayInRound1(ANSWER));
    expect(backend.mostInFlight).toBe(0);
  });

  it('stops at once with the tokens that have arrived, whatever happens to the rest', async () => {
    const { engine, backend } = openScripted({ ...PIPELINED, script: respondIds(UNLIKE) });
    await engine.setImage(picture(56, 56));
    let arrivals = 0;
    const late: (() => void)[] = [];
    backend.beforeArrival = () => {
      if (++arrivals <= 5) return Promise.resolve();
      return new Promise((resolve, reject) => late.push(late.length % 2 === 0 ? resolve : reject));
    };
    const asked = engine.ask('How many?', SETTINGS, () => undefined);
    while (late.length < IN_FLIGHT_DEPTH) await soon();
    await engine.stop();
    const stopped = await asked;
    expect(stopped.finishReason).toBe('stopped');
    expect(stopped.rounds[0]?.tokenIds).toEqual(UNLIKE.slice(0, 6));

    backend.beforeArrival = () => undefined;
    const next = engine.ask('How many?', SETTINGS, () => undefined);
    for (const arrive of late) arrive();
    const { rounds } = await next;
    expect(rounds[0]).toMatchObject({ tokenIds: [...UNLIKE, IM_END], computedTokens: 1, recomputedTokens: 0 });
  });

  it('fails with the error of a token, and stays usable', async () => {
    const { engine, backend } = openScripted({ ...PIPELINED, script: respondIds(UNLIKE) });
    await engine.setImage(picture(56, 56));
    let arrivals = 0;
    backend.beforeArrival = async () => {
      await soon();
      if (++arrivals > 3) throw new Error('the device is lost');
    };
    await expect(engine.ask('How many?', SETTINGS, () => undefined)).rejects.toThrow('the device is lost');
    await soon(); // the other tokens in flight fail, too, without an unhandled rejection
    backend.beforeArrival = () => undefined;
    const { rounds } = await engine.ask('How many?', SETTINGS, () => undefined);
    expect(rounds[0]?.tokenIds).toEqual([...UNLIKE, IM_END]);
  });

  it('holds as much device memory after many turns as after one, and none at the end', async () => {
    const { engine, backend } = openScripted({ ...PIPELINED, script: respond(CALL, ANSWER) });
    await engine.setImage(picture(56, 56));
    const sizes: number[] = [];
    for (let turn = 0; turn < 4; turn++) {
      await engine.ask('How many?', SETTINGS, () => undefined);
      sizes.push(backend.allocated.size);
    }
    expect(new Set(sizes).size).toBe(1);
    await engine.dispose();
    expect(backend.allocated.size).toBe(0);
  });

  it('gives the result of single steps, for any responses, limits and delays', async () => {
    const { result } = await ask({ script: respondIds() });
    const promptTokens = result.rounds[0]?.promptTokens ?? 0;
    const response = fc.array(fc.integer({ min: 10, max: 14 }), { maxLength: 40 });
    const repeated = fc.tuple(response, response).map(([a, b]) => [...a, ...b, ...a, 15, ...a]);
    const likely = fc.oneof(response, repeated, fc.constant(TOKENIZER.encode(CALL)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(likely, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 60 }),
        fc.option(fc.integer({ min: 2, max: 50 }), { nil: 2000 }),
        fc.integer({ min: 0, max: 3 }),
        async (responses, maxNewTokens, freeSlots, delay) => {
          const outcomes: unknown[] = [];
          for (const pipelined of [false, true]) {
            const { engine, backend } = openScripted({
              ...PIPELINED,
              pipelined,
              script: respondIds(),
              contextLength: promptTokens + freeSlots,
            });
            backend.beforeArrival = async () => {
              for (let i = 0; i < delay; i++) await new Promise((resolve) => setImmediate(resolve));
            };
            await engine.setImage(picture(56, 56));
            for (const ids of responses) {
              backend.script = respondIds(ids, TOKENIZER.encode(ANSWER));
              const asked = engine.ask('How many?', { ...SETTINGS, maxNewTokens }, () => undefined);
              outcomes.push(await asked.then(essence, (thrown: unknown) => String(thrown)));
            }
            await engine.dispose();
          }
          const half = outcomes.length / 2;
          expect(outcomes.slice(half)).toEqual(outcomes.slice(0, half));
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('the full image', () => {
  const PATCHES = 32 * 24;

  /** Asks about a picture whose full view has PATCHES patches; returns the kinds of the runs, with the patches of each image. */
  async function runsOf(options: EngineOptions, asked: AskOptions = {}): Promise<string[]> {
    const { engine, backend } = openScripted({ ...PIPELINED, ...options });
    await engine.setImage(picture(448, 336));
    await engine.ask('How many?', SETTINGS, () => undefined, asked);
    return backend.runs.map(({ kind, tokens }) => (kind === 'encode' ? `${kind} ${tokens}` : kind));
  }

  /** Forward runs after the full image's encoding. */
  const behind = (runs: readonly string[]): number =>
    runs.slice(runs.indexOf(`encode ${PATCHES}`)).filter((run) => run === 'forward').length;

  it('is encoded once, as soon as a call for it starts', async () => {
    const runs = await runsOf({ script: respond(CALL, ANSWER) });
    expect(runs.filter((run) => run === `encode ${PATCHES}`)).toHaveLength(1);
    const late = await runsOf({ script: respond(CALL, ANSWER), pipelined: false });
    expect(late.filter((run) => run === `encode ${PATCHES}`)).toHaveLength(1);
    const call = TOKENIZER.encode(CALL.slice(CALL.indexOf('<tool_call>')));
    // All of the call's steps except the one whose token started it and those in flight at that time.
    expect(behind(runs) - behind(late)).toBeGreaterThan(call.length / 2);
  });

  it('is not encoded without a call, nor before the end of a forced one', async () => {
    expect(await runsOf({ script: respond(ANSWER) })).not.toContain(`encode ${PATCHES}`);
    const forced = await runsOf({ script: respond('', ANSWER) }, sayInRound1(CALL));
    expect(behind(forced)).toBeLessThan(TOKENIZER.encode(ANSWER).length + 2 * IN_FLIGHT_DEPTH);
  });

  it('is encoded again in round 2 after a failure, and a second failure is reported', async () => {
    let failures = 1;
    const beforeRun = ({ kind, tokens }: RecordedRun): void => {
      if (kind === 'encode' && tokens === PATCHES && failures-- > 0) throw new Error('out of device memory');
    };
    const runs = await runsOf({ script: respond(CALL, ANSWER), beforeRun });
    expect(runs).toContain(`encode ${PATCHES}`);
    failures = 2;
    await expect(runsOf({ script: respond(CALL, ANSWER), beforeRun })).rejects.toThrow('out of device memory');
  });

  it('is not affected by a stop', async () => {
    const { engine, backend } = openScripted({ ...PIPELINED, script: respond(CALL, ANSWER) });
    await engine.setImage(picture(448, 336));
    const result = await engine.ask('How many?', SETTINGS, (event) => {
      if (event.type === 'text' && event.kind === 'toolCall') void engine.stop();
    });
    expect(result).toMatchObject({ finishReason: 'stopped', rounds: [{ resolution: 'half' }] });
    const next = await engine.ask('How many?', SETTINGS, () => undefined);
    expect(next.answer).toBe('42');
    await engine.dispose();
    expect(backend.allocated.size).toBe(0);
  });
});
