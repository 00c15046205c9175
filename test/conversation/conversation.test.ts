/** Conversations on a scripted backend: what is computed again, what a full context does, and what a new chat frees. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/conversation/engine.ts';
import type { ChatMessage } from '../../src/protocol/chat.ts';
import type { TurnResult, TurnSettings } from '../../src/protocol/turn.ts';
import { halfOf } from '../../src/shared/image-request.ts';
import { failure, SETTINGS } from '../helpers/ask-scripted.ts';
import {
  ANSWER,
  CALL,
  EFFICIENT_PROMPTS,
  type EngineOptions,
  openScripted,
  picture,
  respond,
  TOKENIZER,
} from '../helpers/scripted-engine.ts';
import type { ScriptedBackend } from '../helpers/scripted-backend.ts';

/** A conversation that remembers. */
class Talk {
  readonly engine: Engine;
  readonly backend: ScriptedBackend;
  readonly #settings: TurnSettings;
  history: ChatMessage[] = [];

  constructor(options: EngineOptions, settings: Partial<TurnSettings> = {}) {
    ({ engine: this.engine, backend: this.backend } = openScripted(options));
    this.#settings = { ...SETTINGS, ...settings };
  }

  async show(seed: number, side = 112): Promise<number> {
    return (await this.engine.addImage(picture(side, side, seed))).image;
  }

