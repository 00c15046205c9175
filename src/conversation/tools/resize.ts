/**
 * VisionThink's tool: the question's images, whole, at full resolution. The call's only argument is the action's name.
 * Source: dvlab-research/VisionThink scripts/vllm_tool.py.
 */
import type { ToolWords } from '../../protocol/engine-api.ts';
import { NamedError } from '../../shared/errors.ts';
import { fullOf, type ImageRequest } from '../../shared/image-request.ts';
import { isObject, tryParseJson } from '../../shared/json.ts';
import type { TagPair } from '../../shared/response-tags.ts';
import type { Conversation } from '../messages.ts';
import { between } from '../response.ts';
import type { ParsedCall, Tool } from './tool.ts';

/** The call that every VisionThink model was trained to make. Source: dvlab-research/VisionThink, the tool's system prompt. */
export const RESIZE_CALL = '<tool_call>{"name": "resize_image", "arguments": {"action": "resize"}}</tool_call>';

/** What encloses it. */
const CALL_TAGS: TagPair = ['<tool_call>', '</tool_call>'];

/** The page's words. */
const WORDS: ToolWords = { label: 'resize tool', asksFor: 'the full image', asksAgainFor: 'it a second time' };

/** Rounds of the same script. */
const MAX_ROUNDS = 2;

/** Most images of a turn about one image: the first one, and the full-resolution one. Source: the same script, which stops at two. */
const MAX_IMAGES = 2;

/** Characters of the model's own text that an error quotes: errors go into the next round's prompt. */
const MAX_QUOTED = 200;

/** The tool. */
export const RESIZE: Tool = {
  name: 'resize',
  describe: () => ({
    calls: [RESIZE_CALL],
    callTags: CALL_TAGS,
    maxImages: MAX_IMAGES,
    maxRounds: MAX_ROUNDS,
    words: WORDS,
  }),
  parse: parseResizeCall,
  apply: (_, conversation) => {
    const images = fullImages(conversation);
    if (images.length > 0) return images;
    throw new NamedError('ToolCallError', 'There is no image whose resolution could be changed.');
  },
  certain: fullImages,
  likely: fullImages,
};

/** Each image of the last question with images, once, whole and at full resolution, as the reference shows them. */
function fullImages({ sinceQuestion }: Conversation): readonly ImageRequest[] {
  return [...new Set(sinceQuestion.asked.map(({ request }) => request.image))].map(fullOf);
}

/**
 * Finds the call in a round's text; null if there is none. It is valid if the tags contain exactly one JSON object with a known
 * action. As in the reference, everything of the form `{...}}` on one line is parsed as an object; in addition, content that
 * is one object as a whole is accepted in any layout.
 */
function parseResizeCall(text: string): ParsedCall | null {
  const contents = between(text, '<tool_call>', '</tool_call>');
  if (contents.length === 0) return null;
  const objects = contents.flatMap((content) =>
    isObject(tryParseJson(content))
      ? [content]
      : content.split('\n').flatMap((line) => between(line, '{', '}}').map((body) => `{${body}}}`)),
  );
  if (objects.length === 0) return invalid('No JSON object was found between <tool_call> and </tool_call>.');
  for (const text of objects) {
    const object = tryParseJson(text);
    if (!isObject(object)) return invalid(`The function call is no valid JSON: ${text.slice(0, MAX_QUOTED)}`);
    const args = object['arguments'];
    if (!isObject(args) || !('action' in args)) return invalid("'arguments.action' is missing from the function call.");
    if (args['action'] !== 'resize') {
      const action = String(args['action']).slice(0, MAX_QUOTED);
      return invalid(`Unknown Tool Type: ${action}. Available function tools are: \`resize\``);
    }
  }
  if (objects.length > 1) return invalid('You should only call function `resize` once per function call.');
  return { valid: true, arguments: {} };
}

function invalid(error: string): ParsedCall {
  return { valid: false, error };
}
