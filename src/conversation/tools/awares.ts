/**
 * AwaRes's tool: crops of the original by number: its quarters, its middle, its halves, or all of it.
 * Source: NimrodShabtay/AwaRes lmms_eval/qwen2_5_vl_awares.py, commit 2121cde, which is what its figures were measured with. Calls
 * with quotes and spaces, as in `GET_CROPS: ['0', '5']`, are read as its README.md does: the script would show the whole image.
 */
import type { PixelSize } from '../../image/smart-resize.ts';
import { sizeAfter } from '../../image/view-steps.ts';
import type { ToolWords } from '../../protocol/engine-api.ts';
import { HALF_SCALE, type ImageRequest, requestKey, type ViewStep } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Conversation } from '../messages.ts';
import { type Box, checkedQwenSize, cropStep, fetchStep } from './boxes.ts';
import { type Framed, partOf, questionImages } from './requests.ts';
import type { ParsedCall, Tool } from './tool.ts';

const CALL = 'GET_CROPS';

/** Sides under this many pixels are not cut, and no crop is smaller. Source: is_image_too_small and get_crop_box. */
const LEAST_SIDE = 100;

/** The limits of the processor behind the images' first resize. Source: the script's min_pixels and max_pixels. */
const PROCESSOR_LIMITS = { factor: 28, minPixels: 32 * 28 * 28, maxPixels: 1_605_632 };

/** The page's words. */
const WORDS: ToolWords = { label: 'crop tool', asksFor: 'parts of the full image', asksAgainFor: 'parts of it again' };

/** The tool. */
export const AWARES: Tool = {
  name: 'awares',
  describe: () => ({ calls: [`${CALL}: [`], callTags: null, maxImages: 10, maxRounds: 2, words: WORDS }),
  opening: (image, size, { downsample }) => ({
    image,
    region: null,
    scale: downsample ? HALF_SCALE : 1,
    steps: openingSteps(size, downsample),
  }),
  parse,
  apply,
  likely,
};

/** Crops by number, and the number of none of them, which stands for the whole image. */
const CROPS = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const WHOLE = -1;

/** How the image is shown first. Source: resize_image. */
function openingSteps(size: PixelSize, downsample: boolean): readonly ViewStep[] {
  if (!downsample) return shownSteps(size);
  const [width, height] = [Math.max(1, Math.trunc(size.width * 0.5)), Math.max(1, Math.trunc(size.height * 0.5))];
  return [{ width, height, filter: 'lanczos' }, ...shownSteps({ width, height })];
}

/** The two resizes on the way to the model: qwen-vl-utils', then the processor's. */
function shownSteps(size: PixelSize): readonly ViewStep[] {
  const first = fetchStep(size);
  const behind = checkedQwenSize(sizeAfter(size, [first]), PROCESSOR_LIMITS);
  return [first, { ...behind, filter: 'bicubic' }];
}

/** Any text with the words is a call, and one that names no crop asks for all. */
function parse(text: string): ParsedCall | null {
  if (!text.includes(CALL)) return null;
  return { valid: true, arguments: { crops: cropsIn(text) } };
}

/** The numbers of the crops; empty: the whole image. */
function cropsIn(text: string): readonly number[] {
  const strict = /^GET_CROPS:?\['*([0-8]+)'*\]/.exec(text)?.[1];
  const list = strict ?? /GET_CROPS\s{0,9}:\s{0,9}\[([^\]]{0,999})\]/.exec(text)?.[1] ?? '';
  const crops = [...list.matchAll(/\d/g)].map(Number);
  return crops.includes(9) ? [] : crops;
}

function apply({ crops }: JsonObject, conversation: Conversation): readonly ImageRequest[] {
  const { original, source } = questionImages(conversation);
  const numbers: readonly unknown[] = Array.isArray(crops) ? crops : [];
  return isSmall(source) || numbers.length === 0
    ? [requestOf(WHOLE, original.request, source)]
    : numbers.map((number) => requestOf(Number(number), original.request, source));
}

function isSmall({ width, height }: PixelSize): boolean {
  return width < LEAST_SIDE || height < LEAST_SIDE;
}

/** A crop of the question's image, or of the region that a person has chosen; `source`: its pixels. */
function requestOf(number: number, { image, region }: Framed, source: PixelSize): ImageRequest {
  if (number === WHOLE && region === null) return { image, region, scale: 1, steps: shownSteps(source) };
  if (number === WHOLE) return partOf({ image, region }, source, shownSteps(source));
  const cut = cropStep(cropBox(number, source));
  return partOf({ image, region }, source, [cut, ...shownSteps(sizeAfter(source, [cut]))]);
}

/**
 * All that a call may ask for: after a crop those closest to it first, before one in the order of their numbers, the whole image last.
 * Nobody has published how often each is asked for.
 */
function likely(conversation: Conversation): readonly ImageRequest[] {
  const [original] = conversation.sinceQuestion.asked;
  if (original === undefined) return [];
  const framed = original.request;
  const source = framed.region ?? conversation.sourceSize(framed.image);
  if (isSmall(source)) return [requestOf(WHOLE, framed, source)];
  const last = conversation.sinceQuestion.replied.at(-1);
  const known = CROPS.find((number) => last !== undefined && isSame(requestOf(number, framed, source), last.request));
  const distance = (number: number): number => {
    if (known === undefined) return 0;
    const [a, b] = [centre(cropBox(number, source)), centre(cropBox(known, source))];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  const others = CROPS.filter((number) => number !== known).toSorted((a, b) => distance(a) - distance(b));
  return [...others, WHOLE].map((number) => requestOf(number, framed, source));
}

function isSame(a: ImageRequest, b: ImageRequest): boolean {
  return requestKey(a) === requestKey(b);
}

function centre([left, top, right, bottom]: Box): { readonly x: number; readonly y: number } {
  return { x: (left + right) / 2, y: (top + bottom) / 2 };
}

/** Source: get_crop_box. */
function cropBox(number: number, { width, height }: PixelSize): Box {
  const w = Math.max(LEAST_SIDE, Math.floor(width / 2));
  const h = Math.max(LEAST_SIDE, Math.floor(height / 2));
  const middle: Box = [
    Math.floor((width - w) / 2),
    Math.floor((height - h) / 2),
    Math.floor((width + w) / 2),
    Math.floor((height + h) / 2),
  ];
  const boxes: readonly Box[] = [
    [0, 0, w, h],
    [width - w, 0, width, h],
    [0, height - h, w, height],
    [width - w, height - h, width, height],
    middle,
    [0, 0, width, h],
    [0, height - h, width, height],
    [0, 0, w, height],
    [width - w, 0, width, height],
  ];
  return boxes[number] ?? [0, 0, width, height];
}
