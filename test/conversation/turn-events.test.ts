/** The events of a running turn, and sampling. */
import { describe, expect, it } from 'vitest';
import { sayInRound1 } from '../../src/evaluation/given-text.ts';
import { QUESTION, FULL_TOKENS, HALF_TOKENS, open, ask, SETTINGS } from '../helpers/ask-scripted.ts';
import { ANSWER, CALL, IM_END, respond, respondIds, TOKENIZER } from '../helpers/scripted-engine.ts';

describe('the events', () => {
  it('report stages, rounds and text in the order in which they happen', async () => {
    const { events, result } = await ask({ script: respond(CALL, ANSWER) });
    const order = events.map((event) =>
      event.type === 'stage' ? `${event.round} ${event.stage}` : `${event.round} ${event.type}`,
    );
    const distinct = order.filter((step, i) => step !== order[i - 1]);
    const round = (n: number): string[] =>
      ['preprocess', 'roundStart', 'encode', 'prefill', 'decode', 'text', 'roundEnd'].map((step) => `${n} ${step}`);
    expect(distinct).toEqual([...round(1), ...round(2)]);
    const ends = events.flatMap((event) => (event.type === 'roundEnd' ? [event.result] : []));
    expect(ends).toEqual(result.rounds);
    const fractions = events.flatMap((event) =>
      event.type === 'stage' && event.fraction !== undefined ? [event.fraction] : [],
    );
    expect(fractions.every((fraction) => fraction >= 0 && fraction <= 1)).toBe(true);
    expect(fractions.at(-1)).toBe(1);
  });

  it('report text by its kind, and the image of every round', async () => {
    const { events } = await ask({ script: respond(CALL, ANSWER) });
    const text = (round: number, kind: string): string =>
      events
        .flatMap((event) =>
          event.type === 'text' && event.round === round && event.kind === kind ? [event.delta] : [],
        )
        .join('');
    expect(text(1, 'thinking')).toBe('Too small.');
    expect(text(1, 'toolCall')).toBe('{"name": "resize_image", "arguments": {"action": "resize"}}');
    expect(text(1, 'answer')).toBe('');
    expect(text(2, 'thinking')).toBe('I see this clearly.');
    expect(text(2, 'answer')).toBe('42');
    const starts = events.flatMap((event) => (event.type === 'roundStart' ? [event] : []));
    expect(starts.map(({ resolution, imageSize, visualTokens }) => ({ resolution, imageSize, visualTokens }))).toEqual([
      { resolution: 'half', imageSize: { width: 56, height: 56 }, visualTokens: HALF_TOKENS },
      { resolution: 'full', imageSize: { width: 112, height: 112 }, visualTokens: FULL_TOKENS },
    ]);
    expect(starts.map((start) => start.seen?.width)).toEqual([56, 112]);
  });

  it("keep special tokens in a round's text, but not in the answer", async () => {
    const ids = TOKENIZER.encode('<answer>4<|im_start|><|vision_end|>2</answer>');
    const { result } = await ask({ script: respondIds([...ids, IM_END]) });
    expect(result.rounds[0]?.text).toBe('<answer>4<|im_start|><|vision_end|>2</answer><|im_end|>');
    expect(result.rounds[0]?.text).toBe(TOKENIZER.decode(result.rounds[0]?.tokenIds ?? []));
    expect(result.answer).toBe('42');
  });

  it('give text without tags as the answer', async () => {
    const { result } = await ask({ script: respond('The sky is blue. ') });
    expect(result.answer).toBe('The sky is blue.');
  });

  it('report a forced round 1 in place of the generation', async () => {
    const { engine } = await open({ script: respond(ANSWER, '<answer>7</answer>') });
    const settings = { ...SETTINGS, maxNewTokens: 20 };
    const result = await engine.ask(QUESTION, settings, () => undefined, sayInRound1(CALL));
    expect(result.rounds[0]?.tokenIds).toEqual([...TOKENIZER.encode(CALL), IM_END]);
    expect(result.answer).toBe('7');
    expect(result.finishReason).toBe('stop');
  });
});

describe('sampling', () => {
  const script = {
    next: () => IM_END,
    // Random letters, sometimes an end token.
    logits(sequence: readonly number[]): Float32Array {
      return Float32Array.from({ length: 336 }, (_, id) =>
        id === IM_END ? 1 : id < 12 || id > 320 ? -20 : Math.sin(id * sequence.length),
      );
    },
  };

  it('is repeatable with a seed', async () => {
    const settings = { temperature: 1, seed: 7, maxNewTokens: 40 };
    const runs = await Promise.all([
      ask({ script }, settings),
      ask({ script }, settings),
      ask({ script }, { ...settings, seed: 8 }),
    ]);
    const [one, two, other] = runs.map(({ result }) => result.rounds[0]?.tokenIds);
    expect(one?.length).toBeGreaterThan(1);
    expect(two).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('is greedy at temperature 0 with any seed', async () => {
    const { result } = await ask({ script: respond(ANSWER) }, { temperature: 0, seed: 3 });
    expect(result.answer).toBe('42');
  });
});
