/** A person's own crop: what the model is shown of it, what it costs, where tools and boxes count in it, and what is refused. */
import { describe, expect, it } from 'vitest';
import { TOOLS } from '../../src/conversation/tools/registry.ts';
import { Conversation } from '../../src/conversation/messages.ts';
import type { AskedImage } from '../../src/protocol/chat.ts';
import type { TurnResult, TurnSettings } from '../../src/protocol/turn.ts';
import { failure, QUESTION, SETTINGS } from '../helpers/ask-scripted.ts';
import { ANSWER, CALL, openScripted, picture, respond } from '../helpers/scripted-engine.ts';

const REGION = { left: 56, top: 28, width: 112, height: 84 };
const WHOLE = { image: 0, region: null, scale: 1 };

async function ask(
  said: readonly string[],
  images: readonly AskedImage[],
  settings: Partial<TurnSettings> = {},
): Promise<TurnResult> {
  const { engine } = openScripted({ script: respond(...said), contextLength: 32_768 });
  await engine.setImage(picture(224, 168));
  const chat = { history: [], images };
  return engine.ask(QUESTION, { ...SETTINGS, ...settings }, () => undefined, { chat });
}

describe('a region', () => {
  it('is shown alone at its own resolution, and the tool shows the whole picture', async () => {
    const { rounds, visualTokens } = await ask([CALL, ANSWER], [{ image: 0, region: REGION }]);
    expect(rounds.map(({ resolution, images }) => [resolution, images])).toEqual([
      [
        'crop',
        [{ request: { image: 0, region: REGION, scale: 1 }, imageSize: { width: 112, height: 84 }, visualTokens: 12 }],
      ],
      ['full', [{ request: WHOLE, imageSize: { width: 224, height: 168 }, visualTokens: 48 }]],
    ]);
    expect(visualTokens).toEqual({ used: 60, full: 48, ratio: 60 / 48 });
  });

  it('is shown behind the whole picture, which counts once in what full resolution would cost', async () => {
    const { rounds, visualTokens } = await ask([ANSWER], [0, { image: 0, region: REGION }]);
    expect(rounds[0]?.images.map(({ request, visualTokens: tokens }) => [request, tokens])).toEqual([
      [{ ...WHOLE, scale: 0.5 }, 12],
      [{ image: 0, region: REGION, scale: 1 }, 12],
    ]);
    expect(visualTokens).toEqual({ used: 24, full: 48, ratio: 0.5 });
  });

  it.each([
    ['beyond the edge', { ...REGION, left: 200 }],
    ['of no width', { ...REGION, width: 0 }],
    ['of half pixels', { ...REGION, top: 0.5 }],
    ['of no number', { ...REGION, height: NaN }],
    ['before the edge', { ...REGION, left: -1 }],
  ])('is refused %s', async (_, region) => {
    for (const toolName of [undefined, ...TOOLS.map(({ name }) => name)]) {
      const settings = toolName === undefined ? {} : { toolName };
      const error = await failure(ask([ANSWER], [{ image: 0, region }], settings));
      expect(error).toMatchObject({ name: 'ImageRegionError', message: expect.stringMatching(/224 x 168/) });
    }
  });

  it('of an image that was not added is refused', async () => {
    expect(await failure(ask([ANSWER], [{ image: 3, region: REGION }]))).toMatchObject({ name: 'ImageRegionError' });
  });

  it('is what boxes in the answer count in, or the whole picture where that was shown', async () => {
    const said = ['{"bbox_2d": [0, 0, 56, 42], "label": "star"}'];
    const alone = await ask(said, [{ image: 0, region: REGION }], { tool: false });
    expect(alone.marks).toEqual([{ kind: 'box', image: 0, label: 'star', box: [56, 28, 112, 70] }]);
    const beside = await ask(said, [0, { image: 0, region: REGION }], { tool: false, downsample: false });
    expect(beside.marks).toEqual([{ kind: 'box', image: 0, label: 'star', box: [0, 0, 56, 42] }]);
  });
});

describe('tools count in a region as in a picture of its own', () => {
  const call = (name: string, args: unknown): string =>
    `<tool_call>${JSON.stringify({ name, arguments: args })}</tool_call>`;
  // [28, 42, 84, 63] of the region is [84, 70, 140, 91] of the picture.
  const CUT = { left: 84, top: 70, width: 56, height: 21 };
  it.each([
    ['adaptvision', call('request_local_region', { bbox_2d: [28, 42, 84, 63] }), CUT],
    ['awares', 'GET_CROPS: [8]', { left: 68, top: 28, width: 100, height: 168 }],
    ['deepeyes', call('image_zoom_in_tool', { bbox_2d: [28, 42, 84, 63] }), CUT],
    ['mini-o3', '<grounding>{"bbox_2d": [0.25, 0.5, 0.75, 0.75], "source": "original_image"}</grounding>', CUT],
    ['vigorl', call('search_coordinate', { coordinate: [0, 0] }), { left: 56, top: 28, width: 75, height: 75 }],
    [
      'qwen-zoom',
      call('image_zoom_in_tool', { bbox_2d: [250, 250, 750, 750], label: 'star', img_idx: 0 }),
      { left: 84, top: 49, width: 56, height: 42 },
    ],
  ])('%s', async (toolName, said, region) => {
    const { engine } = openScripted({ script: respond(''), contextLength: 32_768 });
    await engine.setImage(picture(448, 448)); // large enough that AwaRes cuts
    const tool = TOOLS.find(({ name }) => name === toolName);
    const { views } = engine;
    if (tool === undefined || views === null) throw new Error('There is no such tool.');
    const { rounds } = await engine.ask(QUESTION, { ...SETTINGS, toolName }, () => undefined, {
      chat: { history: [], images: [{ image: 0, region: asked(toolName) }] },
    });
    const [first] = rounds[0]?.images ?? [];
    if (first === undefined) throw new Error('Nothing was shown.');
    expect(first.request.region).toEqual(asked(toolName));
    const conversation = new Conversation(views);
    conversation.add({ role: 'user', content: [{ type: 'image', request: first.request }] });
    const parsed = tool.parse(said);
    if (parsed?.valid !== true) throw new Error(JSON.stringify(parsed));
    const [shown] = tool.apply(parsed.arguments, conversation);
    expect(shown).toMatchObject({ image: 0, region });
    if (typeof shown === 'object') expect(views.view(shown).prepare().seen).not.toBeNull();
  });

  /** AwaRes does not cut what has a side under 100 pixels. */
  function asked(toolName: string): typeof REGION {
    return toolName === 'awares' ? { ...REGION, height: 168 } : REGION;
  }
});
