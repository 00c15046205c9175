/**
 * ViGoRL's tool: the surroundings of a point in the original, enlarged.
 * Source: Gabesarch/grounded-rl demo/demo_multiturn.py with its defaults, commit e7970c0. It has no error turn: a call that it cannot
 * read ends the turn.
 */
import type { ToolWords } from '../../protocol/engine-api.ts';
import type { ImageRequest } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { TagPair } from '../../shared/response-tags.ts';
import type { Conversation } from '../messages.ts';
import { between } from '../response.ts';
import { cropStep, fetchStep, pythonMax, pythonMin } from './boxes.ts';
import { itemsOf, numberOf, readJson, valueAt } from './literal.ts';
import { neighbours, partOf, questionImages } from './requests.ts';
import type { ParsedCall, Tool } from './tool.ts';

const CALL_TAGS: TagPair = ['<tool_call>', '</tool_call>'];

/** Pixels to each side of the point, and the side of the enlarged crop. */
const OFFSET = 75;
const CROP_SIZE = 512;

/** Rounds of the demo. */
const MAX_ROUNDS = 5;

/** The page's words. */
const WORDS: ToolWords = {
  label: 'zoom tool',
  asksFor: 'the surroundings of a point',
  asksAgainFor: 'the surroundings of a point',
  opensFull: true,
};

/** The tool. */
export const VIGORL: Tool = {
  name: 'vigorl',
  describe: () => ({
    calls: ['<tool_call>\n{"name": "search_coordinate", "arguments": {"coordinate": ['],
    callTags: CALL_TAGS,
    maxImages: MAX_ROUNDS,
    maxRounds: MAX_ROUNDS,
    words: WORDS,
  }),
  opening: (image, size) => ({ image, region: null, scale: 1, steps: [fetchStep(size)] }),
  parse,
  apply,
  likely: neighbours,
};

/** The first call; none counts beside an answer. Source: main and parse_coordinate. */
function parse(text: string): ParsedCall | null {
  const [content] = between(text, ...CALL_TAGS);
  if (content === undefined || (text.includes('<answer>') && text.includes('</answer>'))) return null;
  const reading = readJson(content.trim());
  const point = 'value' in reading ? valueAt(valueAt(reading.value, 'arguments'), 'coordinate') : undefined;
  const numbers = itemsOf(point)?.map(numberOf) ?? [];
  const isPoint = numbers.length === 2 && numbers.every((number) => number !== null);
  if (isPoint) return { valid: true, arguments: { numbers } };
  return { valid: false, error: 'The call has no coordinate of two numbers.' };
}

/** Source: get_point_crop. */
function apply({ numbers }: JsonObject, conversation: Conversation): readonly ImageRequest[] {
  const { original, source } = questionImages(conversation);
  const [first = NaN, second = NaN] = Array.isArray(numbers) ? numbers.map(Number) : [];
  const [x, y] = [first * original.shrink.x, second * original.shrink.y];
  const cut = cropStep([
    pythonMax(0, x - OFFSET),
    pythonMax(0, y - OFFSET),
    pythonMin(source.width, x + OFFSET),
    pythonMin(source.height, y + OFFSET),
  ]);
  const enlarged = { width: CROP_SIZE, height: CROP_SIZE };
  return [partOf(original.request, source, [cut, { ...enlarged, filter: 'lanczos' }, fetchStep(enlarged)])];
}
