/** Warming up: every graph has run once, nothing of it stays, and what fails there fails the load. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, type TurnSettings } from '../../src/protocol/turn.ts';
import { ANSWER, openScripted, picture, respond } from '../helpers/scripted-engine.ts';

const SETTINGS: TurnSettings = { ...DEFAULT_SETTINGS, maxNewTokens: 200 };

describe.each([
  { staticCache: true, concurrent: true },
  { staticCache: true, concurrent: true, pipelined: true },
  { staticCache: false, concurrent: false },
])('an engine with staticCache $staticCache, concurrent $concurrent, pipelined $pipelined', (machine) => {
  it('runs every graph, decoder and steps too, and keeps nothing', async () => {
    const { engine, runtime } = await openScripted({ ...machine, script: respond(ANSWER) });
    const loading = runtime.runs.length;
    await engine.warmUp();
    expect(new Set(runtime.runs.slice(loading).map(({ graph }) => graph))).toEqual(
      new Set(['vision_encoder', 'embed_tokens', 'decoder']),
    );
    expect(runtime.decoderRuns.length).toBeGreaterThanOrEqual(2);
    expect(runtime.allocated.size).toBe(0);
  });

  it('answers afterwards as without', async () => {
    const answers = await Promise.all(
      [true, false].map(async (warm) => {
        const { engine } = await openScripted({ ...machine, script: respond(ANSWER) });
        if (warm) await engine.warmUp();
        await engine.setImage(picture(112, 112));
        const { rounds } = await engine.ask('How many?', SETTINGS, () => undefined);
        return rounds.map(({ tokenIds, computedTokens }) => ({ tokenIds, computedTokens }));
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
  });

  it('says what fails, and can be asked again', async () => {
    let fail = true;
    const { engine } = await openScripted({
      ...machine,
      script: respond(ANSWER),
      beforeRun: ({ graph }) => {
        if (fail && graph === 'decoder') throw new Error('no memory');
      },
    });
    await expect(engine.warmUp()).rejects.toThrow('no memory');
    fail = false;
    await engine.warmUp();
  });

  it('fails where the logits are not finite, so that another way of computing is tried', async () => {
    const script = { ...respond(ANSWER), logits: () => new Float32Array(336).fill(NaN) };
    const { engine, runtime } = await openScripted({ ...machine, script });
    await expect(engine.warmUp()).rejects.toMatchObject({ name: 'NumericCheckError' });
    expect(runtime.allocated.size).toBe(0);
  });
});