  async ask(question: string, ...images: readonly number[]): Promise<TurnResult> {
    const chat = { history: this.history, images };
    const result = await this.engine.ask(question, this.#settings, () => undefined, { chat });
    this.history.push(...result.messages);
    return result;
  }
}

const MACHINES = [
  { pipelined: false, leavesThreadFree: true },
  { pipelined: false, leavesThreadFree: false },
  { pipelined: true, leavesThreadFree: true },
];

/** Six turns: three bring an image, two call the tool. */
async function sixTurns(talk: Talk): Promise<readonly TurnResult[]> {
  const results: TurnResult[] = [];
  results.push(await talk.ask('What is it?', await talk.show(1)));
  results.push(await talk.ask('What is behind her?'));
  results.push(await talk.ask('And here?', await talk.show(2)));
  results.push(await talk.ask('Why?'));
  results.push(await talk.ask('Which of all?', await talk.show(3)));
  results.push(await talk.ask('Thanks.'));
  return results;
}

const SIX = [CALL, ANSWER, ANSWER, CALL, ANSWER, ANSWER, ANSWER, ANSWER];

describe.each(MACHINES)('a conversation, $pipelined, $leavesThreadFree', (machine) => {
  it('computes nothing again over six turns and three images', async () => {
    const talk = new Talk({ ...machine, script: respond(...SIX) });
    const results = await sixTurns(talk);
    expect(results.map(({ rounds }) => rounds.length)).toEqual([2, 1, 2, 1, 1, 1]);
    expect(results.map(({ answer }) => answer)).toEqual(new Array(6).fill('42'));
    const rounds = results.flatMap((result) => result.rounds);
    expect(rounds.map((round) => round.recomputedTokens)).toEqual(new Array(8).fill(0));
    // Every token was computed once, but for the last one of the last response, which never was an input.
    const last = rounds.at(-1);
    const computed = rounds.reduce((sum, round) => sum + round.computedTokens + round.tokenIds.length - 1, 0);
    expect(computed).toBe((last?.promptTokens ?? 0) + (last?.tokenIds.length ?? 0) - 1);
    expect(results.map(({ visualTokens }) => visualTokens)).toEqual([
      { used: 20, full: 16, ratio: 1.25 },
      { used: 0, full: 0, ratio: 0 },
      { used: 20, full: 16, ratio: 1.25 },
      { used: 0, full: 0, ratio: 0 },
      { used: 4, full: 16, ratio: 0.25 },
      { used: 0, full: 0, ratio: 0 },
    ]);
    // Each view was encoded once.
    expect(talk.backend.runs.filter(({ kind }) => kind === 'encode')).toHaveLength(5);
  });

  it('computes an edited history from the edit on, and gives the tokens of a fresh engine', async () => {
    const talk = new Talk({ ...machine, script: respond(...SIX) });
    await sixTurns(talk);
    // The third question of the six is asked again in other words.
    const users = talk.history.flatMap((message, i) => (message.role === 'user' ? [i] : []));
    talk.history = talk.history.slice(0, users[2]);
    const edited = await talk.ask('Or rather here?', 1);
    const [round] = edited.rounds;
    expect(round?.recomputedTokens).toBe(0);
    const fresh = new Talk({ ...machine, script: respond(...SIX) });
    await fresh.show(1);
    await fresh.show(2);
    fresh.history = talk.history.slice(0, users[2]);
    const anew = await fresh.ask('Or rather here?', 1);
    expect(anew.rounds.map(({ tokenIds }) => tokenIds)).toEqual(edited.rounds.map(({ tokenIds }) => tokenIds));
    expect(anew.rounds[0]?.promptTokens).toBe(round?.promptTokens);
    expect(anew.rounds[0]?.computedTokens).toBeGreaterThan(round?.computedTokens ?? 0);
  });

  it('grows its cache in place', async () => {
    const long = TOKENIZER.decode(TOKENIZER.encode(`<think>${'the bars '.repeat(700)}</think><answer>42</answer>`));
    const talk = new Talk({ ...machine, script: respond(long, long, ANSWER) }, { maxNewTokens: 8192, tool: false });
    await talk.show(1);
    const results = [await talk.ask('What?', 0), await talk.ask('What else?'), await talk.ask('And?')];
    expect(results.map(({ answer, finishReason }) => [answer, finishReason])).toEqual(
      new Array(3).fill(['42', 'stop']),
    );
    expect(results.flatMap(({ rounds }) => rounds.map((round) => round.recomputedTokens))).toEqual([0, 0, 0]);
    expect([...talk.backend.allocated].filter((owned) => 'capacity' in owned)).toHaveLength(1);
  });

  it('prefetches behind its history, up to the question', async () => {
    const talk = new Talk({ ...machine, script: respond(...SIX) });
    await talk.ask('What is it?', await talk.show(1));
    const image = await talk.show(2);
    await talk.engine.prefetch(SETTINGS, { history: talk.history, images: [image] });
    const { length } = talk.backend.runs;
    // The half images, the full one that was asked for, and the full one that may be.
    expect(talk.backend.runs.filter(({ kind }) => kind === 'encode')).toHaveLength(4);
    const { rounds } = await talk.ask('And here?', image);
    expect(talk.backend.runs.slice(length).some(({ kind }) => kind === 'encode')).toBe(false);
    expect(rounds[0]?.computedTokens).toBeLessThan(
      TOKENIZER.encode('And here?<|im_end|>\n<|im_start|>assistant\n').length + 2,
    );
    expect(rounds[0]?.recomputedTokens).toBe(0);
  });
});

describe('several images in a turn', () => {
  it('are shown in order, and all of them at full resolution after a call', async () => {
    const talk = new Talk({ script: respond(CALL, ANSWER) });
    const images = [await talk.show(1), await talk.show(2, 56), await talk.show(3)];
    const { rounds, visualTokens } = await talk.ask('Which?', ...images);
    expect(rounds.map((round) => round.images.map(({ request }) => request.image))).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(rounds.map((round) => round.visualTokens)).toEqual([4 + 4 + 4, 16 + 4 + 16]);
    expect(visualTokens.full).toBe(36);
  });

  it('may be limited', async () => {
    const talk = new Talk({ script: respond(CALL, ANSWER) }, { maxImages: 3 });
    const images = [await talk.show(1), await talk.show(2)];
    const { finishReason, rounds } = await talk.ask('Which?', ...images);
    expect(finishReason).toBe('toolCallRefused');
    expect(rounds[0]?.toolCall?.error).toMatch(/at most 3 images/);
    const error = await failure(talk.ask('Which?', ...images, 0, 1));
    expect([error.name, error.message]).toEqual(['QuestionError', expect.stringMatching(/4 images, the limit is 3/)]);
  });

  it('are refused by number when they were not added', async () => {
    const talk = new Talk({ script: respond(ANSWER) });
    await talk.show(1);
    expect((await failure(talk.ask('Which?', 4))).name).toBe('ImageRegionError');
    expect((await talk.ask('Which?', 0)).answer).toBe('42');
  });
});

describe('a full context', () => {
  const options = { script: respond(...new Array<string>(8).fill(ANSWER)), contextLength: 400 };

  it('is an error that says so and what may be done', async () => {
    const talk = new Talk({ ...options, contextLength: 360 }, { downsample: false, tool: false, maxNewTokens: 64 });
    await talk.ask('What?', await talk.show(1, 280));
    await talk.ask('What?', await talk.show(2, 280));
    const error = await failure(talk.show(3, 280).then((image) => talk.ask('And here?', image)));
    expect(error.name).toBe('ContextLengthError');
    expect(error.message).toMatch(/conversation is full: with this question it needs \d+ tokens, the model holds 360/);
    expect(error.message).toMatch(/new chat.*drop-oldest-images/);
    expect((await talk.ask('Why?')).answer).toBe('42');
  });

  it('leaves the oldest pictures out when it may, and computes what follows them again', async () => {
    const talk = new Talk(options, { downsample: false, tool: false, maxNewTokens: 64, dropOldestImages: true });
    const results: TurnResult[] = [];
    for (const seed of [1, 2, 3, 4]) results.push(await talk.ask(`What is ${seed}?`, await talk.show(seed, 280)));
    results.push(await talk.ask('Why?'));
    expect(results.map(({ answer }) => answer)).toEqual(new Array(5).fill('42'));
    expect(results.map(({ droppedImages }) => droppedImages)).toEqual([0, 0, 1, 2, 2]);
    const rounds = results.flatMap((result) => result.rounds);
    expect(rounds.map(({ recomputedTokens }) => recomputedTokens > 0)).toEqual([false, false, true, true, false]);
    // The second turn's picture, question and answer are computed again, and no more than what is left of them.
    expect(rounds[2]?.recomputedTokens).toBeLessThan(rounds[1]?.promptTokens ?? 0);
    expect(rounds[2]?.computedTokens).toBeGreaterThan(rounds[2]?.recomputedTokens ?? 0);
    expect(Math.max(...rounds.map(({ promptTokens }) => promptTokens))).toBeLessThan(400);
    expect(talk.history.flatMap(({ content }) => content).filter(({ type }) => type === 'image')).toHaveLength(4);
    // A prefetch leaves out the same pictures.
    await talk.engine.prefetch(
      { ...SETTINGS, downsample: false, tool: false, maxNewTokens: 64, dropOldestImages: true },
      { history: talk.history, images: [] },
    );
    const [last] = (await talk.ask('Where?')).rounds;
    expect([last?.recomputedTokens, (last?.computedTokens ?? 99) < 12]).toEqual([0, true]);
  });

  it('is an error when the pictures are not the reason', async () => {
    const talk = new Talk(options, { tool: false, dropOldestImages: true });
    await talk.ask('What?', await talk.show(1));
    const error = await failure(talk.ask('x y '.repeat(400)));
    expect([error.name, error.message]).toEqual(['ContextLengthError', expect.stringMatching(/left out already/)]);
  });
});

describe('messages as they are', () => {
  it('are framed without the template, and get a system message only where the tool needs one', async () => {
    const talk = new Talk({ script: respond(ANSWER), prompts: EFFICIENT_PROMPTS });
    await talk.show(1);
    const content = [
      { type: 'text', text: 'Look: ', trusted: false },
      { type: 'image', request: halfOf(0) },
      { type: 'text', text: ' what is it?', trusted: false },
    ] as const;
    const lengths: number[] = [];
    for (const [tool, history] of [
      [false, []],
      [true, []],
      [true, [{ role: 'system', content: [{ type: 'text', text: 'See.', trusted: true }] }]],
    ] as const) {
      const { messages, rounds } = await talk.engine.ask('what is it?', { ...SETTINGS, tool }, () => undefined, {
        chat: { history, images: [] },
        content,
      });
      lengths.push(rounds[0]?.promptTokens ?? 0);
      expect(messages.map(({ role }) => role)).toEqual([
        ...(lengths.length === 2 ? ['system'] : []),
        'user',
        'assistant',
      ]);
    }
    expect(lengths[1]).toBeGreaterThan((lengths[0] ?? 0) + 100);
    expect((lengths[2] ?? 0) - (lengths[0] ?? 0)).toBe(TOKENIZER.encode('<|im_start|>system\nSee.<|im_end|>\n').length);
  });
});

describe('a new chat', () => {
  it('leaves nothing of fifty turns and ten pictures', async () => {
    const answers = Array.from({ length: 50 }, () => ANSWER);
    const talk = new Talk({ script: respond(...answers), contextLength: 8192 }, { tool: false });
    expect(talk.backend.allocated.size).toBe(0);
    for (let turn = 0; turn < 50; turn++) {
      const images = turn % 5 === 0 ? [await talk.show(turn)] : [];
      expect((await talk.ask(`What is ${turn}?`, ...images)).rounds[0]?.recomputedTokens).toBe(0);
    }
    // One sequence, and the features of the most recently used views.
    expect(talk.backend.allocated.size).toBeLessThanOrEqual(1 + 9);
    await talk.engine.newChat();
    await Promise.resolve();
    expect(talk.backend.allocated.size).toBe(0);
    expect(talk.engine.views).toBeNull();
    expect(talk.engine.core.context.decoder.length).toBe(0);
    talk.history = [];
    expect(await talk.show(99)).toBe(0);
    expect((await talk.ask('And now?', 0)).answer).toBe('42');
  });

  it('ends a running turn', async () => {
    const talk = new Talk({ script: respond('the bars '.repeat(300)) }, { maxNewTokens: 2000 });
    const asked = talk.ask('What?', await talk.show(1));
    while (talk.backend.forwardRuns.length < 5) await new Promise((resolve) => setImmediate(resolve));
    await talk.engine.newChat();
    expect((await asked).finishReason).toBe('stopped');
    expect(talk.backend.allocated.size).toBe(0);
  });
});
