/** Tool calls in a turn: second rounds, error turns, refusals. */
import { describe, expect, it } from 'vitest';
import { FULL_TOKENS, HALF_TOKENS, ask, watching } from '../helpers/ask-scripted.ts';
import {
  ANSWER,
  CALL,
  EFFICIENT_PROMPTS,
  GENERAL_PROMPTS,
  IM_START,
  respond,
  TOKENIZER,
} from '../helpers/scripted-engine.ts';

describe('tool calls', () => {
  const malformed = {
    'bad JSON': '<tool_call>{"name": "resize_image", "arguments": {"action": }}</tool_call>',
    'a wrong action': '<tool_call>{"name": "resize_image", "arguments": {"action": "crop"}}</tool_call>',
    'two calls': '<tool_call>{"arguments": {"action": "resize"}}{"arguments": {"action": "resize"}}</tool_call>',
    'two pairs of tags':
      '<tool_call>{"arguments": {"action": "resize"}}</tool_call><tool_call>{"arguments": {"action": "resize"}}</tool_call>',
    'nothing inside': '<tool_call></tool_call>',
  };

  it.each(Object.entries(malformed))('answers %s with the error turn and generates round 2', async (_, text) => {
    const watch = watching(respond(text, ANSWER));
    const { result } = await ask({ script: watch.script, prompts: EFFICIENT_PROMPTS });
    const [first, second] = result.rounds;
    if (first === undefined || second === undefined) throw new Error('there are two rounds');
    const { toolCall } = first;
    if (toolCall?.error === undefined) throw new Error('the call has an error');
    expect(toolCall.valid).toBe(false);
    expect(second.resolution).toBe('none');
    expect(second.imageSize).toEqual({ width: 0, height: 0 });
    expect(second.visualTokens).toBe(0);
    expect(second.recomputedTokens).toBe(0);
    expect(second.computedTokens).toBe(second.promptTokens - (first.promptTokens + first.tokenIds.length - 1));
    expect(result.answer).toBe('42');
    expect(result.finishReason).toBe('stop');
    expect(result.visualTokens).toEqual({ used: HALF_TOKENS, full: FULL_TOKENS, ratio: 0.25 });
    const turn = watch.last().slice(first.promptTokens + first.tokenIds.length, second.promptTokens);
    expect(TOKENIZER.decode(turn)).toBe(
      `<|im_start|>user\n${toolCall.error}Please analyze the error information obtained from the function tool and adjust ` +
        'your response. Countinue your reasoning process inside <think> and </think>.<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  it.each(Object.entries(malformed))('ends the turn on %s when the model has no error turn', async (_, text) => {
    const { result } = await ask({ script: respond(text, ANSWER) });
    expect(result.rounds).toHaveLength(1);
    expect(result.finishReason).toBe('toolCallRefused');
    expect(result.rounds[0]?.toolCall).toMatchObject({
      valid: false,
      error: expect.stringContaining('no turn for errors'),
    });
  });

  it('keeps control tokens out of an error turn that quotes the model', async () => {
    const text = '<tool_call>{"arguments": {"action": "<|im_start|>"}}</tool_call>';
    const watch = watching(respond(text, ANSWER));
    const { result } = await ask({ script: watch.script, prompts: EFFICIENT_PROMPTS });
    const [first, second] = result.rounds;
    if (first === undefined || second === undefined) throw new Error('there are two rounds');
    const turn = watch.last().slice(first.promptTokens + first.tokenIds.length, second.promptTokens);
    expect(turn.filter((id) => id === IM_START)).toHaveLength(2);
  });

  it('refuses a call when the tool is off', async () => {
    const { result } = await ask({ script: respond(CALL, ANSWER) }, { tool: false });
    expect(result.finishReason).toBe('toolCallRefused');
    expect(result.rounds).toHaveLength(1);
    expect(result.rounds[0]?.toolCall?.error).toMatch(/not offered/);
    expect(result.visualTokens.used).toBe(HALF_TOKENS);
  });

  it('refuses a call of a model without a tool', async () => {
    const { result } = await ask({ script: respond(CALL, ANSWER), prompts: GENERAL_PROMPTS });
    expect(result.finishReason).toBe('toolCallRefused');
    expect(result.rounds[0]?.toolCall?.error).toMatch(/not offered/);
  });

  it('refuses a call in round 2', async () => {
    const { result } = await ask({ script: respond(CALL, CALL) });
    expect(result.finishReason).toBe('toolCallRefused');
    expect(result.rounds).toHaveLength(2);
    expect(result.rounds[0]?.toolCall).toEqual({ valid: true });
    expect(result.rounds[1]?.toolCall?.error).toMatch(/used up/);
    expect(result.visualTokens.ratio).toBe(1.25);
  });

  it('shows the full image twice when it started with it and the model calls', async () => {
    const { result } = await ask({ script: respond(CALL, ANSWER) }, { downsample: false });
    expect(result.rounds.map((round) => round.resolution)).toEqual(['full', 'full']);
    expect(result.visualTokens).toEqual({ used: 2 * FULL_TOKENS, full: FULL_TOKENS, ratio: 2 });
    expect(result.rounds[1]?.timings.encodeMs).toBe(0);
    expect(result.rounds[1]?.recomputedTokens).toBe(0);
  });

  it('uses a system turn without the tool when the tool is off', async () => {
    const watch = watching(respond(ANSWER));
    await ask({ script: watch.script, prompts: EFFICIENT_PROMPTS }, { tool: false });
    const text = TOKENIZER.decode(watch.last());
    expect(text).toContain('<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n');
    expect(text).not.toContain('resize_image');
  });
});

describe('the limit on rounds', () => {
  const malformed = '<tool_call>{"arguments": {"action": "crop"}}</tool_call>';

  it('is a setting: a malformed call still leaves a round for the right one', async () => {
    const script = respond(malformed, CALL, ANSWER);
    const { result } = await ask({ script, prompts: EFFICIENT_PROMPTS }, { maxRounds: 3 });
    expect(result.rounds.map(({ resolution }) => resolution)).toEqual(['half', 'none', 'full']);
    expect(result.rounds.map(({ recomputedTokens }) => recomputedTokens)).toEqual([0, 0, 0]);
    expect(result).toMatchObject({ answer: '42', finishReason: 'stop' });
    const { result: two } = await ask({ script, prompts: EFFICIENT_PROMPTS });
    expect(two.rounds.at(-1)?.toolCall).toEqual({ valid: true, error: 'All 2 rounds are used up.' });
  });

  it('of one round allows no call', async () => {
    const { result } = await ask({ script: respond(CALL, ANSWER) }, { maxRounds: 1 });
    expect(result).toMatchObject({ finishReason: 'toolCallRefused', rounds: [{ resolution: 'half' }] });
    expect(result.rounds[0]?.toolCall?.error).toBe('The only round is used up.');
  });

  it('does not let a turn show the full image again', async () => {
    const { result } = await ask({ script: respond(CALL, CALL, ANSWER) }, { maxRounds: 5 });
    expect(result).toMatchObject({ finishReason: 'toolCallRefused' });
    expect(result.rounds.map(({ resolution }) => resolution)).toEqual(['half', 'full']);
    expect(result.rounds[1]?.toolCall?.error).toBe('A turn shows at most 2 images.');
  });
});
