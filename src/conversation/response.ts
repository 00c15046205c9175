/**
 * What a model's text means: thinking, tool call, answer. Streaming (ResponseSplitter) and afterwards (parseToolCall,
 * extractAnswer).
 * Source: dvlab-research/VisionThink scripts/vllm_tool.py (tool call), scripts/llm-as-judge.py (answer).
 */
import type { TextKind } from '../protocol/events.ts';
import { begunTagLength, TAGS } from '../protocol/tags.ts';
import type { ToolCall } from '../protocol/turn.ts';
import { isObject, tryParseJson } from '../shared/json.ts';

/** What every VisionThink model was taught to call with. Source: dvlab-research/VisionThink, the tool's system prompt. */
export const TOOL_CALL = '<tool_call>{"name": "resize_image", "arguments": {"action": "resize"}}</tool_call>';

const TAG_PATTERN = new RegExp(Object.keys(TAGS).join('|'));
/** Characters of the model's own text that an error quotes: errors go into the next round's prompt. */
const MAX_QUOTED = 200;

/** Splits a stream of text into kinds. A tag may come in pieces; text that may yet become a tag is held back. */
export class ResponseSplitter {
  readonly #emit: (kind: TextKind, delta: string) => void;
  #kind: TextKind = 'text';
  #held = '';

  constructor(emit: (kind: TextKind, delta: string) => void) {
    this.#emit = emit;
  }

  /** Takes the next piece of the stream. */
  push(text: string): void {
    this.#held += text;
    for (let match = TAG_PATTERN.exec(this.#held); match !== null; match = TAG_PATTERN.exec(this.#held)) {
      this.#send(this.#held.slice(0, match.index));
      this.#held = this.#held.slice(match.index + match[0].length);
      this.#kind = TAGS[match[0]] ?? 'text';
    }
    const keep = begunTagLength(this.#held);
    this.#send(this.#held.slice(0, this.#held.length - keep));
    this.#held = this.#held.slice(this.#held.length - keep);
  }

  /** The stream has ended: what was held back was no tag. */
  end(): void {
    this.#send(this.#held);
    this.#held = '';
  }

  #send(text: string): void {
    if (text !== '') this.#emit(this.#kind, text);
  }
}

/**
 * Finds the tool call in a round's text: null when there is none. The call is valid when the tags hold exactly one JSON
 * object and its action is known. As in the reference, all that looks like `{...}}` on one line is read as an object; what
 * is one object as a whole is taken too, however it is laid out.
 */
export function parseToolCall(text: string): ToolCall | null {
  const contents = between(text, '<tool_call>', '</tool_call>');
  if (contents.length === 0) return null;
  const objects = contents.flatMap((content) =>
    isObject(tryParseJson(content))
      ? [content]
      : content.split('\n').flatMap((line) => between(line, '{', '}}').map((inner) => `{${inner}}}`)),
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
  return { valid: true };
}

/** What stands between each `open` and the next `close`; a regular expression would take quadratic time for nonsense. */
function between(text: string, open: string, close: string): string[] {
  const found: string[] = [];
  for (let at = 0; ;) {
    const start = text.indexOf(open, at);
    const end = start < 0 ? -1 : text.indexOf(close, start + open.length);
    if (end < 0) return found;
    found.push(text.slice(start + open.length, end));
    at = end + close.length;
  }
}

function invalid(error: string): ToolCall {
  return { valid: false, error };
}

/** The answer in all of a turn's text: what stands between the last `<answer>` before the first `</answer>` and it. */
export function extractAnswer(text: string): string {
  const beforeEnd = text.split('</answer>')[0] ?? '';
  return (beforeEnd.split('<answer>').at(-1) ?? '').trim();
}
