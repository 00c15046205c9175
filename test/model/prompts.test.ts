/** VisionThink's prompts byte by byte, and the parsing of a checkpoint's own prompts.json. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CHATML } from '../../src/architectures/qwen2_5_vl/chat.ts';
import { promptsFile, promptSetFor } from '../../src/model/prompt-files.ts';
import { parsePrompts, type Prompts } from '../../src/model/prompts.ts';

/** SHA-256 of the strings the two models were trained on (dvlab-research/VisionThink). */
const EXPECTED = {
  efficient: {
    system: 'e730df60665863e39ad32375eb0392f6a1f781ec09c27b8dad9cc0010b3702c0',
    system_without_tool: '75357d685f238b6afd7738be9786fdafde641eb6ca9a3be7471939715a68a4de',
    user_template: '1a39482ea3307136fba28c774395893956084482cb400ee6e64131c7aac63b57',
    tool_response_turn_prefix: '414f96654eaf5f4fba6daa73ba15d4380963be36beffa62fc3520301f23159c2',
    tool_response_turn_per_image: '2af88347b1993a2601aeee06f7151d010e19ce941291b702d54cfe1d71dad067',
    tool_response_turn_suffix: '1d89a4a4cb397d78cfb3edbf9fde1ac4b1d35cadc2eb785671e14c2d82d3f250',
    error_turn_template: '48b88ff86a33d6f83e2377b2e4e9fb5b95dc3d89f90a2ad2e8004b2d5ff4db02',
  },
  general: {
    system: '820c3746a89158f4dd9098221b2eeeee5fb829b1c6b607b6b93eadf6d4ef69d0',
    user_template: 'e5b7e4549edd744d49fc1cee7f7134e245c33dbc7b9e8382e27ff5280a7a9c9c',
  },
} as const;
const IMAGE_PLACEHOLDER = '66d7d4ce7ca7fa95fae529b589638bd86df80fdbc93048bc8b1a1195c069fa90';

const hash = (text: unknown): string => createHash('sha256').update(String(text), 'utf8').digest('hex');

describe("VisionThink's prompts", () => {
  it.each(['efficient', 'general'] as const)('%s are written byte for byte', (set) => {
    const file = promptsFile(set, CHATML);
    expect(hash(file['image_placeholder'])).toBe(IMAGE_PLACEHOLDER);
    const section = file[set] as Record<string, unknown>;
    expect(Object.fromEntries(Object.entries(section).map(([key, text]) => [key, hash(text)]))).toEqual(EXPECTED[set]);
  });

  it('efficient survive a round trip', () => {
    const { efficient } = EXPECTED;
    const prompts = parsePrompts(JSON.parse(JSON.stringify(promptsFile('efficient', CHATML))), CHATML);
    expect(hash(prompts.imagePlaceholder)).toBe(IMAGE_PLACEHOLDER);
    expect(hash(prompts.system)).toBe(efficient.system);
    expect(hash(prompts.systemWithoutTool)).toBe(efficient.system_without_tool);
    expect(hash(prompts.userTemplate)).toBe(efficient.user_template);
    expect(hash(prompts.tool?.replyPrefix)).toBe(efficient.tool_response_turn_prefix);
    expect(hash(prompts.tool?.perImage)).toBe(efficient.tool_response_turn_per_image);
    expect(hash(prompts.tool?.replySuffix)).toBe(efficient.tool_response_turn_suffix);
    expect(hash(prompts.tool?.errorReply)).toBe(efficient.error_turn_template);
  });

  it('general have no tool', () => {
    const prompts = parsePrompts(promptsFile('general', CHATML), CHATML);
    expect(prompts.tool).toBeNull();
    expect(hash(prompts.system)).toBe(EXPECTED.general.system);
    expect(prompts.systemWithoutTool).toBe(prompts.system);
  });

  it("of an ordinary chat model are Qwen's", () => {
    expect(parsePrompts(promptsFile('chat', CHATML), CHATML)).toEqual({
      imagePlaceholder: '<|vision_start|><|image_pad|><|vision_end|>',
      system: 'You are a helpful assistant.',
      systemWithoutTool: 'You are a helpful assistant.',
      userTemplate: '{image}{question}',
      userTemplateWithoutTool: '{image}{question}',
      tags: { thinking: ['<think>', '</think>'], answer: ['<answer>', '</answer>'] },
      tool: null,
    });
  });
});

