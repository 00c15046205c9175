/** What tools say a call may ask for: views that are equal to those that calls get, step by step. */
import { describe, expect, it } from 'vitest';
import { Conversation } from '../../../src/conversation/messages.ts';
import { TOOLS } from '../../../src/conversation/tools/registry.ts';
import { readJson } from '../../../src/conversation/tools/literal.ts';
import type { Tool } from '../../../src/conversation/tools/tool.ts';
import { fullOf, type ImageRequest, requestKey } from '../../../src/shared/image-request.ts';
import type { JsonObject } from '../../../src/shared/json.ts';
import { openScripted, picture, respond } from '../../helpers/scripted-engine.ts';

const SIZE = { width: 1280, height: 960 };

function tool(name: string): Tool {
  const found = TOOLS.find((known) => known.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

/** A question about a picture as a tool opens it, and crops that were shown since. */
function shown(name: string, ...crops: readonly ImageRequest[]): Conversation {
  const views = openScripted({ script: respond('') }).engine.core.newViews();
  const image = views.add(picture(SIZE.width, SIZE.height));
  const conversation = new Conversation(views);
  const request = tool(name).opening?.(image, SIZE, { downsample: true }) ?? fullOf(image);
  conversation.add({ role: 'user', content: [{ type: 'image', request }] });
  for (const crop of crops) conversation.add({ role: 'tool', content: [{ type: 'image', request: crop }] });
  return conversation;
}

/** The views that a call shows. */
function views(name: string, call: JsonObject, conversation: Conversation): readonly ImageRequest[] {
  const reply = tool(name).apply(call, conversation);
  return typeof reply === 'string' ? [] : reply.filter((part) => typeof part !== 'string');
}

const keysOf = (requests: readonly ImageRequest[]): readonly string[] => requests.map(requestKey);

it.each(TOOLS.map(({ name }) => name))('of %s is nothing before an image', (name) => {
  const empty = openScripted({ script: respond('') }).engine.core.newViews();
  expect(tool(name).likely(new Conversation(empty))).toEqual([]);
});

describe('AwaRes', () => {
  it('may ask for nine crops and the whole image', () => {
    const conversation = shown('awares');
    const numbered = views('awares', { crops: [0, 1, 2, 3, 4, 5, 6, 7, 8] }, conversation);
    const whole = views('awares', { crops: [] }, conversation);
    expect(keysOf(tool('awares').likely(conversation))).toEqual(keysOf([...numbered, ...whole]));
  });

  it('may ask for the neighbours of its last crop first, and not for that again', () => {
    const [first] = views('awares', { crops: [0] }, shown('awares'));
    if (first === undefined) throw new Error('no crop');
    const conversation = shown('awares', first);
    const near = views('awares', { crops: [4, 5, 7] }, conversation); // the middle, and the halves that hold it
    const likely = keysOf(tool('awares').likely(conversation));
    expect(likely).toHaveLength(9);
    expect(new Set(likely.slice(0, 3))).toEqual(new Set(keysOf(near)));
    expect(likely).not.toContain(requestKey(first));
  });
});

/** Calls of a crop, and of the parts of the same size to its right, below, to its left and above it. */
const BOXES: Readonly<Record<string, readonly JsonObject[]>> = {
  // Pixels of the half image, 644 x 476; the image at full size is shown at 1288 x 952.
  adaptvision: [
    { sides: [200, 160, 360, 280] },
    { sides: [360, 160, 520, 280] },
    { sides: [200, 280, 360, 400] },
    { sides: [40, 160, 200, 280] },
    { sides: [200, 40, 360, 160] },
  ],
  deepeyes: [
    { sides: [400, 320, 720, 560] },
    { sides: [720, 320, 1040, 560] },
    { sides: [400, 560, 720, 800] },
    { sides: [80, 320, 400, 560] },
    { sides: [400, 80, 720, 320] },
  ],
  'mini-o3': [
    { sides: [0.25, 0.25, 0.5, 0.5], observation: 0, source: 'original_image' },
    { sides: [0.5, 0.25, 0.75, 0.5], observation: 0, source: 'original_image' },
    { sides: [0.25, 0.5, 0.5, 0.75], observation: 0, source: 'original_image' },
    { sides: [0, 0.25, 0.25, 0.5], observation: 0, source: 'original_image' },
    { sides: [0.25, 0, 0.5, 0.25], observation: 0, source: 'original_image' },
  ],
  vigorl: [
    { numbers: [640, 480] },
    { numbers: [790, 480] },
    { numbers: [640, 630] },
    { numbers: [490, 480] },
    { numbers: [640, 330] },
  ],
};

describe.each(Object.entries(BOXES))('%s', (name, calls) => {
  it('may ask for the neighbours of its last crop, exactly as a call would get them', () => {
    const [crop, ...around] = calls.map((call) => views(name, call, shown(name))[0]);
    if (crop === undefined) throw new Error('no crop');
    expect(keysOf(tool(name).likely(shown(name, crop)))).toEqual(
      around.flatMap((view) => (view === undefined ? [] : keysOf([view]))),
    );
  });

  it('may ask for nothing that can be known before its first crop', () => {
    expect(tool(name).likely(shown(name))).toEqual([]);
  });
});

describe('Qwen3-VL', () => {
  it('may ask for the neighbours of its last crop, exactly as a call would get them', () => {
    const zoom = (x: number, y: number): ImageRequest | undefined => {
      const reading = readJson(JSON.stringify({ bbox_2d: [x, y, x + 250, y + 250], label: 'a sign', img_idx: 0 }));
      const given = 'value' in reading ? reading.value : null;
      return views('qwen-zoom', { calls: [{ name: 'image_zoom_in_tool', arguments: given }] }, shown('qwen-zoom'))[0];
    };
    const crop = zoom(250, 250);
    if (crop === undefined) throw new Error('no crop');
    const around = [zoom(500, 250), zoom(250, 500), zoom(0, 250), zoom(250, 0)];
    expect(keysOf(tool('qwen-zoom').likely(shown('qwen-zoom', crop)))).toEqual(
      around.flatMap((view) => (view === undefined ? [] : keysOf([view]))),
    );
  });
});

it('stays within the image at its edges', () => {
  const [corner] = views('deepeyes', { sides: [0, 0, 640, 960] }, shown('deepeyes'));
  if (corner === undefined) throw new Error('no crop');
  const regions = tool('deepeyes')
    .likely(shown('deepeyes', corner))
    .map(({ region }) => region);
  expect(regions).toEqual([{ left: 640, top: 0, width: 640, height: 960 }]);
});
