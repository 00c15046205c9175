/**
 * Qwen3-VL's tool: zooms into a box from 0 to 1000 of any image of the conversation, several times a round if the model likes.
 * Source: QwenLM/Qwen-Agent qwen_agent/tools/image_zoom_in_qwen3vl.py, and qwen_agent/llm/fncall_prompts/nous_fncall_prompt.py for
 * calls, commit 31a4d36. Errors are replies like any other.
 */
import { sizeAfter } from '../../image/view-steps.ts';
import type { PixelSize } from '../../image/smart-resize.ts';
import type { ToolWords } from '../../protocol/engine-api.ts';
import { isNamed, messageOf } from '../../shared/errors.ts';
import { fullOf, type ImageRequest, requestKey } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { TagPair } from '../../shared/response-tags.ts';
import type { Conversation } from '../messages.ts';
import { type Box, callError, cropStep, pythonMax, pythonMin, quoted, qwenSize } from './boxes.ts';
import { itemsOf, type Literal, numberOf, readLenient, valueAt } from './literal.ts';
import { neighbours, partOf, pictureOf } from './requests.ts';
import type { ParsedCall, ReplyPart, Tool } from './tool.ts';

const CALL_TAGS: TagPair = ['<tool_call>', '</tool_call>'];
const NAME = 'image_zoom_in_tool';

/** The unit of boxes: this many to a side. */
const UNITS = 1000;

/** Smaller boxes are widened to this many pixels. */
const LEAST_SIDE = 32;

const CROP_LIMITS = { factor: 32, minPixels: 256 * 32 * 32, maxPixels: 12_845_056 };

/** Calls of the model that an agent makes for one question. Source: qwen_agent/settings.py, MAX_LLM_CALL_PER_RUN. */
const MAX_ROUNDS = 20;

/** Images of a turn: the agent has no limit, this is for a model that asks for thousands at once. */
const MAX_IMAGES = 32;

/** A call as found in the text. */
interface Call {
  readonly name: string;
  readonly arguments: Literal;
}

/** The page's words. */
const WORDS: ToolWords = {
  label: 'zoom tool',
  asksFor: 'parts of the image',
  asksAgainFor: 'parts of it again',
  opensFull: true,
};

/** The tool. */
export const QWEN_ZOOM: Tool = {
  name: 'qwen-zoom',
  describe: () => ({
    calls: [`<tool_call>\n{"name": "${NAME}", "arguments": {"bbox_2d": [`],
    callTags: CALL_TAGS,
    maxImages: MAX_IMAGES,
    maxRounds: MAX_ROUNDS,
    words: WORDS,
  }),
  opening: fullOf,
  parse,
  apply,
  likely: neighbours,
};

/** Every call behind the thinking. One that is no JSON is an error; one without name or arguments is none. */
function parse(text: string): ParsedCall | null {
  const thinking = text.lastIndexOf('</think>');
  if (text.includes('<think>') && thinking < 0) return null;
  const contents = text
    .slice(Math.max(0, thinking))
    .split(CALL_TAGS[0])
    .slice(1)
    .map((call) => (call.split(CALL_TAGS[1])[0] ?? '').trim())
    .filter((call) => call !== '');
  const readings = contents.map(readLenient);
  if (readings.some((reading) => 'error' in reading)) {
    return { valid: false, error: 'Parameters must be formatted as a valid JSON!' };
  }
  const calls = readings.flatMap((reading) => ('value' in reading ? callOf(reading.value) : []));
  return calls.length === 0 ? null : { valid: true, arguments: { calls } };
}

function callOf(value: Literal): readonly Call[] {
  const [name, given] = [valueAt(value, 'name'), valueAt(value, 'arguments')];
  return typeof name === 'string' && given !== undefined ? [{ name, arguments: given }] : [];
}

function isCall(value: unknown): value is Call {
  return typeof value === 'object' && value !== null && 'name' in value && 'arguments' in value;
}

