/**
 * DeepEyes's tool: zooms into a box in pixels of the original, over several rounds.
 * Source: Visual-Agent/DeepEyes eval/eval_vstar.py, commit 6c5e796. It has no error turn: that one is from
 * verl/workers/agent/envs/mm_process_engine/visual_toolbox_v2.py, which the model was trained with.
 */
import type { ToolWords } from '../../protocol/engine-api.ts';
import type { ImageRequest } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { TagPair } from '../../shared/response-tags.ts';
import type { Conversation } from '../messages.ts';
import { type Box, cropStep, qwenSize, QWEN_LIMITS } from './boxes.ts';
import { itemsOf, numberOf, readLenient, valueAt } from './literal.ts';
import { neighbours, partOf, questionImages } from './requests.ts';
import type { ParsedCall, Tool } from './tool.ts';

const CALL_TAGS: TagPair = ['<tool_call>', '</tool_call>'];

/** Rounds of the script: it stops before its twelfth. */
const MAX_ROUNDS = 11;

/** The page's words. */
const WORDS: ToolWords = {
  label: 'zoom tool',
  asksFor: 'parts of the image',
  asksAgainFor: 'parts of it again',
  opensFull: true,
};

/** The tool. */
export const DEEPEYES: Tool = {
  name: 'deepeyes',
  describe: () => ({
    calls: ['<tool_call>\n{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": ['],
    callTags: CALL_TAGS,
    maxImages: MAX_ROUNDS,
    maxRounds: MAX_ROUNDS,
    words: WORDS,
  }),
  opening: (image) => ({ image, region: null, scale: 1 }),
  parse,
  apply,
  likely: neighbours,
};

/** The call, closed or not; an answer in the same text ends the turn. The script evaluates it as Python. */
function parse(text: string): ParsedCall | null {
  const [open, close] = CALL_TAGS;
  const content = text.split(open)[1]?.split(close)[0];
  if (content === undefined || text.includes('</answer>')) return null;
  const reading = readLenient(content.trim());
  if ('error' in reading) return { valid: false, error: reading.error };
  const given = valueAt(reading.value, 'arguments');
  const box = valueAt(given, 'bbox_2d');
  if (box === undefined) return { valid: false, error: given === undefined ? "'arguments'" : "'bbox_2d'" };
  const sides = itemsOf(box)?.map(numberOf) ?? [];
  if (sides.length > 4) return { valid: false, error: 'too many values to unpack (expected 4)' };
  if (sides.length < 4) return { valid: false, error: `not enough values to unpack (expected 4, got ${sides.length})` };
  if (sides.includes(null)) return { valid: false, error: 'The sides of the box must be numbers.' };
  return { valid: true, arguments: { sides } };
}

function apply({ sides }: JsonObject, conversation: Conversation): readonly ImageRequest[] {
  const { original, source } = questionImages(conversation);
  const values: readonly unknown[] = Array.isArray(sides) ? sides : [];
  const { x, y } = original.shrink;
  const [left = 0, top = 0, right = 0, bottom = 0] = values.map((side, i) => Number(side) * (i % 2 === 0 ? x : y));
  const box: Box = [left, top, right, bottom];
  const cut = cropStep(box);
  const size = qwenSize({ width: right - left, height: bottom - top }, QWEN_LIMITS);
  return [partOf(original.request, source, [cut, { ...size, filter: 'bicubic' }])];
}
