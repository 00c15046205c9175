/** The tags that a model's text is made of: VisionThink's protocol. */
import type { TextKind } from './events.ts';

/** Each tag, and the kind of text that follows it. */
export const TAGS: Readonly<Record<string, TextKind>> = {
  '<think>': 'thinking',
  '</think>': 'text',
  '<tool_call>': 'toolCall',
  '</tool_call>': 'text',
  '<answer>': 'answer',
  '</answer>': 'text',
};

const LONGEST_TAG = Math.max(...Object.keys(TAGS).map((tag) => tag.length));

/** How many characters at the end of `text` may be the beginning of a tag. */
export function partialTagLength(text: string): number {
  for (let length = Math.min(LONGEST_TAG - 1, text.length); length > 0; length--) {
    const tail = text.slice(-length);
    if (Object.keys(TAGS).some((tag) => tag.startsWith(tail))) return length;
  }
  return 0;
}
