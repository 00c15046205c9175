/**
 * What a model's text means: thinking, tool call, answer. Streaming (ResponseSplitter) and afterwards (extractAnswer); what a
 * call says is for its tool to read.
 * Source: dvlab-research/VisionThink scripts/llm-as-judge.py (answer).
 */
import type { TextKind } from '../protocol/events.ts';
import { partialTagLength, TAGS } from '../protocol/tags.ts';

const TAG_PATTERN = new RegExp(Object.keys(TAGS).join('|'));

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
    const keep = partialTagLength(this.#held);
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

/** What stands between each `open` and the next `close`; a regular expression would take quadratic time for nonsense. */
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

/** The answer in all of a turn's text: what stands between the last `<answer>` before the first `</answer>` and it. */
export function extractAnswer(text: string): string {
  const beforeEnd = text.split('</answer>')[0] ?? '';
  return (beforeEnd.split('<answer>').at(-1) ?? '').trim();
}
