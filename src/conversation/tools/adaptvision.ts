/**
 * AdaptVision's tool: a region of the original, by a box in pixels of the half image the model saw first.
 * Source: AdaptVision/AdaptVision scripts/vllm_adaptvision.py, commit 9b7d57c.
 */
import { liftedSize, scaledSize } from '../../image/half-resolution.ts';
import type { PixelSize } from '../../image/smart-resize.ts';
import { sizeAfter } from '../../image/view-steps.ts';
import type { ToolWords } from '../../protocol/engine-api.ts';
import { HALF_SCALE, type ImageRequest, type ViewStep } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { TagPair } from '../../shared/response-tags.ts';
import type { Conversation } from '../messages.ts';
import { between } from '../response.ts';
import { type Box, callError, checkedQwenSize, cropStep, QWEN_LIMITS, quoted, toInt } from './boxes.ts';
import { itemsOf, type Literal, numberOf, readJson, reprOf, valueAt } from './literal.ts';
import { neighbours, partOf, questionImages } from './requests.ts';
import type { ParsedCall, Tool } from './tool.ts';

const CALL_TAGS: TagPair = ['<tool_call>', '</tool_call>'];

/** Half resolution is this many times smaller each way. */
const DS_FACTOR = 2;

const VIEW_LIMITS = { ...QWEN_LIMITS, maxPixels: 2048 * 2048 };
const CROP_LIMITS = { ...QWEN_LIMITS, maxPixels: 3840 * 3840 };

/** Largest ratio of a region's sides. Source: check_bbox_format. */
const MAX_RATIO = 200;

/** The error of a region that cannot be cut. Source: process_single_bbox_task. */
const UNUSABLE = 'Error: Failed to parse bbox from response';

/** The page's words. */
const WORDS: ToolWords = {
  label: 'crop tool',
  asksFor: 'a part of the full image',
  asksAgainFor: 'a part of it again',
};

/** The tool. */
export const ADAPTVISION: Tool = {
  name: 'adaptvision',
  describe: () => ({
    calls: ['<tool_call>{"name": "request_local_region", "arguments": {"bbox_2d": ['],
    callTags: CALL_TAGS,
    maxImages: 32,
    maxRounds: 2,
    words: WORDS,
  }),
  opening: (image, size, { downsample }) => ({
    image,
    region: null,
    scale: downsample ? HALF_SCALE : 1,
    steps: viewSteps(size, downsample),
  }),
  parse,
  apply,
  likely: neighbours,
};

/** How an image is shown, at half resolution or its own. Source: encode_image. */
function viewSteps(source: PixelSize, downsample: boolean): readonly ViewStep[] {
  const half = downsample ? scaledSize(source, 1 / DS_FACTOR) : source;
  const lifted = liftedSize(half);
  const steps = [half, lifted, checkedQwenSize(lifted, VIEW_LIMITS)];
  return steps.map(({ width, height }) => ({ width, height, filter: 'lanczos' }));
}

/** Source: generate_until and prepare_bbox_tool_call_inputs. */
function parse(text: string): ParsedCall | null {
  const contents = between(text, ...CALL_TAGS);
  if (contents.length === 0) return null;
  const objects: Literal[] = [];
  for (const found of contents.flatMap(objectsIn)) {
    const reading = readJson(found);
    if ('error' in reading) return invalid(reading.error);
    objects.push(reading.value);
  }
  const [object, ...more] = objects;
  if (object === undefined) return invalid('Empty tool call: no JSON object found inside <tool_call>.');
  if (more.length > 0) return invalid('You should only call function `request_local_region` once per function call.');
  const error = faultOf(object);
  if (error !== null) return invalid(error);
  // The box is read again, from all that stands between the first tags.
  const whole = readJson((contents[0] ?? '').trim());
  const box = 'value' in whole && valueAt(whole.value, 'name') !== undefined ? boxOf(whole.value) : undefined;
  const sides = itemsOf(box)?.map(numberOf) ?? [];
  const isBox = sides.length === 4 && sides.every((side) => side !== null);
  return isBox ? { valid: true, arguments: { sides } } : invalid(UNUSABLE);
}

/** Everything of the form `{...}}` on one line. */
function objectsIn(content: string): readonly string[] {
  return content.split('\n').flatMap((line) => between(line, '{', '}}').map((body) => `{${body}}}`));
}

function boxOf(object: Literal): Literal | undefined {
  return valueAt(valueAt(object, 'arguments'), 'bbox_2d');
}

/** What the reference says about a call; null when nothing. */
function faultOf(object: Literal): string | null {
  const name = valueAt(object, 'name') ?? null;
  if (name !== 'request_local_region') {
    const shown = quoted(typeof name === 'string' ? name : reprOf(name));
    return `Unknown Tool Type: ${shown}. Available function tools are: \`request_local_region\``;
  }
  const box = boxOf(object) ?? null;
  if (box === null) return 'Missing `bbox_2d` in tool call arguments.';
  const items = typeof box === 'string' ? Array.from(box) : itemsOf(box);
  if (items === null) return 'object has no len()';
  const shown = quoted(typeof box === 'string' ? box : reprOf(box));
  if (items.length !== 4) return `Bounding box must contain 4 elements: ${shown}`;
  const [x1, y1, x2, y2] = items.map(numberOf);
  if (x1 == null || y1 == null || x2 == null || y2 == null)
    return `All bounding box elements must be numeric: ${shown}`;
  if (x2 > x1 && y2 > y1) return null;
  return `Invalid bounding box coordinates: x1 must be > x0 and y1 must be > y0: ${shown}`;
}

/** Source: get_bbox_from_response, check_bbox_format and crop_image_by_bbox. */
function apply({ sides }: JsonObject, conversation: Conversation): readonly ImageRequest[] {
  const { original, source } = questionImages(conversation);
  const isHalf = original.request.scale < 1;
  const factor = isHalf ? DS_FACTOR : 1;
  const seen = sizeAfter(source, viewSteps(source, isHalf));
  const limits = [seen.width * factor, seen.height * factor] as const;
  const values: readonly unknown[] = Array.isArray(sides) ? sides : [];
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = values.map((side, i) => {
    const scale = factor * (i % 2 === 0 ? original.shrink.x : original.shrink.y);
    return Math.max(0, Math.min(whole(Number(side) * scale), limits[i % 2 === 0 ? 0 : 1]));
  });
  const [width, height] = [x2 - x1, y2 - y1];
  if (width <= 0 || height <= 0 || Math.max(width, height) / Math.min(width, height) > MAX_RATIO) {
    throw callError(UNUSABLE);
  }
  const box: Box = [x1, y1, x2, y2];
  const shown = checkedQwenSize({ width, height }, CROP_LIMITS);
  const steps = [...viewSteps(source, false), cropStep(box), { ...shown, filter: 'lanczos' } as const];
  return [partOf(original.request, source, steps)];
}

function whole(value: number): number {
  try {
    return toInt(value);
  } catch {
    throw callError(UNUSABLE);
  }
}

function invalid(error: string): ParsedCall {
  return { valid: false, error };
}
