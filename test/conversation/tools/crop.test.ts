/** A tool defined in this folder alone, end to end: calls, crops, refusals, several rounds; src/ knows nothing of it. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/conversation/engine.ts';
import { TOOLS } from '../../../src/conversation/tools/registry.ts';
import { prepareView } from '../../../src/image/image-request.ts';
import { CHATML } from '../../../src/architectures/qwen2_5_vl/chat.ts';
import { DEFAULT_PROCESSOR_SETTINGS } from '../../../src/architectures/qwen2_5_vl/image-processor.ts';
import { promptsFile } from '../../../src/model/prompt-files.ts';
import { parsePrompts, type Prompts } from '../../../src/model/prompts.ts';
import type { RoundStartEvent, TurnEvent } from '../../../src/protocol/events.ts';
import { DEFAULT_SETTINGS, type TurnResult, type TurnSettings } from '../../../src/protocol/turn.ts';
import { isObject, type JsonObject } from '../../../src/shared/json.ts';
import {
  ANSWER,
  CALL,
  type EngineOptions,
  IM_END,
  openScripted,
  picture,
  respond,
  TOKENIZER,
} from '../../helpers/scripted-engine.ts';
import type { ScriptedBackend } from '../../helpers/scripted-backend.ts';
import { cropTool } from './crop.ts';

const SETTINGS: TurnSettings = { ...DEFAULT_SETTINGS, maxNewTokens: 200 };
const PICTURE = picture(224, 112);
const QUESTION = 'Which bar is red?';
/** The half view of PICTURE: 112 x 56 pixels, 4 x 2 tokens. */
const HALF_TOKENS = 8;

/** VisionThink's prompts for a model whose tool is the crop. */
const CROP_PROMPTS: Prompts = parsePrompts(cropPromptsFile(), CHATML);

function cropPromptsFile(): unknown {
  return { ...promptsFile('efficient', CHATML), efficient: { ...efficientSection(), tool: 'crop' } };
}

function efficientSection(): JsonObject {
  const section = promptsFile('efficient', CHATML)['efficient'];
  return isObject(section) ? section : {};
}

/** The call for a box; any JSON value, valid or not. */
function crop(args: string): string {
  return `<think>Too small.</think><tool_call>{"name": "crop", "arguments": {${args}}}</tool_call>`;
}

interface Asked {
  readonly result: TurnResult;
  readonly starts: readonly RoundStartEvent[];
  readonly engine: Engine;
  readonly backend: ScriptedBackend;
  readonly ask: () => Promise<TurnResult>;
}

async function ask(
  rounds: readonly string[],
  settings: Partial<TurnSettings> = {},
  { unit = 'pixels', ...options }: Partial<EngineOptions> & { readonly unit?: 'pixels' | 'normalised' } = {},
): Promise<Asked> {
  const tools = [...TOOLS, cropTool(unit)] as const; // the one line
  const { engine, backend } = openScripted({ script: respond(...rounds), prompts: CROP_PROMPTS, tools, ...options });
  await engine.setImage(PICTURE);
  const events: TurnEvent[] = [];
  const again = (): Promise<TurnResult> =>
    engine.ask(QUESTION, { ...SETTINGS, ...settings }, (event) => events.push(event));
  const result = await again();
  const starts = events.flatMap((event) => (event.type === 'roundStart' ? [event] : []));
  return { result, starts, engine, backend, ask: again };
}

/** The ids that the model was given when it was last asked for a token. */
function watching(...rounds: readonly string[]): { script: EngineOptions['script']; text: () => string } {
  let last: readonly number[] = [];
  const script = respond(...rounds);
  return {
    script: { next: (sequence) => script.next((last = sequence)) },
    text: () => TOKENIZER.decode(last.filter((id) => id >= 0)),
  };
}

