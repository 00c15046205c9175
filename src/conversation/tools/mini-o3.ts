/**
 * Mini-o3's tool: a box from 0 to 1 of the original or of any earlier crop, over many rounds.
 * Source: Mini-o3/Mini-o3 verl/workers/rollout/vllm_rollout/{vllm_async_engine,function_tools}.py and
 * verl/utils/dataset/multimodal_dataset.py, commit 8654dbf; limits from the command in its README.md.
 */
import type { PixelSize } from '../../image/smart-resize.ts';
import type { ToolWords } from '../../protocol/engine-api.ts';
import type { ImageRequest, PixelRegion, ViewStep } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { TagPair } from '../../shared/response-tags.ts';
import type { Conversation } from '../messages.ts';
import { between } from '../response.ts';
import { callError, quoted, toInt } from './boxes.ts';
import { type Literal, numberOf, readLenient } from './literal.ts';
import { neighbours, partOf, questionImages } from './requests.ts';
import type { ParsedCall, Tool } from './tool.ts';

const CALL_TAGS: TagPair = ['<grounding>', '</grounding>'];

/** Areas in pixels between which every image is shown. */
const MIN_PIXELS = 40_000;
const MAX_PIXELS = 2_000_000;

/** Rounds and images of its evaluation. */
const MOST = 12;

/** Smallest side of an image. */
const LEAST_SIDE = 28;

/** Boxes of this aspect ratio or more are refused, and crops are never shown at it. */
const MAX_RATIO = 200;

/** The page's words. */
const WORDS: ToolWords = {
  label: 'zoom tool',
  asksFor: 'parts of the image',
  asksAgainFor: 'parts of it again',
  opensFull: true,
};

/** The tool. */
export const MINI_O3: Tool = {
  name: 'mini-o3',
  describe: () => ({
    calls: ['<grounding>{"bbox_2d": ['],
    callTags: CALL_TAGS,
    maxImages: MOST,
    maxRounds: MOST,
    words: WORDS,
    stopsAt: CALL_TAGS[1],
  }),
  opening: (image, size) => ({ image, region: null, scale: 1, steps: areaSteps(size, 'lanczos') }),
  parse,
  apply,
  likely: neighbours,
};

/** Source: process_tool_call and the asserts of prepare_grounding_inputs_multi_turn that need no image. */
function parse(text: string): ParsedCall | null {
  if (between(text, ...CALL_TAGS).length === 0) return null;
  const call = callIn(text);
  if (call === null) return invalid("'NoneType' object has no attribute 'group'");
  const reading = readLenient(call.box);
  if ('error' in reading) return invalid(reading.error);
  const box = listOf(reading.value);
  if (box?.length !== 4) return invalid('');
  const observation = observationOf(call.source);
  if (observation === null) {
    return invalid(`The 'source' argument "${quoted(call.source)}" does not match the pattern 'observation_([0-9]*)'.`);
  }
  const sides = box.map(numberOf);
  if (sides.includes(null)) return invalid('The sides of the box must be numbers.');
  return { valid: true, arguments: { sides, observation, source: call.source } };
}

/**
 * What the reference's pattern `.*<grounding>{"bbox_2d": (.*),.*"source": [',"](.*)[',"]}</grounding>` captures. Every part of it
 * is greedy, so each is found from the end, in linear time.
 */
function callIn(text: string): { readonly box: string; readonly source: string } | null {
  const end = lastQuoted(text, '', '}</grounding>', text.length);
  const source = end === null ? null : lastQuoted(text, '"source": ', '', end.from);
  if (end === null || source === null) return null;
  const comma = text.lastIndexOf(',', source.from - 1);
  const open = '<grounding>{"bbox_2d": ';
  const start = comma < open.length || source.from === 0 ? -1 : text.lastIndexOf(open, comma - open.length);
  if (start < 0) return null;
  return { box: text.slice(start + open.length, comma), source: text.slice(source.to, end.from) };
}

