/** The text that frames the messages of a conversation, beyond what prompts.json contains. */

/** The message format a model was trained with. */
export interface ChatFormat {
  /** The placeholder of one visual token, repeated once per visual token of an image. */
  readonly imagePad: string;
  /** What opens a message. */
  open(role: 'system' | 'user' | 'assistant'): string;
  /** The token that ends a message; the model generates it itself. */
  readonly endOfMessage: string;
  /** Separates the end of a message from the next. */
  readonly separator: string;
}

/** ChatML with Qwen2-VL's image token. Source: chat_template.json of Qwen/Qwen2.5-VL-7B-Instruct. */
export const CHATML: ChatFormat = {
  imagePad: '<|image_pad|>',
  open: (role) => `<|im_start|>${role}\n`,
  endOfMessage: '<|im_end|>',
  separator: '\n',
};