describe('promptSetFor', () => {
  it.each([
    ['VisionThink-Efficient', 'efficient'],
    ['Senqiao/VisionThink-Efficient', 'efficient'],
    ['visionthink_efficient', 'efficient'],
    ['models--Senqiao--VisionThink-Efficient', 'efficient'],
    ['VisionThink-General', 'general'],
    ['VISIONTHINK-GENERAL-7B', 'general'],
    ['AdaptVision/AdaptVision-7B', 'adaptvision'],
    ['Kimhi/AWARES-Qwen2.5-VL-7B', 'awares'],
    ['ChenShawn/DeepEyes-7B', 'deepeyes'],
    ['DeepEyesV2_7B', 'chat'],
    ['Mini-o3/Mini-o3-7B-v1', 'mini-o3'],
    ['gsarch/ViGoRL-Multiturn-3b-Visual-Search', 'vigorl'],
    ['gsarch/ViGoRL-Multiturn-3b-Web-Grounding', 'chat'],
    ['Qwen/Qwen3-VL-2B-Instruct', 'qwen-zoom'],
    ['inclusionAI/ZwZ-7B', 'chat'],
    ['Qwen2.5-VL-7B-Instruct', 'chat'],
    ['checkpoint-1200', 'chat'],
    ['General', 'chat'],
    ['', 'chat'],
  ])('takes for %j the set %s', (name, set) => {
    expect(promptSetFor(name)).toBe(set);
  });
});

describe('parsePrompts', () => {
  const efficient = promptsFile('efficient', CHATML)['efficient'] as Record<string, unknown>;
  const image_placeholder = '<|vision_start|><|image_pad|><|vision_end|>';

  it('takes a model without system turn and without error turn', () => {
    const { system: _, system_without_tool: __, error_turn_template: ___, ...rest } = efficient;
    const prompts = parsePrompts({ image_placeholder, efficient: rest }, CHATML);
    expect([prompts.system, prompts.systemWithoutTool, prompts.tool?.errorReply]).toEqual([null, null, null]);
  });

  it('takes the tags of the model, one kind of them, or none', () => {
    const tagsOf = (tags: unknown): Prompts['tags'] =>
      parsePrompts({ image_placeholder, efficient: { ...efficient, tags } }, CHATML).tags;
    const thinking = ['[THINK]', '[/THINK]'];
    expect(tagsOf({ thinking, answer: ['<a>', '</a>'] })).toEqual({ thinking, answer: ['<a>', '</a>'] });
    expect(tagsOf({ thinking })).toEqual({ thinking, answer: null });
    expect(tagsOf({ thinking: null })).toEqual({ thinking: null, answer: null });
    expect(tagsOf(undefined)).toEqual({ thinking: ['<think>', '</think>'], answer: ['<answer>', '</answer>'] });
  });

  it.each([
    ['nothing', undefined],
    ['a list', []],
    ['no placeholder', { efficient }],
    ['a placeholder without image pad', { image_placeholder: '<image>', efficient }],
    ['a placeholder with two image pads', { image_placeholder: '<|image_pad|><|image_pad|>', efficient }],
    ['no section', { image_placeholder }],
    ['a section that is text', { image_placeholder, efficient: 'x' }],
    ['a template without question', { image_placeholder, efficient: { ...efficient, user_template: '{image}' } }],
    [
      'a template with two images',
      { image_placeholder, efficient: { ...efficient, user_template: '{image}{image}{question}' } },
    ],
    ['a system turn that is no text', { image_placeholder, efficient: { ...efficient, system: 3 } }],
    ['no tool response', { image_placeholder, efficient: { ...efficient, tool_response_turn_prefix: undefined } }],
    [
      'a tool response without image',
      { image_placeholder, efficient: { ...efficient, tool_response_turn_per_image: '\n' } },
    ],
    ['tags that are a list', { image_placeholder, efficient: { ...efficient, tags: [] } }],
    ['one tag alone', { image_placeholder, efficient: { ...efficient, tags: { answer: ['<answer>'] } } }],
    ['an empty tag', { image_placeholder, efficient: { ...efficient, tags: { thinking: ['<think>', ''] } } }],
    ['an error turn without error', { image_placeholder, efficient: { ...efficient, error_turn_template: 'no' } }],
  ])('refuses %s', (_, json) => {
    expect(() => parsePrompts(json, CHATML)).toThrowError(
      expect.objectContaining({ name: 'ModelFolderError', message: expect.stringContaining('prompts.json') }),
    );
  });
});