function apply({ calls }: JsonObject, conversation: Conversation): readonly ReplyPart[] {
  const images: ImageRequest[] = [];
  const keys = new Set<string>();
  const { asked, replied } = conversation.imagesByOrigin;
  for (const { request } of asked) {
    if (!keys.has(requestKey(request))) images.push(pictureOf(request));
    keys.add(requestKey(request));
  }
  images.push(...replied.map(({ request }) => request));
  return (Array.isArray(calls) ? calls.filter(isCall) : []).map((call) => {
    const part = replyTo(call, images, conversation);
    if (typeof part !== 'string') images.push(part);
    return part;
  });
}

function replyTo(call: Call, images: readonly ImageRequest[], conversation: Conversation): ReplyPart {
  if (call.name !== NAME) return `Tool ${quoted(call.name)} does not exists.`;
  const box = boxOf(call.arguments);
  const index = valueAt(call.arguments, 'img_idx');
  if (box === null || typeof index !== 'object' || index === null || !('number' in index)) {
    return (
      `An error occurred when calling tool \`${NAME}\`:\nValidationError: bbox_2d must be four numbers, label a text and ` +
      'img_idx a number.'
    );
  }
  // Python counts from the end where an index is negative, and takes no 1.0 for an index.
  const request = /^-?\d+$/.test(index.repr) ? images.at(index.number) : undefined;
  if (request === undefined)
    return `Error: Invalid input image ${index.repr}: there are ${images.length}, counted from 0`;
  try {
    return zoom(request, box, conversation);
  } catch (thrown) {
    if (isNamed(thrown, 'ToolCallError')) return `Tool Execution Error ${messageOf(thrown)}`;
    throw thrown;
  }
}

/** The box of a call whose arguments are as the tool's schema says; null for any others. */
function boxOf(given: Literal): Box | null {
  const sides = itemsOf(valueAt(given, 'bbox_2d')) ?? [];
  const [x1, y1, x2, y2] = sides.map((side) => (typeof side === 'boolean' ? null : numberOf(side)));
  if (typeof valueAt(given, 'label') !== 'string' || sides.length !== 4) return null;
  return x1 == null || y1 == null || x2 == null || y2 == null ? null : [x1, y1, x2, y2];
}

/** Source: call. */
function zoom(request: ImageRequest, box: Box, conversation: Conversation): ImageRequest {
  const source = conversation.sourceSize(request.image);
  const before = request.steps ?? [];
  const size = sizeAfter(source, before);
  const [left, top, right, bottom] = fitted(
    [
      (box[0] / UNITS) * size.width,
      (box[1] / UNITS) * size.height,
      (box[2] / UNITS) * size.width,
      (box[3] / UNITS) * size.height,
    ],
    size,
  );
  const cut = cropStep([left, top, right, bottom]);
  const shown = qwenSize({ width: right - left, height: bottom - top }, CROP_LIMITS);
  return partOf({ image: request.image, region: null }, source, [...before, cut, { ...shown, filter: 'bicubic' }]);
}

/** Clips a box to the image and widens a small one. Source: maybe_resize_bbox. */
function fitted(box: Box, { width, height }: PixelSize): Box {
  const [left, top, right, bottom] = clipped(box, width, height);
  const [w, h] = [right - left, bottom - top];
  if (h >= LEAST_SIDE && w >= LEAST_SIDE) return [left, top, right, bottom];
  const [centerX, centerY] = [(left + right) / 2, (top + bottom) / 2];
  if (Math.min(h, w) === 0) throw callError('float division by zero');
  const ratio = LEAST_SIDE / Math.min(h, w);
  const [halfW, halfH] = [Math.ceil(w * ratio * 0.5), Math.ceil(h * ratio * 0.5)];
  const wide = clipped(
    [Math.floor(centerX - halfW), Math.floor(centerY - halfH), Math.ceil(centerX + halfW), Math.ceil(centerY + halfH)],
    width,
    height,
  );
  const isLargeEnough = wide[3] - wide[1] > LEAST_SIDE && wide[2] - wide[0] > LEAST_SIDE;
  return isLargeEnough ? wide : [left, top, right, bottom];
}

function clipped([left, top, right, bottom]: Box, width: number, height: number): Box {
  return [pythonMax(0, left), pythonMax(0, top), pythonMin(width, right), pythonMin(height, bottom)];
}
