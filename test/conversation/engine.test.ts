/** One turn at a time, and the engine's state after failures. */
import { describe, expect, it } from 'vitest';
import { SETTINGS, QUESTION, open, failure } from '../helpers/ask-scripted.ts';
import { ANSWER, picture, respond, TOKENIZER } from '../helpers/scripted-engine.ts';

describe('one turn at a time', () => {
  it('refuses a second question and a new image while one is answered', async () => {
    const { engine } = await open({ script: respond(ANSWER) });
    const first = engine.ask(QUESTION, SETTINGS, () => undefined);
    expect((await failure(engine.ask(QUESTION, SETTINGS, () => undefined))).name).toBe('BusyError');
    expect((await failure(engine.setImage(picture(56, 56)))).name).toBe('BusyError');
    expect((await first).answer).toBe('42');
  });

  it('is free again after a machine failed', async () => {
    const { engine, backend } = await open({ script: respond(ANSWER) });
    let failures = 1;
    backend.beforeRun = ({ kind }) => {
      if (kind === 'encode' && failures-- > 0) throw new Error('the device is lost');
    };
    await expect(engine.ask(QUESTION, SETTINGS, () => undefined)).rejects.toThrow('the device is lost');
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
  });

  it('is free again after a decoder run failed, with the cache intact', async () => {
    const { engine, backend } = await open({ script: respond(ANSWER) });
    let left = 3;
    backend.beforeRun = ({ kind }) => {
      if (kind === 'forward' && --left === 0) throw new Error('the device is lost');
    };
    await expect(engine.ask(QUESTION, SETTINGS, () => undefined)).rejects.toThrow('the device is lost');
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
  });

  it('does not use a cache that could not be allocated', async () => {
    let fails = false;
    const { engine } = await open({ script: respond(ANSWER), failAllocation: () => fails });
    fails = true;
    await expect(engine.ask(QUESTION, SETTINGS, () => undefined)).rejects.toThrow('out of device memory');
    fails = false;
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
    // A failed larger allocation leaves no cache: the old one was freed for it.
    fails = true;
    await engine.setImage(picture(1120, 1120));
    await expect(engine.ask(QUESTION, SETTINGS, () => undefined)).rejects.toThrow('out of device memory');
    fails = false;
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
  });

  it('takes a new image and forgets the old one', async () => {
    const { engine } = await open({ script: respond(ANSWER) });
    await engine.ask(QUESTION, SETTINGS, () => undefined);
    await engine.setImage(picture(112, 112, 9));
    const result = await engine.ask(QUESTION, SETTINGS, () => undefined);
    const [round] = result.rounds;
    const kept = TOKENIZER.encode('<|im_start|>user\n<|vision_start|>').length;
    expect((round?.promptTokens ?? 0) - (round?.computedTokens ?? 0)).toBe(kept);
  });

  it('keeps the image before when a new one has an impossible shape', async () => {
    const { engine } = await open({ script: respond(ANSWER) });
    expect((await failure(engine.setImage(picture(9000, 2)))).name).toBe('ImageShapeError');
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
  });

  it('frees everything when it is disposed of', async () => {
    const { engine, backend } = await open({ script: respond(ANSWER) });
    await engine.ask(QUESTION, SETTINGS, () => undefined);
    await engine.dispose();
    expect(backend.allocated.size).toBe(0);
    expect(backend.disposed).toBe(true);
  });
});