/** The last place before `limit` with one of `'`, `,` and `"` between two texts. */
function lastQuoted(
  text: string,
  before: string,
  after: string,
  limit: number,
): { readonly from: number; readonly to: number } | null {
  const places = [`'`, ',', '"'].map((quote) => {
    const sought = before + quote + after;
    return { sought, from: limit < sought.length ? -1 : text.lastIndexOf(sought, limit - sought.length) };
  });
  const [last] = places.toSorted((a, b) => b.from - a.from);
  return last === undefined || last.from < 0 ? null : { from: last.from, to: last.from + last.sought.length };
}

function listOf(value: Literal): readonly Literal[] | null {
  return typeof value === 'object' && value !== null && 'list' in value && !value.isTuple ? value.list : null;
}

/** The number of an observation, 0 for the original; null for any other source. */
function observationOf(source: string): number | null {
  if (source === 'original_image') return 0;
  const digits = /^observation_(\d+)/.exec(source)?.[1];
  return digits === undefined ? null : Number(digits);
}

function apply({ sides, observation, source }: JsonObject, conversation: Conversation): readonly ImageRequest[] {
  const { original, replies } = questionImages(conversation);
  const { image } = original.request;
  const size = conversation.sourceSize(image);
  const whole: PixelRegion = { left: 0, top: 0, width: size.width, height: size.height };
  const observations = [original, ...replies].map(({ request }) => request.region ?? whole);
  const part = observations[Number(observation)];
  if (part === undefined) throw callError(`Error in predicting the source observation: "${quoted(String(source))}".`);
  const region = regionOf(Array.isArray(sides) ? sides.map(Number) : [], part);
  return [partOf({ image, region: null }, size, [{ crop: region }, ...areaSteps(region, 'nearest')])];
}

/** A box as whole pixels of the source. Source: prepare_grounding_inputs_multi_turn. */
function regionOf([x1 = 0, y1 = 0, x2 = 0, y2 = 0]: readonly number[], part: PixelRegion): PixelRegion {
  const left = Math.max(toInt(x1 * part.width), 0);
  const top = Math.max(toInt(y1 * part.height), 0);
  const right = Math.min(toInt(x2 * part.width), part.width - 1);
  const bottom = Math.min(toInt(y2 * part.height), part.height - 1);
  const shown = `[${[left, top, right, bottom].map((side) => String(BigInt(side))).join(', ')}]`;
  if (left > right - 1) throw callError(`The bounding box is not valid in width: ${shown}`);
  if (top > bottom - 1) throw callError(`The bounding box is not valid in height: ${shown}`);
  const [width, height] = [right - left, bottom - top];
  if (width / height >= MAX_RATIO || height / width >= MAX_RATIO) {
    throw callError('The absolute aspect ratio of the bounding box exceeds 200, which is too large.');
  }
  return { left: part.left + left, top: part.top + top, width, height };
}

/**
 * Resizes to an area between the limits. The question's image is resized by Lanczos and must then have sides of 28 pixels; crops are
 * resized by nearest pixels, and small or long ones are stretched. Source: process_image, in both files.
 */
function areaSteps(size: PixelSize, filter: 'lanczos' | 'nearest'): readonly ViewStep[] {
  const steps: ViewStep[] = [];
  let { width, height } = size;
  const resize = (to: PixelSize): void => {
    ({ width, height } = to);
    steps.push({ width, height, filter });
  };
  const scaled = (factor: number, more = 0): PixelSize => ({
    width: Math.trunc(width * factor + more),
    height: Math.trunc(height * factor + more),
  });
  if (width * height > MAX_PIXELS) resize(scaled(Math.sqrt(MAX_PIXELS / (width * height))));
  if (width * height < MIN_PIXELS) resize(scaled(Math.sqrt(MIN_PIXELS / (width * height))));
  if (filter === 'lanczos') return steps;
  if (Math.min(width, height) < LEAST_SIDE) resize(scaled(LEAST_SIDE / Math.min(width, height), 1));
  if (width / height >= MAX_RATIO) resize({ width, height: Math.trunc(width / 190 + 1) });
  if (height / width >= MAX_RATIO) resize({ width: Math.trunc(height / 190 + 1), height });
  return steps;
}

function invalid(error: string): ParsedCall {
  return { valid: false, error };
}