describe.each([{ pipelined: false }, { pipelined: true }])('a crop tool, pipelined: $pipelined', (machine) => {
  it('shows the requested region at its own resolution, and the answer follows', async () => {
    const { result, starts } = await ask([crop('"bbox_2d": [14, 14, 42, 56]'), ANSWER], {}, machine);
    expect(result).toMatchObject({ answer: '42', finishReason: 'stop' });
    const [first, second] = result.rounds;
    if (first === undefined || second === undefined) throw new Error('there are two rounds');
    expect(first.toolCall).toEqual({ valid: true });
    expect(first.images).toEqual([
      {
        request: { image: 0, region: null, scale: 1 / 2 },
        imageSize: { width: 112, height: 56 },
        visualTokens: HALF_TOKENS,
      },
    ]);
    // Pixels of the half image, so twice as many of the picture.
    const region = { left: 28, top: 28, width: 56, height: 84 };
    const request = { image: 0, region, scale: 1 };
    expect(second).toMatchObject({ resolution: 'crop', imageSize: { width: 56, height: 84 }, visualTokens: 6 });
    expect(second.images).toEqual([{ request, imageSize: { width: 56, height: 84 }, visualTokens: 6 }]);
    expect(second.recomputedTokens).toBe(0);
    expect(result.visualTokens).toEqual({ used: HALF_TOKENS + 6, full: 32, ratio: 14 / 32 });
    // Neither side is resized: the model sees the picture's own pixels.
    const limits = { processor: DEFAULT_PROCESSOR_SETTINGS, pixelBudget: null };
    expect(starts[1]?.seen).toEqual(prepareView(PICTURE, request, limits).seen);
    const row = (starts[1]?.seen?.data ?? new Uint8Array()).subarray(0, 56 * 3);
    const from = (28 * PICTURE.width + 28) * 3;
    expect(row).toEqual(PICTURE.data.subarray(from, from + 56 * 3));
  });

  it('takes boxes from 0 to 1 just as well', async () => {
    const call = crop('"bbox_2d": [0.25, 0.5, 1, 1]');
    const { result } = await ask([call, ANSWER], {}, { ...machine, unit: 'normalised' });
    expect(result.rounds[1]?.images[0]?.request).toEqual({
      image: 0,
      region: { left: 56, top: 56, width: 168, height: 56 },
      scale: 1,
    });
  });

  it('crops a crop, and recomputes nothing over four rounds', async () => {
    const calls = [
      crop('"bbox_2d": [0, 0, 56, 56]'),
      crop('"bbox_2d": [56, 28, 112, 84]'),
      crop('"bbox_2d": [0, 0, 28, 28]'),
    ];
    const { result, backend } = await ask([...calls, ANSWER], { maxRounds: 4 }, machine);
    expect(result).toMatchObject({ answer: '42', finishReason: 'stop' });
    expect(result.rounds.map(({ images }) => images[0]?.request.region)).toEqual([
      null,
      { left: 0, top: 0, width: 112, height: 112 },
      { left: 56, top: 28, width: 56, height: 56 },
      { left: 56, top: 28, width: 28, height: 28 },
    ]);
    let computed = 0;
    for (const { promptTokens, computedTokens, recomputedTokens, tokenIds } of result.rounds) {
      expect(recomputedTokens).toBe(0);
      expect(promptTokens - computedTokens).toBe(computed);
      computed = promptTokens + tokenIds.length - 1;
    }
    expect(backend.runs.filter(({ kind }) => kind === 'encode')).toHaveLength(4);
  });

  it('encodes a crop once, however often it is asked for', async () => {
    const { backend, ask: again } = await ask([crop('"bbox_2d": [14, 14, 42, 56]'), ANSWER], {}, machine);
    const encodings = (): number => backend.runs.filter(({ kind }) => kind === 'encode').length;
    expect(encodings()).toBe(2);
    expect((await again()).answer).toBe('42');
    expect(encodings()).toBe(2);
  });

  it('shows several crops in one reply', async () => {
    const watch = watching(crop('"boxes": [[0, 0, 28, 28], [56, 0, 112, 56]]'), ANSWER);
    const { result } = await ask([], {}, { ...machine, script: watch.script });
    expect(result.rounds[1]?.images.map(({ visualTokens }) => visualTokens)).toEqual([4, 16]);
    expect(result.rounds[1]).toMatchObject({ visualTokens: 20, recomputedTokens: 0 });
    expect(result.answer).toBe('42');
    const frames = watch.text().split('<tool_response>')[1]?.split('</tool_response>')[0];
    expect(frames).toBe(
      '\nThe resized image is shown below:\n<|vision_start|><|vision_end|>\n<|vision_start|><|vision_end|>\n',
    );
  });

  it('may answer with text instead of an image, and that text holds no control token', async () => {
    const watch = watching(crop('"where": "size"'), ANSWER);
    const { result } = await ask([], {}, { ...machine, script: watch.script });
    expect(result.rounds[1]).toMatchObject({ resolution: 'none', images: [], visualTokens: 0 });
    expect(watch.text()).toContain('The image has 224 x 112 pixels. <|im_end|></tool_response>');
    expect(result.answer).toBe('42');
    expect(result.rounds.every(({ tokenIds }) => tokenIds.filter((id) => id === IM_END).length === 1)).toBe(true);
  });

  it.each([
    ['"bbox_2d": [200, 10, 300, 20]', /shows nothing/],
    ['"bbox_2d": [10, 10, 10, 20]', /shows nothing/],
    ['"bbox_2d": [30, 10, 10, 20]', /shows nothing/],
    ['"bbox_2d": ["a", null]', /shows nothing/],
    ['"bbox_2d": [-1e9, 0, 1e9, 0.1]', /aspect ratio/],
    ['"bbox_2d": []', /shows nothing/],
  ])('answers %s with the error turn', async (args, why) => {
    const { result } = await ask([crop(args), ANSWER], {}, machine);
    const [first, second] = result.rounds;
    expect(first?.toolCall).toEqual({ valid: false, error: expect.stringMatching(why) });
    expect(second).toMatchObject({ resolution: 'none', recomputedTokens: 0 });
    expect(result).toMatchObject({ answer: '42', finishReason: 'stop' });
  });

  it('is refused beyond its limit of images, with a named error', async () => {
    for (const count of [4, 100]) {
      const boxes = `"boxes": [${Array.from({ length: count }, () => '[0, 0, 28, 28]').join(', ')}]`;
      const { result } = await ask([crop(boxes), ANSWER], { maxNewTokens: 2000 }, machine);
      expect(result).toMatchObject({ finishReason: 'toolCallRefused' });
      expect(result.rounds).toHaveLength(1);
      expect(result.rounds[0]?.toolCall).toEqual({ valid: true, error: 'A turn shows at most 4 images.' });
    }
  });
});

