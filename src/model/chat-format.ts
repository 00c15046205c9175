/** The text that frames the messages of a conversation, beyond what prompts.json contains. */

/** What the boxes and points of a model's answers count in: pixels of the image as it saw it, or thousandths of its sides. */
export type MarkUnit = 'pixels' | 'thousandths';

/** The message format a model was trained with. */
export interface ChatFormat {
  /** The placeholder of one visual token, repeated once per visual token of an image. */
  readonly imagePad: string;
  /** What stands for an image in an ordinary chat: {@link imagePad} once, and what frames it. */
  readonly imagePlaceholder: string;
  /** The system message of an ordinary chat; null: none. */
  readonly system: string | null;
  /** What opens a message. */
  open(role: 'system' | 'user' | 'assistant'): string;
  /** The token that ends a message; the model generates it itself. */
  readonly endOfMessage: string;
  /** Separates the end of a message from the next. */
  readonly separator: string;
  /** What boxes and points in answers count in; absent: pixels. */
  readonly markUnit?: MarkUnit;
}
