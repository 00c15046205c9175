/**
 * Every tool end to end, on Qwen's own tokenizer: what the model is told, shown and refused. The frames are compared with the
 * references' through the hashes in test/golden/tools.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CHATML } from '../../../src/architectures/qwen2_5_vl/chat.ts';
import { Engine } from '../../../src/conversation/engine.ts';
import { TOOLS } from '../../../src/conversation/tools/registry.ts';
import { promptsFile } from '../../../src/model/prompt-files.ts';
import { parsePrompts } from '../../../src/model/prompts.ts';
import { DEFAULT_SETTINGS, type TurnResult, type TurnSettings } from '../../../src/protocol/turn.ts';
import { PROMPT_SETS, type PromptSet, TOOL_NAMES } from '../../../src/shared/prompt-sets.ts';
import { qwenTokenizer } from '../../helpers/qwen-tokenizer.ts';
import { ScriptedBackend } from '../../helpers/scripted-backend.ts';
import { modelFolder, picture, smallConfig } from '../../helpers/scripted-engine.ts';

const TOKENIZER = qwenTokenizer();
const IM_END = TOKENIZER.id('<|im_end|>');
const PICTURE = picture(448, 336);
const HEADER_TEXT = '<|im_start|>assistant\n';
const HEADER = TOKENIZER.encode(HEADER_TEXT);
const IMAGE = '<|vision_start|><|image_pad|><|vision_end|>';
const QUESTION = 'What does the sign say?';

interface Asked {
  readonly result: TurnResult;
  /** All that the model was given or said, with one image pad an image. */
  readonly text: string;
}

/** Asks with these responses, round after round; each ends with `<|im_end|>`. */
async function ask(
  set: PromptSet,
  rounds: readonly string[],
  settings: Partial<TurnSettings> = {},
  source = PICTURE,
): Promise<Asked> {
  const said = rounds.map((text) => [...TOKENIZER.encode(text), IM_END]);
  let last: readonly number[] = [];
  const next = (sequence: readonly number[]): number => {
    last = sequence;
    let [round, start] = [-1, 0];
    for (let i = sequence.indexOf(HEADER[0] ?? -1); i >= 0; i = sequence.indexOf(HEADER[0] ?? -1, i + 1)) {
      if (HEADER.every((id, j) => sequence[i + j] === id)) [round, start] = [round + 1, i + HEADER.length];
    }
    return said[round]?.[sequence.length - start] ?? IM_END;
  };
  const config = smallConfig(32_768);
  const text = { ...config.text, vocabSize: 152_064 };
  const tokens = { ...config.tokens, imageTokenId: 151_655, eosTokenIds: [IM_END] };
  const backend = new ScriptedBackend({ vocabSize: 152_064, script: { next } });
  const prompts = parsePrompts(promptsFile(set, CHATML), CHATML);
  const folder = { ...modelFolder({ ...config, text, tokens }, prompts), tokenizer: TOKENIZER };
  const engine = new Engine({ folder, backend });
  await engine.setImage(source);
  const result = await engine.ask(QUESTION, { ...DEFAULT_SETTINGS, ...settings }, () => undefined);
  const shown = TOKENIZER.decode(last.filter((id) => id >= 0)).replaceAll('<|vision_start|><|vision_end|>', IMAGE);
  return { result, text: shown };
}

