/** The text that frames the messages of a conversation, apart from what prompts.json says. */

/** How a model was trained to see messages. */
export interface ChatFormat {
  /** The token that stands for a visual token; repeated as often as an image has them. */
  readonly imagePad: string;
  /** What opens a message. */
  open(role: 'system' | 'user' | 'assistant'): string;
  /** The token that ends a message, which the model writes itself. */
  readonly endOfMessage: string;
  /** What stands between the end of a message and the next. */
  readonly separator: string;
}

/** ChatML with Qwen2-VL's image token. Source: chat_template.json of Qwen/Qwen2.5-VL-7B-Instruct. */
export const CHATML: ChatFormat = {
  imagePad: '<|image_pad|>',
  open: (role) => `<|im_start|>${role}\n`,
  endOfMessage: '<|im_end|>',
  separator: '\n',
};
