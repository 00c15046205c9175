/** How Qwen2.5-VL's conversations are framed. */
import type { ChatFormat } from '../../model/chat-format.ts';

/** ChatML with Qwen2-VL's image token. Source: chat_template.json of Qwen/Qwen2.5-VL-7B-Instruct. */
export const CHATML: ChatFormat = {
  imagePad: '<|image_pad|>',
  imagePlaceholder: '<|vision_start|><|image_pad|><|vision_end|>',
  system: 'You are a helpful assistant.',
  open: (role) => `<|im_start|>${role}\n`,
  endOfMessage: '<|im_end|>',
  separator: '\n',
};
