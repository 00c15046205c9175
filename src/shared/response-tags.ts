/**
 * The tags that mark what a response consists of. They are a model's own: its prompts name those of thinking and answer, its
 * tool those of calls.
 */

/** A tag that opens a kind of text, and the one that closes it. */
export type TagPair = readonly [open: string, close: string];

/** The tags of each kind of text; null: the model was trained with none for it. */
export interface ResponseTags {
  readonly thinking: TagPair | null;
  readonly answer: TagPair | null;
  readonly toolCall: TagPair | null;
}

/** The kinds of text that tags mark, and the text outside them. */
export type TextKind = keyof ResponseTags | 'text';

/** Each tag, and the kind of text that follows it. */
export function kindsAfterTags({ thinking, answer, toolCall }: ResponseTags): ReadonlyMap<string, TextKind> {
  const kinds = new Map<string, TextKind>();
  const mark = (kind: TextKind, tags: TagPair | null): void => {
    if (tags === null) return;
    kinds.set(tags[0], kind);
    kinds.set(tags[1], 'text');
  };
  mark('thinking', thinking);
  mark('answer', answer);
  mark('toolCall', toolCall);
  return kinds;
}

/** How many characters at the end of `text` may be the beginning of one of these tags. */
export function partialTagLength(text: string, of: ResponseTags): number {
  const tags = [...kindsAfterTags(of).keys()];
  const longest = Math.max(0, ...tags.map((tag) => tag.length));
  for (let length = Math.min(longest - 1, text.length); length > 0; length--) {
    const tail = text.slice(-length);
    if (tags.some((tag) => tag.startsWith(tail))) return length;
  }
  return 0;
}
