/** A turn from question to answer on a scripted machine: rounds, tokens, refusals, stops, limits, events. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/conversation/engine.ts';
import type { TurnEvent } from '../../src/protocol/events.ts';
import { DEFAULT_SETTINGS, type TurnResult, type TurnSettings } from '../../src/protocol/turn.ts';
import { NamedError } from '../../src/shared/errors.ts';
import {
  ANSWER,
  CALL,
  EFFICIENT_PROMPTS,
  type EngineOptions,
  GENERAL_PROMPTS,
  IM_END,
  IM_START,
  IMAGE_PAD,
  openScripted,
  picture,
  respond,
  respondIds,
  TOKENIZER,
} from '../helpers/scripted-engine.ts';
import type { ScriptedBackend } from '../helpers/scripted-backend.ts';

const SETTINGS: TurnSettings = { ...DEFAULT_SETTINGS, maxNewTokens: 200 };
const QUESTION = 'How many stars are there?';
const FULL_TOKENS = 16; // 112 x 112
const HALF_TOKENS = 4;

/** What a turn is asked, gave and told. */
interface Asked {
  readonly result: TurnResult;
  readonly events: readonly TurnEvent[];
  readonly backend: ScriptedBackend;
  readonly engine: Engine;
}

async function open(options: EngineOptions): Promise<{ engine: Engine; backend: ScriptedBackend }> {
  const opened = openScripted(options);
  await opened.engine.setImage(picture(112, 112));
  return opened;
}

async function ask(options: EngineOptions, settings: Partial<TurnSettings> = {}, question = QUESTION): Promise<Asked> {
  const { engine, backend } = await open(options);
  const events: TurnEvent[] = [];
  const result = await engine.ask(question, { ...SETTINGS, ...settings }, (event) => events.push(event));
  return { result, events, backend, engine };
}

async function failure(promise: Promise<unknown>): Promise<NamedError> {
  const thrown = await promise.then(
    () => new Error('nothing was thrown'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof NamedError)) throw thrown;
  return thrown;
}

/** The ids of the cache as the decoder saw them, image tokens as pads. */
function watching(script: EngineOptions['script']): { script: EngineOptions['script']; last: () => number[] } {
  let last: number[] = [];
  return {
    script: {
      ...script,
      next(sequence) {
        last = sequence.map((id) => (id < 0 ? IMAGE_PAD : id));
        return script.next(sequence);
      },
    },
    last: () => last,
  };
}

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

  it('takes a second round after a valid call, and computes nothing twice', async () => {
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

    // The whole sequence: prompt 1, what was generated, the tool's turn; nothing between <|im_end|> and that turn.
    // Steps submitted ahead may have been computed behind it.
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
    // `<|im_start|>user\n<|vision_start|>`, the half image and `<|vision_end|>` are kept.
    const kept = TOKENIZER.encode('<|im_start|>user\n<|vision_start|>').length + HALF_TOKENS + 1;
    expect(again.promptTokens - again.computedTokens).toBe(kept);
    expect(first.rounds[0]?.timings.encodeMs).toBeGreaterThan(0);
    expect(again.timings.encodeMs).toBe(0);
  });

  it('asks the same again without computing more than the last prompt token', async () => {
    const { engine, result } = await ask({ ...machine, script: respond(ANSWER) });
    const again = await engine.ask(QUESTION, SETTINGS, () => undefined);
    expect(again.rounds[0]?.computedTokens).toBe(1);
    expect(again.rounds[0]?.tokenIds).toEqual(result.rounds[0]?.tokenIds);
  });

  it.each(['preprocess', 'encode', 'prefill', 'decode'] as const)(
    'stops during %s and goes on afterwards',
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

  it('stops in the middle of the text, keeps what there is, and goes on after', async () => {
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

  it('chunks a long prompt and keeps what a stop left of it', async () => {
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

  it('refuses a call of a model that knows no tool', async () => {
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

describe('limits', () => {
  it('ends with length when maxNewTokens cuts the text', async () => {
    const { result } = await ask({ script: respond(ANSWER) }, { maxNewTokens: 3 });
    expect(result.finishReason).toBe('length');
    expect(result.rounds[0]?.tokenIds).toEqual(TOKENIZER.encode(ANSWER).slice(0, 3));
  });

  it('closes a call that was cut right behind its tag, and goes on', async () => {
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

  it('makes room for the tool response even when few new tokens are allowed', async () => {
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

  it('tells what an image will cost within a pixel budget, and changes nothing by it', async () => {
    const { engine } = openScripted({ script: respond(CALL, ANSWER) });
    expect(() => engine.planImage(null)).toThrow('There is no image yet');
    const info = await engine.setImage(picture(112, 112));
    expect(engine.planImage(null)).toEqual(info);
    const planned = engine.planImage(56 * 56);
    const [free, within] = [
      await engine.ask(QUESTION, SETTINGS, () => undefined),
      await engine.ask(QUESTION, { ...SETTINGS, pixelBudget: 56 * 56 }, () => undefined),
    ];
    expect(free.visualTokens.full).toBe(info.fullTokens);
    expect(within.visualTokens.full).toBe(planned.fullTokens);
    expect(planned.fullTokens).toBeLessThan(info.fullTokens);
  });
});

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
    // A larger cache that fails leaves none behind, least of all the one that was freed for it.
    fails = true;
    const more = { ...SETTINGS, maxNewTokens: 3000 };
    await expect(engine.ask(QUESTION, more, () => undefined)).rejects.toThrow('out of device memory');
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

describe('sampling', () => {
  const script = {
    next: () => IM_END,
    // Letters at random, the end now and then.
    logits(sequence: readonly number[]): Float32Array {
      return Float32Array.from({ length: 336 }, (_, id) =>
        id === IM_END ? 1 : id < 12 || id > 320 ? -20 : Math.sin(id * sequence.length),
      );
    },
  };

  it('repeats itself with a seed', async () => {
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

  it('is greedy at temperature 0 whatever the seed', async () => {
    const { result } = await ask({ script: respond(ANSWER) }, { temperature: 0, seed: 3 });
    expect(result.answer).toBe('42');
  });
});

describe('what is told', () => {
  it('tells stages, rounds and text in the order in which they happen', async () => {
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

  it('tells the text by its kind, and every round says what it sees', async () => {
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

  it("keeps special tokens in a round's text and has none in the answer", async () => {
    const ids = TOKENIZER.encode('<answer>4<|im_start|><|vision_end|>2</answer>');
    const { result } = await ask({ script: respondIds([...ids, IM_END]) });
    expect(result.rounds[0]?.text).toBe('<answer>4<|im_start|><|vision_end|>2</answer><|im_end|>');
    expect(result.rounds[0]?.text).toBe(TOKENIZER.decode(result.rounds[0]?.tokenIds ?? []));
    expect(result.answer).toBe('42');
  });

  it('gives plain text as the answer when there are no tags', async () => {
    const { result } = await ask({ script: respond('The sky is blue. ') });
    expect(result.answer).toBe('The sky is blue.');
  });

  it('puts a forced round 1 in place of the generation', async () => {
    const { engine } = await open({ script: respond(ANSWER, '<answer>7</answer>') });
    const result = await engine.ask(QUESTION, { ...SETTINGS, maxNewTokens: 20 }, () => undefined, {
      forcedRound1: CALL,
    });
    expect(result.rounds[0]?.tokenIds).toEqual([...TOKENIZER.encode(CALL), IM_END]);
    expect(result.answer).toBe('7');
    expect(result.finishReason).toBe('stop');
  });
});
