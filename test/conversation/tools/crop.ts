/**
 * A second tool, outside src/: crops by boxes, in pixels of the image the model saw last or from 0 to 1. It proves that a tool is
 * one file and one line.
 */
import type { Conversation } from '../../../src/conversation/messages.ts';
import { between } from '../../../src/conversation/response.ts';
import type { ParsedCall, Tool } from '../../../src/conversation/tools/tool.ts';
import { NamedError } from '../../../src/shared/errors.ts';
import type { ImageRequest } from '../../../src/shared/image-request.ts';
import { isObject, type JsonObject, tryParseJson } from '../../../src/shared/json.ts';
import type { TagPair } from '../../../src/shared/response-tags.ts';

/** The crop tool. `unit`: what its boxes count in; `callTags`: what encloses its calls. */
export function cropTool(unit: 'pixels' | 'normalised', callTags: TagPair = ['<tool_call>', '</tool_call>']): Tool {
  return {
    name: 'crop',
    describe: () => ({
      calls: ['<tool_call>{"name": "crop", "arguments": {"bbox_2d": ['],
      callTags,
      maxImages: 4,
      maxRounds: 2,
      words: { label: 'crop tool', asksFor: 'a closer look', asksAgainFor: 'a closer look at a part of it' },
    }),
    parse: (text) => parseCrop(between(text, ...callTags)),
    apply: (call, conversation) => {
      if (call['where'] === 'size') return sizeOfLast(conversation);
      const boxes = Array.isArray(call['boxes']) ? call['boxes'] : [call['bbox_2d']];
      return boxes.map((box: unknown) => requestFor(box, unit, conversation));
    },
    likely: () => [],
  };
}

function parseCrop([content, ...more]: readonly string[]): ParsedCall | null {
  if (content === undefined) return null;
  const call = tryParseJson(content);
  if (more.length > 0) return { valid: false, error: 'Call crop once at a time.' };
  if (!isObject(call) || !isObject(call['arguments'])) return { valid: false, error: 'The call is no JSON object.' };
  return { valid: true, arguments: call['arguments'] satisfies JsonObject };
}

/** Answers with text instead of an image. */
function sizeOfLast(conversation: Conversation): string {
  const image = conversation.shown.at(-1)?.request.image ?? 0;
  const { width, height } = conversation.sourceSize(image);
  return `The image has ${width} x ${height} pixels. <|im_end|>`;
}

/** The crop of a box in the image shown last, rounded outwards to whole pixels of the source and clipped to what was shown. */
function requestFor(box: unknown, unit: 'pixels' | 'normalised', conversation: Conversation): ImageRequest {
  const last = conversation.shown.at(-1);
  const numbers = Array.isArray(box) ? box.filter((side) => typeof side === 'number') : [];
  const [x1 = NaN, y1 = NaN, x2 = NaN, y2 = NaN] = numbers;
  if (last === undefined || !(x1 < x2 && y1 < y2)) throw hopeless(box);
  const { image } = last.request;
  const part = last.request.region ?? { left: 0, top: 0, ...conversation.sourceSize(image) };
  const seen = unit === 'pixels' ? last.size : { width: 1, height: 1 };
  const clip = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
  const x = (side: number): number => clip((side / seen.width) * part.width, part.width);
  const y = (side: number): number => clip((side / seen.height) * part.height, part.height);
  const [left, top, right, bottom] = [Math.floor(x(x1)), Math.floor(y(y1)), Math.ceil(x(x2)), Math.ceil(y(y2))];
  if (left >= right || top >= bottom) throw hopeless(box);
  const region = { left: part.left + left, top: part.top + top, width: right - left, height: bottom - top };
  return { image, region, scale: 1 };
}

function hopeless(box: unknown): NamedError {
  return new NamedError('ToolCallError', `The box ${JSON.stringify(box)?.slice(0, 50)} shows nothing of the image.`);
}