function sha(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

interface Expected {
  readonly system: string;
  readonly reply?: string;
  readonly error?: string | readonly [string, string];
}

function expectedOf(name: string): Expected {
  return JSON.parse(readFileSync(new URL(`../../golden/tools/${name}.json`, import.meta.url), 'utf8')).prompts;
}

const FAMILY = {
  adaptvision: {
    call: '<think>Small.</think><tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": [20, 30, 120, 100]}}</tool_call>',
    hopeless: '<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": [1, 2, 3]}}</tool_call>',
    answer: '<think>Now I see.</think><answer>STOP</answer>',
    first: [224, 168],
    second: [196, 140],
    rounds: 2,
  },
  awares: {
    call: "GET_CROPS: ['0', '5']",
    hopeless: 'GET_CROPS: [sign]',
    answer: 'STOP',
    first: [224, 168],
    second: [224, 168],
    rounds: 2,
  },
  deepeyes: {
    call: '<think>Small.</think><tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [20, 30, 120, 100], "label": "sign"}}</tool_call>',
    hopeless: '<tool_call>{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [120, 30, 20, 100]}}</tool_call>',
    answer: '<think>Now I see.</think> <answer>STOP</answer>',
    first: [448, 336],
    second: [112, 56],
    rounds: 11,
  },
  'mini-o3': {
    call: '<think>Small.</think><grounding>{"bbox_2d": [0.1, 0.2, 0.5, 0.6], "source": "original_image"}</grounding>',
    hopeless: '<grounding>{"bbox_2d": [0.5, 0.2, 0.1, 0.6], "source": "original_image"}</grounding>',
    answer: '<think>Now I see.</think><answer>STOP</answer>',
    first: [448, 336],
    second: [224, 168],
    rounds: 12,
  },
  vigorl: {
    call: '<think>Small.</think>\n<tool_call>\n{"name": "search_coordinate", "arguments": {"coordinate": [200, 100]}}\n</tool_call>',
    hopeless: '<tool_call>{"name": "search_coordinate", "arguments": {"coordinate": [200]}}</tool_call>',
    answer: '<think>Now I see.</think>\n<answer> STOP </answer>',
    first: [448, 336],
    second: [504, 504],
    rounds: 5,
  },
  'qwen-zoom': {
    call: 'Let me look.\n<tool_call>\n{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [100, 200, 500, 600], "label": "sign", "img_idx": 0}}\n</tool_call>',
    hopeless:
      '<tool_call>\n{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [500, 200, 100, 600], "label": "sign", "img_idx": 0}}\n</tool_call>',
    answer: 'STOP',
    first: [448, 336],
    second: [616, 448],
    rounds: 20,
  },
} as const;

const NAMES = ['adaptvision', 'awares', 'deepeyes', 'mini-o3', 'vigorl', 'qwen-zoom'] as const;

describe.each(NAMES)('%s', (name) => {
  const { call, answer, first, second, rounds } = FAMILY[name];
  const expected = expectedOf(name);

  it('shows what was asked for, in the words of its reference, and recomputes nothing', async () => {
    const { result, text } = await ask(name, [call, answer]);
    expect(result).toMatchObject({ answer: 'STOP', finishReason: 'stop' });
    expect(result.rounds.map(({ images }) => [images[0]?.imageSize.width, images[0]?.imageSize.height])).toEqual([
      first,
      second,
    ]);
    for (const { recomputedTokens } of result.rounds) expect(recomputedTokens).toBe(0);
    const [system = '', ...others] = text.split('<|im_end|>\n<|im_start|>user\n');
    expect(sha(system.replace('<|im_start|>system\n', ''))).toBe(expected.system);
    expect(others[0]).toContain(IMAGE);
    expect(others[0]).toContain(QUESTION);
    if (expected.reply === undefined) return;
    // AdaptVision's reply starts right behind the model's last token; Mini-o3's reference ends the model's message itself.
    const end = text.indexOf('<|im_end|>', text.indexOf(call)) + (name === 'mini-o3' ? 0 : '<|im_end|>'.length);
    const reply = text.slice(end, text.lastIndexOf(HEADER_TEXT) + HEADER_TEXT.length);
    expect(sha(reply)).toBe(expected.reply);
  });

  it('has the rounds of its reference where the settings name none', async () => {
    const calls = Array.from({ length: rounds + 1 }, () => call);
    const { result } = await ask(name, calls);
    expect(result.finishReason).toBe('toolCallRefused');
    expect(result.rounds.length).toBe(rounds);
    expect(result.rounds.at(-1)?.toolCall?.error).toMatch(/^All \d+ rounds are used up\.$|^A turn shows at most/);
    expect((await ask(name, calls, { maxRounds: 1 })).result.rounds).toHaveLength(1);
  });

  it('never ends in a crash, whatever is called', async () => {
    const boxes = [
      '[NaN, 0, 5, 5]',
      '[1e9, 1e9, 1e9, 1e9]',
      '[-1e9, -1e9, 1e9, 1e9]',
      '[]',
      '{}',
      'null',
      '"x"',
      `[${'[0,0,9,9],'.repeat(200)}]`,
    ];
    const numbers = /\[\d[^\]]*\]|\['[^\]]*\]/;
    const tenThousand = call.replace(numbers, () => `[${'[0,0,9,9],'.repeat(10_000)}]`);
    expect(() => TOOLS.find((tool) => tool.name === name)?.parse(tenThousand)).not.toThrow();
    for (const box of boxes) {
      const { result } = await ask(name, [call.replace(numbers, () => box), answer], { maxNewTokens: 20_000 });
      expect(['stop', 'toolCallRefused']).toContain(result.finishReason);
      if (result.finishReason === 'toolCallRefused') expect(result.rounds[0]?.toolCall?.error).not.toBe('');
    }
    for (const source of ['observation_7', 'picture', '']) {
      const other = call.replace('original_image', source).replace('"img_idx": 0', '"img_idx": 7');
      const { result } = await ask(name, [other, answer]);
      expect(result.finishReason).toBe('stop');
    }
  }, 60_000);

  it('may be chosen for a model that was trained with none, and left out of one that has it', async () => {
    const chosen = await ask('chat', [call, answer], { toolName: name });
    const own = await ask(name, [call, answer]);
    expect(chosen.text).toBe(own.text);
    expect(chosen.result.rounds).toHaveLength(2);
    const without = await ask(name, [answer], { tool: false });
    expect(without.result.rounds).toHaveLength(1);
    expect(without.text).not.toContain('zoom');
  });
});

describe.each(['adaptvision', 'deepeyes', 'mini-o3'] as const)('%s', (name) => {
  it('answers a hopeless call with the error turn of its reference', async () => {
    const { hopeless, answer } = FAMILY[name];
    const { error: expected } = expectedOf(name);
    const { result, text } = await ask(name, [hopeless, answer]);
    expect(result).toMatchObject({ answer: 'STOP', finishReason: 'stop' });
    expect(result.rounds[1]).toMatchObject({ resolution: 'none', recomputedTokens: 0 });
    const error = result.rounds[0]?.toolCall?.error ?? '';
    const end = text.indexOf('<|im_end|>', text.indexOf(hopeless)) + (name === 'mini-o3' ? 0 : '<|im_end|>'.length);
    const turn = text.slice(end, text.lastIndexOf(HEADER_TEXT) + HEADER_TEXT.length);
    if (name === 'deepeyes') {
      expect(turn).toBe(
        "\n<|im_start|>user\nError: Coordinate 'right' is less than 'left'<|im_end|>\n<|im_start|>assistant\n",
      );
      return;
    }
    const [hash, quoted] = typeof expected === 'string' ? [expected, 'E'] : (expected ?? ['', '']);
    expect(sha(turn.replace(error, () => quoted))).toBe(hash);
  });
});

describe('a hopeless call', () => {
  it('shows all of the picture for AwaRes, as in its reference', async () => {
    const { hopeless, answer } = FAMILY.awares;
    const { result } = await ask('awares', [hopeless, answer]);
    expect(result.rounds[1]).toMatchObject({ resolution: 'full', imageSize: { width: 448, height: 336 } });
  });

  it('ends the turn for ViGoRL, by name: its reference has no turn for errors', async () => {
    const { hopeless, answer } = FAMILY.vigorl;
    const { result } = await ask('vigorl', [hopeless, answer]);
    expect(result.finishReason).toBe('toolCallRefused');
    expect(result.rounds[0]?.toolCall?.error).toMatch(
      /no coordinate of two numbers\. The model has no turn for errors/,
    );
  });

  it("is a reply like any other for Qwen's zoom", async () => {
    const { hopeless, answer } = FAMILY['qwen-zoom'];
    const { result, text } = await ask('qwen-zoom', [hopeless, answer]);
    expect(result).toMatchObject({ answer: 'STOP', finishReason: 'stop' });
    const error = "Tool Execution Error Coordinate 'right' is less than 'left'";
    expect(text).toContain(`<|im_start|>user\n<tool_response>\n${error}\n</tool_response><|im_end|>\n`);
  });
});

describe('the tools', () => {
  it('draft the beginning of their calls', () => {
    for (const name of NAMES) {
      const calls = TOOLS.find((tool) => tool.name === name)?.describe().calls ?? [];
      expect(calls).not.toEqual([]);
      const spaceless = (text: string): string => text.replaceAll(/[\s:']/g, '');
      for (const begun of calls) expect(spaceless(FAMILY[name].call)).toContain(spaceless(begun));
    }
  });

  it('all bring prompts, and nothing else does but what has no tool', () => {
    const sets = PROMPT_SETS.filter((set) => !['efficient', 'general', 'chat'].includes(set));
    expect(['resize', ...sets].toSorted()).toEqual(TOOLS.map(({ name }) => name).toSorted());
    expect(TOOL_NAMES).toEqual(TOOLS.map(({ name }) => name));
  });

  it('that are unknown are refused by name', async () => {
    await expect(ask('chat', [], { toolName: 'hammer' })).rejects.toMatchObject({
      name: 'QuestionError',
      message: expect.stringMatching(/"hammer".*resize, adaptvision/),
    });
  });

  it('of Mini-o3 crop earlier crops, and stop the round at the end of a call', async () => {
    const { call, answer } = FAMILY['mini-o3'];
    const again = call.replace('original_image', 'observation_1');
    const { result, text } = await ask('mini-o3', [`${call} and more`, again, answer]);
    expect(result.answer).toBe('STOP');
    // 0.1 to 0.5 of 448 and 0.2 to 0.6 of 336 pixels; then the same of that crop.
    expect(result.rounds.map(({ images }) => images[0]?.request.region)).toEqual([
      null,
      { left: 44, top: 67, width: 180, height: 134 },
      { left: 62, top: 93, width: 72, height: 54 },
    ]);
    expect(text).not.toContain('and more');
    expect(text).toContain('After the above Action 1, here is the the zoom-in image (Observation 2):');
  });

  it('of Qwen answer several calls at once, each in a response of its own, and zoom into what they showed', async () => {
    const { call, answer } = FAMILY['qwen-zoom'];
    const [, one = ''] = /(<tool_call>[\s\S]*<\/tool_call>)/.exec(call) ?? [];
    const calls = [one, one.replace('"img_idx": 0', '"img_idx": 1'), one.replace('image_zoom_in_tool', 'image_search')];
    const { result, text } = await ask('qwen-zoom', [calls.join('\n'), answer]);
    expect(result.rounds[1]?.images).toHaveLength(2);
    expect(text).toContain(
      `<|im_start|>user\n<tool_response>\n${IMAGE}\n</tool_response>\n<tool_response>\n${IMAGE}\n</tool_response>\n` +
        '<tool_response>\nTool image_search does not exists.\n</tool_response><|im_end|>\n',
    );
  });

  it('see pixels of the picture even where a budget made it smaller', async () => {
    const { call, answer } = FAMILY.deepeyes;
    const { result } = await ask('deepeyes', [call, answer], { pixelBudget: (448 * 336) / 4 });
    expect(result.rounds[0]?.images[0]?.imageSize).toEqual({ width: 224, height: 168 });
    expect(result.rounds[1]?.images[0]?.request.region).toEqual({ left: 40, top: 60, width: 200, height: 140 });
  });
});
