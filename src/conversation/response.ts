/**
 * Parses a model's text into thinking, tool call and answer, while streaming (ResponseSplitter) and afterwards (extractAnswer).
 * The tool itself parses its call.
 * Source: dvlab-research/VisionThink scripts/llm-as-judge.py (answer).
 */
import type { TextKind } from '../protocol/events.ts';
import { partialTagLength, TAGS } from '../protocol/tags.ts';

const TAG_PATTERN = new RegExp(Object.keys(TAGS).join('|'));

/** Splits a stream of text into kinds. A tag may arrive in pieces; text that may still become a tag is held back. */
export class ResponseSplitter {
  readonly #emit: (kind: TextKind, delta: string) => void;
  #kind: TextKind = 'text';
  #held = '';

  constructor(emit: (kind: TextKind, delta: string) => void) {
    this.#emit = emit;
  }

  /** Adds the next piece of the stream. */
  push(text: string): void {
    this.#held += text;
    for (let match = TAG_PATTERN.exec(this.#held); match !== null; match = TAG_PATTERN.exec(this.#held)) {
      this.#send(this.#held.slice(0, match.index));
      this.#held = this.#held.slice(match.index + match[0].length);
      this.#kind = TAGS[match[0]] ?? 'text';
    }
    const keep = partialTagLength(this.#held);
    this.#send(this.#held.slice(0, this.#held.length - keep));
    this.#held = this.#held.slice(this.#held.length - keep);
  }

  /** Ends the stream and emits held-back text, which was not a tag. */
  end(): void {
    this.#send(this.#held);
    this.#held = '';
  }

  #send(text: string): void {
    if (text !== '') this.#emit(this.#kind, text);
  }
}

/** The text between each `open` and the next `close`; a regular expression would take quadratic time on bad input. */
export function between(text: string, open: string, close: string): string[] {
  const found: string[] = [];
  for (let at = 0; ;) {
    const start = text.indexOf(open, at);
    const end = start < 0 ? -1 : text.indexOf(close, start + open.length);
    if (end < 0) return found;
    found.push(text.slice(start + open.length, end));
    at = end + close.length;
  }
}

/** The answer in a turn's text: the text between the first `</answer>` and the last `<answer>` before it. */
export function extractAnswer(text: string): string {
  const beforeEnd = text.split('</answer>')[0] ?? '';
  return (beforeEnd.split('<answer>').at(-1) ?? '').trim();
}
