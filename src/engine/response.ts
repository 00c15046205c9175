/**
 * What a model's text means: thinking, tool call, answer. Streaming (ResponseSplitter) and afterwards (parseToolCall,
 * extractAnswer).
 * Source: dvlab-research/VisionThink scripts/vllm_tool.py (tool call), scripts/llm-as-judge.py (answer).
 */
import type { TextKind } from '../protocol/events.ts';
import type { ToolCall } from '../protocol/turn.ts';
import { isObject, tryParseJson } from '../shared/json.ts';

/** Tags that open or close a kind of text. */
const TAGS: Readonly<Record<string, TextKind>> = {
  '<think>': 'thinking',
  '</think>': 'text',
  '<tool_call>': 'toolCall',
  '</tool_call>': 'text',
  '<answer>': 'answer',
  '</answer>': 'text',
};

const TAG_PATTERN = new RegExp(Object.keys(TAGS).join('|'));
const LONGEST_TAG = Math.max(...Object.keys(TAGS).map((tag) => tag.length));

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
    const keep = heldBack(this.#held);
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

/** How many characters at the end of `text` may be the beginning of a tag. */
function heldBack(text: string): number {
  for (let length = Math.min(LONGEST_TAG - 1, text.length); length > 0; length--) {
    const tail = text.slice(-length);
    if (Object.keys(TAGS).some((tag) => tag.startsWith(tail))) return length;
  }
  return 0;
}

/**
 * Finds the tool call in a round's text: null when there is none. As in the reference, everything that looks like
 * `{...}}` between any pair of tags is read as JSON; the call is valid when there is exactly one and its action is known.
 */
export function parseToolCall(text: string): ToolCall | null {
  const contents = [...text.matchAll(/<tool_call>(.*?)<\/tool_call>/gs)].map((match) => match[1] ?? '');
  if (contents.length === 0) return null;
  const objects = contents.flatMap((content) => [...content.matchAll(/\{.*?\}\}/g)].map((match) => match[0]));
  if (objects.length === 0) return invalid('No JSON object was found between <tool_call> and </tool_call>.');
  for (const text of objects) {
    const object = tryParseJson(text);
    if (!isObject(object)) return invalid(`The function call is no valid JSON: ${text}`);
    const args = object['arguments'];
    if (!isObject(args) || !('action' in args)) return invalid("'arguments.action' is missing from the function call.");
    if (args['action'] !== 'resize') {
      return invalid(`Unknown Tool Type: ${String(args['action'])}. Available function tools are: \`resize\``);
    }
  }
  if (objects.length > 1) return invalid('You should only call function `resize` once per function call.');
  return { valid: true };
}

function invalid(error: string): ToolCall {
  return { valid: false, error };
}

/** The answer in all of a turn's text: what stands between the last `<answer>` before the first `</answer>` and it. */
export function extractAnswer(text: string): string {
  const beforeEnd = text.split('</answer>')[0] ?? '';
  return (beforeEnd.split('<answer>').at(-1) ?? '').trim();
}
