/**
 * AwaRes's tool: crops of the original by number: its quarters, its middle, its halves, or all of it.
 * Source: NimrodShabtay/AwaRes lmms_eval/qwen2_5_vl_awares.py, commit 2121cde, which is what its figures were measured with. Calls
 * with quotes and spaces, as in `GET_CROPS: ['0', '5']`, are read as its README.md does: the script would show the whole image.
 */
import type { PixelSize } from '../../image/smart-resize.ts';
import { sizeAfter } from '../../image/view-steps.ts';
import type { ToolWords } from '../../protocol/engine-api.ts';
import { HALF_SCALE, type ImageRequest, type ViewStep } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Conversation } from '../messages.ts';
import { type Box, checkedQwenSize, cropStep, fetchStep } from './boxes.ts';
import { partOf, questionImages } from './requests.ts';
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
  likely: () => [],
};

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
  const isSmall = source.width < LEAST_SIDE || source.height < LEAST_SIDE;
  if (isSmall || numbers.length === 0) {
    const { image, region } = original.request;
    const steps = shownSteps(source);
    return [region === null ? { image, region, scale: 1, steps } : partOf({ image, region }, source, steps)];
  }
  return numbers.map((number) => {
    const cut = cropStep(cropBox(Number(number), source));
    return partOf(original.request, source, [cut, ...shownSteps(sizeAfter(source, [cut]))]);
  });
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
