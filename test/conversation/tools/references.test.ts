/**
 * Two hundred calls of each tool against what its reference's own code makes of them: the same pixels, or the same error.
 * Goldens: test/golden/make/tools.py.
 */
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ImageViews } from '../../../src/conversation/image-views.ts';
import { Conversation } from '../../../src/conversation/messages.ts';
import { TOOLS } from '../../../src/conversation/tools/registry.ts';
import type { Tool } from '../../../src/conversation/tools/tool.ts';
import { runSteps } from '../../../src/image/view-steps.ts';
import { isNamed, messageOf } from '../../../src/shared/errors.ts';
import { fullOf, type ImageRequest } from '../../../src/shared/image-request.ts';
import type { RgbImage } from '../../../src/shared/rgb-image.ts';
import { openScripted, respond } from '../../helpers/scripted-engine.ts';
import { syntheticImage } from '../../helpers/synthetic-image.ts';

/** Width, height and the CRC-32 of the RGB bytes. */
type Pixels = readonly [number, number, string];
/** Images, an error, an error in the words of Python itself (true), or no call (null). */
type Outcome = Pixels | readonly Pixels[] | string | true | null;
type Case = readonly [
  width: number,
  height: number,
  seed: number,
  calls: readonly string[],
  openings: readonly Outcome[],
  outcomes: readonly Outcome[],
];

interface Golden {
  readonly frame: string;
  readonly cases: readonly Case[];
}

const FAMILIES = ['adaptvision', 'awares', 'deepeyes', 'mini-o3', 'vigorl', 'qwen-zoom'];

const { engine } = openScripted({ script: respond('') });

function golden(name: string): Golden {
  return JSON.parse(readFileSync(new URL(`../../golden/tools/${name}.json`, import.meta.url), 'utf8'));
}

function toolNamed(sought: string): Tool {
  const tool = TOOLS.find(({ name }) => name === sought);
  if (tool === undefined) throw new Error(`there is no tool ${sought}`);
  return tool;
}

/** The last step of these two is what stands between their own code and the model in their references: behind what the goldens compare. */
function comparedSteps(tool: string, { steps = [] }: ImageRequest): NonNullable<ImageRequest['steps']> {
  return tool === 'awares' || tool === 'vigorl' ? steps.slice(0, -1) : steps;
}

function pixelsOf({ width, height, data }: RgbImage): Pixels {
  return [width, height, crc32(data).toString(16).padStart(8, '0')];
}

/** A conversation about one picture, as far as a tool sees it. */
class Played {
  readonly #tool: Tool;
  readonly #picture: RgbImage;
  readonly #conversation: Conversation;
  readonly #views: ImageViews;
  /** Whether an image came that no model can be shown, for its aspect ratio: the turn's error turn follows. */
  isOver = false;

  constructor(tool: Tool, picture: RgbImage, opening: ImageRequest) {
    this.#tool = tool;
    this.#picture = picture;
    this.#views = engine.core.newViews();
    this.#views.add(picture);
    this.#conversation = new Conversation(this.#views);
    this.#show('user', [opening]);
  }

  /** What the tool makes of the next call. */
  outcome(text: string): Outcome {
    const call = this.#tool.parse(text);
    if (call === null) return null;
    if (!call.valid) return call.error;
    try {
      const reply = this.#tool.apply(call.arguments, this.#conversation);
      if (typeof reply === 'string') return reply;
      const texts = reply.filter((part) => typeof part === 'string');
      if (texts[0] !== undefined) return texts[0];
      const requests = reply.filter((part) => typeof part !== 'string');
      const pixels = requests.map((request) => this.#pixels(request));
      this.#show('tool', requests);
      return this.#tool.name === 'awares' || pixels[0] === undefined ? pixels : pixels[0];
    } catch (thrown) {
      return messageOf(thrown);
    }
  }

  #pixels(request: ImageRequest): Pixels {
    return pixelsOf(runSteps(this.#picture, comparedSteps(this.#tool.name, request)));
  }

  #show(role: 'user' | 'tool', requests: readonly ImageRequest[]): void {
    try {
      for (const request of requests) this.#views.view(request);
    } catch (thrown) {
      if (!isNamed(thrown, 'ImageShapeError')) throw thrown;
      this.isOver = true;
      return;
    }
    this.#conversation.add({ role, content: requests.map((request) => ({ type: 'image', request })) });
  }
}

/** The text that asks for this: the frame with it inside; behind an exclamation mark, all of it. */
function callText(name: string, frame: string, call: string): string {
  const text = call.startsWith('!') ? call.slice(1) : frame.replace('%s', () => call);
  return name === 'qwen-zoom'
    ? `<tool_call>\n{"name": "image_zoom_in_tool", "arguments": ${text}}\n</tool_call>`
    : text;
}

describe.each(FAMILIES)('%s', (name) => {
  const tool = toolNamed(name);
  const { frame, cases } = golden(name);

  it('shows what its reference shows, and says what it says', () => {
    expect(cases.length).toBe(200);
    for (const [width, height, seed, calls, openings, outcomes] of cases) {
      const picture = syntheticImage(width, height, seed);
      const opened = [true, false].slice(0, openings.length).map((downsample) => {
        try {
          const request = tool.opening?.(0, picture, { downsample }) ?? fullOf(0);
          return { request, outcome: pixelsOf(runSteps(picture, comparedSteps(name, request))) };
        } catch (thrown) {
          return { request: fullOf(0), outcome: messageOf(thrown) };
        }
      });
      expect({ seed, openings: opened.map(({ outcome }) => outcome) }).toEqual({ seed, openings });
      const played = new Played(tool, picture, opened[0]?.request ?? fullOf(0));
      for (const [i, call] of calls.entries()) {
        if (played.isOver) break;
        const expected = outcomes[i];
        const actual = played.outcome(callText(name, frame, call));
        const compared = expected === true && typeof actual === 'string' ? true : actual;
        expect({ seed, call, outcome: compared }).toEqual({ seed, call, outcome: expected });
      }
    }
  });
});