describe('a model whose tool is the crop', () => {
  it('is refused disallowed calls, with the name of its own tool', async () => {
    const call = crop('"bbox_2d": [0, 0, 28, 28]');
    const off = await ask([call, ANSWER], { tool: false });
    expect(off.result.finishReason).toBe('toolCallRefused');
    expect(off.result.rounds[0]?.toolCall?.error).toBe('The crop tool was not offered.');
    const last = await ask([call, call], {});
    expect(last.result.rounds[1]?.toolCall?.error).toBe('All 2 rounds are used up.');
    const only = await ask([call, call], { maxRounds: 1 });
    expect(only.result.rounds).toHaveLength(1);
    expect(only.result.rounds[0]?.toolCall?.error).toBe('The only round is used up.');
  });

  it('treats a resize call as malformed', async () => {
    const { result } = await ask([CALL, ANSWER]);
    expect(result.rounds[0]?.toolCall).toEqual({ valid: false, error: expect.stringMatching(/shows nothing/) });
  });

  it('gets prefetch like any other, and drafts its calls from their first tokens', async () => {
    const { engine } = await ask([crop('"bbox_2d": [14, 14, 42, 56]'), ANSWER]);
    await engine.resetCaches();
    await engine.prefetch(SETTINGS);
    const { rounds, answer } = await engine.ask(QUESTION, SETTINGS, () => undefined);
    expect(answer).toBe('42');
    expect(rounds[0]?.timings.encodeMs).toBe(0);
    expect(rounds[0]?.acceptedTokens).toBeGreaterThan(5);
  });

  it('reports at load when the tool is unknown', () => {
    expect(() => openScripted({ script: respond(ANSWER), prompts: CROP_PROMPTS })).toThrow(
      expect.objectContaining({ name: 'ModelFolderError', message: expect.stringMatching(/"crop".*knows resize/) }),
    );
  });
});

describe('a tool and a model with words of their own', () => {
  const section = { ...efficientSection(), tool: 'crop', tags: { thinking: ['<reason>', '</reason>'], answer: null } };
  const prompts = parsePrompts({ ...promptsFile('efficient', CHATML), efficient: section }, CHATML);

  it('separates thinking, calls and answers by their own tags', async () => {
    const tools = [...TOOLS, cropTool('pixels', ['[crop]', '[/crop]'])] as const;
    const script = respond(
      '<reason>Too small.</reason>[crop]{"arguments": {"bbox_2d": [14, 14, 42, 56]}}[/crop]',
      '<reason>Now.</reason><answer>42',
    );
    const { engine } = openScripted({ script, prompts, tools });
    await engine.setImage(PICTURE);
    const texts = new Map<string, string>();
    const result = await engine.ask(QUESTION, SETTINGS, (event) => {
      if (event.type !== 'text') return;
      const key = `${event.round} ${event.kind}`;
      texts.set(key, (texts.get(key) ?? '') + event.delta);
    });
    expect([...texts]).toEqual([
      ['1 thinking', 'Too small.'],
      ['1 toolCall', '{"arguments": {"bbox_2d": [14, 14, 42, 56]}}'],
      ['2 thinking', 'Now.'],
      ['2 text', '<answer>42'],
    ]);
    expect(result).toMatchObject({ answer: '<answer>42', finishReason: 'stop' });
    expect(result.rounds.map(({ resolution }) => resolution)).toEqual(['half', 'crop']);
  });

  it('tells the page how to speak of it', () => {
    const tools = [...TOOLS, cropTool('pixels')] as const;
    expect(openScripted({ script: respond(), prompts, tools }).engine.info).toMatchObject({
      tool: { name: 'crop', label: 'crop tool', asksFor: 'a closer look' },
      tags: { thinking: ['<reason>', '</reason>'], answer: null, toolCall: ['<tool_call>', '</tool_call>'] },
    });
  });
});
