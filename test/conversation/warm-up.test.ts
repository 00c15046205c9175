/** Warm-up: runs everything once, keeps nothing, and its failure fails the load. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, type TurnSettings } from '../../src/protocol/turn.ts';
import { ANSWER, openScripted, picture, respond } from '../helpers/scripted-engine.ts';

const SETTINGS: TurnSettings = { ...DEFAULT_SETTINGS, maxNewTokens: 200 };

describe.each([
  { pipelined: false, leavesThreadFree: true },
  { pipelined: false, leavesThreadFree: false },
  { pipelined: true, leavesThreadFree: true },
])('an engine with pipelined $pipelined, leavesThreadFree $leavesThreadFree', (machine) => {
  it('runs the vision tower, a prefill and steps, and keeps nothing', async () => {
    const { engine, backend } = openScripted({ ...machine, script: respond(ANSWER) });
    await engine.warmUp();
    expect(new Set(backend.runs.map(({ kind }) => kind))).toEqual(new Set(['encode', 'forward']));
    expect(backend.forwardRuns.length).toBeGreaterThanOrEqual(2);
    expect(backend.allocated.size).toBe(0);
  });

  it('does not change later answers', async () => {
    const answers = await Promise.all(
      [true, false].map(async (warm) => {
        const { engine } = openScripted({ ...machine, script: respond(ANSWER) });
        if (warm) await engine.warmUp();
        await engine.setImage(picture(112, 112));
        const { rounds } = await engine.ask('How many?', SETTINGS, () => undefined);
        return rounds.map(({ tokenIds, computedTokens }) => ({ tokenIds, computedTokens }));
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
  });

  it('reports a failure, and stays usable', async () => {
    let fail = true;
    const { engine } = openScripted({
      ...machine,
      script: respond(ANSWER),
      beforeRun: ({ kind }) => {
        if (fail && kind === 'forward') throw new Error('no memory');
      },
    });
    await expect(engine.warmUp()).rejects.toThrow('no memory');
    fail = false;
    await engine.warmUp();
  });

  it('fails on non-finite logits, so that the next backend is tried', async () => {
    const script = { ...respond(ANSWER), logits: () => new Float32Array(336).fill(NaN) };
    const { engine, backend } = openScripted({ ...machine, script });
    await expect(engine.warmUp()).rejects.toMatchObject({ name: 'NumericCheckError' });
    expect(backend.allocated.size).toBe(0);
  });
});
