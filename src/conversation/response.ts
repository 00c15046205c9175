/**
 * Parses a model's text into thinking, tool call and answer, while streaming (ResponseSplitter) and afterwards (extractAnswer).
 * The tool itself parses its call.
 * Source: dvlab-research/VisionThink scripts/llm-as-judge.py (answer).
 */
import { kindsAfterTags, partialTagLength, type ResponseTags, type TextKind } from '../shared/response-tags.ts';

interface FoundTag {
  readonly at: number;
  readonly tag: string;
  /** The kind of text that follows it. */
  readonly kind: TextKind;
}

/** Splits a stream of text into kinds. A tag may arrive in pieces; text that may still become a tag is held back. */
export class ResponseSplitter {
  readonly #tags: ResponseTags;
  readonly #kinds: ReadonlyMap<string, TextKind>;
  readonly #emit: (kind: TextKind, delta: string) => void;
  #kind: TextKind = 'text';
  #held = '';

  constructor(tags: ResponseTags, emit: (kind: TextKind, delta: string) => void) {
    this.#tags = tags;
    this.#kinds = kindsAfterTags(tags);
    this.#emit = emit;
  }

  /** Adds the next piece of the stream. */
  push(text: string): void {
    this.#held += text;
    for (let next = this.#nextTag(); next !== null; next = this.#nextTag()) {
      this.#send(this.#held.slice(0, next.at));
      this.#held = this.#held.slice(next.at + next.tag.length);
      this.#kind = next.kind;
    }
    const keep = partialTagLength(this.#held, this.#tags);
    this.#send(this.#held.slice(0, this.#held.length - keep));
    this.#held = this.#held.slice(this.#held.length - keep);
  }

  /** Ends the stream and emits held-back text, which was not a tag. */
  end(): void {
    this.#send(this.#held);
    this.#held = '';
  }

  /** The first tag of the held text. */
  #nextTag(): FoundTag | null {
    let first: FoundTag | null = null;
    for (const [tag, kind] of this.#kinds) {
      const at = this.#held.indexOf(tag);
      if (at >= 0 && (first === null || at < first.at)) first = { at, tag, kind };
    }
    return first;
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

/**
 * The answer in a turn's text: the text between the first closing answer tag and the last opening one before it. A model without
 * answer tags answers with what follows its thinking.
 */
export function extractAnswer(text: string, { answer, thinking }: Pick<ResponseTags, 'answer' | 'thinking'>): string {
  if (answer === null) return (thinking === null ? text : (text.split(thinking[1]).at(-1) ?? '')).trim();
  const [open, close] = answer;
  const beforeEnd = text.split(close)[0] ?? '';
  return (beforeEnd.split(open).at(-1) ?? '').trim();
}
