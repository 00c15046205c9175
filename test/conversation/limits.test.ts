/** Limits at which a turn ends or is refused: lengths, contexts, questions, pixel budgets. */
import { describe, expect, it } from 'vitest';
import { SETTINGS, QUESTION, open, ask, failure, watching } from '../helpers/ask-scripted.ts';
import {
  ANSWER,
  CALL,
  EFFICIENT_PROMPTS,
  IM_END,
  openScripted,
  picture,
  respond,
  respondIds,
  TOKENIZER,
} from '../helpers/scripted-engine.ts';

describe('limits', () => {
  it('ends with length when maxNewTokens cuts the text', async () => {
    const { result } = await ask({ script: respond(ANSWER) }, { maxNewTokens: 3 });
    expect(result.finishReason).toBe('length');
    expect(result.rounds[0]?.tokenIds).toEqual(TOKENIZER.encode(ANSWER).slice(0, 3));
  });

  it('closes a call that was cut right after its tag, and continues', async () => {
    const ids = TOKENIZER.encode(CALL);
    const watch = watching(respondIds([...ids, ...TOKENIZER.encode('More text')], TOKENIZER.encode(ANSWER)));
    const { result } = await ask({ script: watch.script }, { maxNewTokens: ids.length });
    const [first, second] = result.rounds;
    if (first === undefined || second === undefined) throw new Error('there are two rounds');
    expect(first.tokenIds).toEqual(ids);
    const generated = watch.last().slice(first.promptTokens, first.promptTokens + ids.length + 1);
    expect(generated).toEqual([...ids, IM_END]);
    expect(second.computedTokens).toBe(second.promptTokens - (first.promptTokens + ids.length - 1));
    expect(second.recomputedTokens).toBe(0);
  });

  it('reserves space for the tool response even when few new tokens are allowed', async () => {
    // The prompt fills a step of the cache almost to the end.
    const { engine } = openScripted({ script: respond(CALL, ANSWER), prompts: EFFICIENT_PROMPTS });
    await engine.setImage(picture(112, 112));
    const limit = TOKENIZER.encode(CALL).length + 1;
    const ended: string[] = [];
    for (let words = 0; words < 20; words++) {
      const result = await engine.ask(
        `Is it red?${' Is it red?'.repeat(words * 8)}`,
        { ...SETTINGS, maxNewTokens: limit },
        () => undefined,
      );
      ended.push(result.answer);
    }
    expect(new Set(ended)).toEqual(new Set(['42']));
  });

  it('says so when the prompt does not fit the context, and stays usable', async () => {
    const { engine } = await open({ script: respond(ANSWER), contextLength: 256 });
    const error = await failure(engine.ask('Is it red? '.repeat(100), SETTINGS, () => undefined));
    expect(error.name).toBe('ContextLengthError');
    expect(error.message).toMatch(/\d+ tokens.*256/);
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
  });

  it('ends with length when the context is full', async () => {
    const { result, backend } = await ask({ script: respond('the bars '.repeat(300)), contextLength: 128 });
    expect(result.finishReason).toBe('length');
    const [round] = result.rounds;
    expect((round?.promptTokens ?? 0) + (round?.tokenIds.length ?? 0)).toBe(129);
    expect(Math.max(...backend.forwardRuns.map((run) => run.total))).toBe(128);
  });

  it('ends with length when the full image no longer fits', async () => {
    const wide = await ask({ script: respond(CALL, ANSWER) });
    const needed = wide.result.rounds[1]?.promptTokens ?? 0;
    const fitting = await ask({ script: respond(CALL, ANSWER), contextLength: needed + 1 });
    expect(fitting.result.rounds).toHaveLength(2);
    const { result } = await ask({ script: respond(CALL, ANSWER), contextLength: needed });
    expect(result.finishReason).toBe('length');
    expect(result.rounds).toHaveLength(1);
    expect(result.rounds[0]?.toolCall?.valid).toBe(true);
    expect(result.rounds[0]?.toolCall?.error).toMatch(/context/);
  });

  it.each(['', ' \n\t '])('refuses the empty question %j', async (question) => {
    const { engine } = await open({ script: respond(ANSWER) });
    expect((await failure(engine.ask(question, SETTINGS, () => undefined))).name).toBe('QuestionError');
    expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
  });

  it.each([256, 32_768])(
    'refuses 100,000 characters in a context of %i, and keeps the image',
    async (contextLength) => {
      const { engine } = await open({ script: respond(ANSWER), contextLength });
      const error = await failure(engine.ask('x y '.repeat(25_000), SETTINGS, () => undefined));
      expect(['QuestionError', 'ContextLengthError']).toContain(error.name);
      expect(error.message).toMatch(/\d/);
      expect(error.message).toMatch(/[Ss]horte/);
      expect((await engine.ask(QUESTION, SETTINGS, () => undefined)).answer).toBe('42');
    },
  );

  it('asks for an image first', async () => {
    const { engine } = openScripted({ script: respond(ANSWER) });
    const error = await failure(engine.ask(QUESTION, SETTINGS, () => undefined));
    expect([error.name, error.message]).toEqual(['QuestionError', expect.stringMatching(/image/)]);
  });

  it('applies a pixel budget before the image is halved', async () => {
    const { result } = await ask({ script: respond(CALL, ANSWER) }, { pixelBudget: 56 * 56 });
    expect(result.rounds.map((round) => round.visualTokens)).toEqual([1, 4].map((tokens) => Math.max(tokens, 4)));
    expect(result.visualTokens.full).toBe(4);
  });

  it("reports an image's cost within a pixel budget without changing anything", async () => {
    const { engine } = openScripted({ script: respond(CALL, ANSWER) });
    expect(() => engine.planImage(SETTINGS)).toThrow('There is no image yet');
    const info = await engine.setImage(picture(112, 112));
    expect(engine.planImage(SETTINGS)).toEqual(info);
    const planned = engine.planImage({ ...SETTINGS, pixelBudget: 56 * 56 });
    const [free, within] = [
      await engine.ask(QUESTION, SETTINGS, () => undefined),
      await engine.ask(QUESTION, { ...SETTINGS, pixelBudget: 56 * 56 }, () => undefined),
    ];
    expect(free.visualTokens.full).toBe(info.fullTokens);
    expect(within.visualTokens.full).toBe(planned.fullTokens);
    expect(planned.fullTokens).toBeLessThan(info.fullTokens);
  });
});
