/** A turn from question to answer on a scripted backend: rounds, tokens, caching, stops. */
import { describe, expect, it } from 'vitest';
import { SETTINGS, QUESTION, FULL_TOKENS, HALF_TOKENS, open, ask, watching } from '../helpers/ask-scripted.ts';
import { ANSWER, CALL, EFFICIENT_PROMPTS, IM_END, IM_START, respond, TOKENIZER } from '../helpers/scripted-engine.ts';

describe.each([
  { pipelined: false, leavesThreadFree: true },
  { pipelined: false, leavesThreadFree: false },
  { pipelined: true, leavesThreadFree: true },
])('with pipelined $pipelined and leavesThreadFree $leavesThreadFree', (machine) => {
  it('answers in one round when the model does', async () => {
    const { result, backend } = await ask({ ...machine, script: respond(ANSWER) });
    expect(result.answer).toBe('42');
    expect(result.finishReason).toBe('stop');
    expect(result.rounds).toHaveLength(1);
    const [round] = result.rounds;
    expect(round?.resolution).toBe('half');
    expect(round?.imageSize).toEqual({ width: 56, height: 56 });
    expect(round?.toolCall).toBeNull();
    expect(round?.text).toBe(`${ANSWER}<|im_end|>`);
    expect(round?.tokenIds).toEqual([...TOKENIZER.encode(ANSWER), IM_END]);
    expect(round?.computedTokens).toBe(round?.promptTokens);
    expect(result.visualTokens).toEqual({ used: HALF_TOKENS, full: FULL_TOKENS, ratio: 0.25 });
    expect(backend.mostRunning).toBe(1);
  });

  it('runs a second round after a valid call, and recomputes nothing', async () => {
    const watch = watching(respond(CALL, ANSWER));
    const { result } = await ask({ ...machine, script: watch.script, prompts: EFFICIENT_PROMPTS });
    const [first, second] = result.rounds;
    if (first === undefined || second === undefined) throw new Error('there are two rounds');
    expect(result.answer).toBe('42');
    expect(result.finishReason).toBe('stop');
    expect(first.toolCall).toEqual({ valid: true });
    expect(second.resolution).toBe('full');
    expect(second.computedTokens).toBe(second.promptTokens - (first.promptTokens + first.tokenIds.length - 1));
    expect([first.recomputedTokens, second.recomputedTokens]).toEqual([0, 0]);
    expect(result.visualTokens).toEqual({ used: HALF_TOKENS + FULL_TOKENS, full: FULL_TOKENS, ratio: 1.25 });

    // The whole sequence: prompt 1, the generated tokens, the tool's turn; nothing between <|im_end|> and that turn.
    // Steps in flight may have been computed after it.
    const length = second.promptTokens + second.tokenIds.length - 1;
    const ids = watch.last().slice(0, length);
    expect(ids).toHaveLength(length);
    expect(ids.slice(first.promptTokens, first.promptTokens + first.tokenIds.length)).toEqual(first.tokenIds);
    const turn = ids.slice(first.promptTokens + first.tokenIds.length, second.promptTokens);
    expect(turn[0]).toBe(IM_START);
    expect(TOKENIZER.decode(turn)).toBe(
      '<|im_start|>user\n<tool_response>\nThe resized image is shown below:\n<|vision_start|>' +
        '<|image_pad|>'.repeat(FULL_TOKENS) +
        '<|vision_end|>\n</tool_response>\nPlease carefully analyze the content returned from the image resize tool in ' +
        'combination with the original question and image from the user, continue your reasoning process inside <think> ' +
        'and </think> and then write your final answer inside <answer> and </answer>.<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  it('gives a follow-up question the same tokens as a fresh engine, from the image on', async () => {
    const script = respond(CALL, ANSWER);
    const { engine, result: first } = await ask({ ...machine, script });
    const followUp = await engine.ask('Which colour is the sky?', SETTINGS, () => undefined);
    const fresh = await ask({ ...machine, script }, {}, 'Which colour is the sky?');
    expect(followUp.rounds.map((round) => round.tokenIds)).toEqual(fresh.result.rounds.map((round) => round.tokenIds));
    expect(followUp.answer).toBe(fresh.result.answer);
    const [again] = followUp.rounds;
    const [anew] = fresh.result.rounds;
    if (again === undefined || anew === undefined) throw new Error('no rounds');
    expect(anew.computedTokens).toBe(anew.promptTokens);
    // `<|im_start|>user\n<|vision_start|>`, the half image and `<|vision_end|>` are cached.
    const kept = TOKENIZER.encode('<|im_start|>user\n<|vision_start|>').length + HALF_TOKENS + 1;
    expect(again.promptTokens - again.computedTokens).toBe(kept);
    expect(first.rounds[0]?.timings.encodeMs).toBeGreaterThan(0);
    expect(again.timings.encodeMs).toBe(0);
  });

  it('recomputes only the last prompt token when the same question is asked again', async () => {
    const { engine, result } = await ask({ ...machine, script: respond(ANSWER) });
    const again = await engine.ask(QUESTION, SETTINGS, () => undefined);
    expect(again.rounds[0]?.computedTokens).toBe(1);
    expect(again.rounds[0]?.tokenIds).toEqual(result.rounds[0]?.tokenIds);
  });

  it.each(['preprocess', 'encode', 'prefill', 'decode'] as const)(
    'stops during %s and works afterwards',
    async (stage) => {
      const script = respond(CALL, ANSWER);
      const { engine, backend } = await open({ ...machine, script });
      const stops: Promise<void>[] = [];
      const result = await engine.ask(QUESTION, SETTINGS, (event) => {
        if (event.type === 'stage' && event.stage === stage) stops.push(engine.stop());
      });
      expect(result.finishReason).toBe('stopped');
      await Promise.all(stops);
      expect(backend.running).toBe(0);
      const next = await engine.ask(QUESTION, SETTINGS, () => undefined);
      const fresh = await ask({ ...machine, script });
      expect(next.answer).toBe('42');
      expect(next.rounds.map((round) => round.tokenIds)).toEqual(fresh.result.rounds.map((round) => round.tokenIds));
      expect(backend.mostRunning).toBe(1);
    },
  );

  it('stops in the middle of the text, keeps the partial text, and works afterwards', async () => {
    const script = respond('<think>'.concat('the bars '.repeat(60), '</think>'), ANSWER);
    const { engine, backend } = await open({ ...machine, script });
    let deltas = 0;
    const stops: Promise<void>[] = [];
    const result = await engine.ask(QUESTION, SETTINGS, (event) => {
      if (event.type === 'text' && ++deltas === 5) stops.push(engine.stop());
    });
    await Promise.all(stops);
    expect(result.finishReason).toBe('stopped');
    const [round] = result.rounds;
    expect(round?.tokenIds.length).toBeGreaterThanOrEqual(5);
    expect(round?.tokenIds.length).toBeLessThan(60);
    expect(round?.text).toBe(TOKENIZER.decode(round?.tokenIds ?? []));
    const next = await engine.ask('What is it?', SETTINGS, () => undefined);
    const fresh = await ask({ ...machine, script }, {}, 'What is it?');
    expect(next.rounds.map((r) => r.tokenIds)).toEqual(fresh.result.rounds.map((r) => r.tokenIds));
    expect(backend.mostRunning).toBe(1);
  });

  it('stops in round 2 and still reports round 1', async () => {
    const { engine } = await open({ ...machine, script: respond(CALL, ANSWER) });
    const result = await engine.ask(QUESTION, SETTINGS, (event) => {
      if (event.type === 'roundStart' && event.round === 2) void engine.stop();
    });
    expect(result.finishReason).toBe('stopped');
    expect(result.rounds.map((round) => round.resolution)).toEqual(['half', 'full']);
    expect(result.rounds[0]?.toolCall).toEqual({ valid: true });
    expect(result.rounds[1]?.tokenIds).toEqual([]);
  });

  it('chunks a long prompt and keeps the chunks that a stop left', async () => {
    const script = respond(ANSWER);
    const { engine, backend } = await open({ ...machine, script });
    const chunk = backend.pipelined ? 2048 : 512;
    const question = 'Is the bar red? '.repeat(chunk / 3).trim();
    const result = await engine.ask(question, SETTINGS, (event) => {
      if (event.type === 'stage' && event.stage === 'prefill' && (event.fraction ?? 0) > 0.3) void engine.stop();
    });
    expect(result.finishReason).toBe('stopped');
    await engine.stop();
    const next = await engine.ask(question, SETTINGS, () => undefined);
    expect(next.answer).toBe('42');
    const [round] = next.rounds;
    if (round === undefined) throw new Error('no round');
    expect(round.computedTokens).toBeLessThan(round.promptTokens);
    expect(Math.max(...backend.forwardRuns.map((run) => run.tokens))).toBeLessThanOrEqual(chunk);
  });
});
