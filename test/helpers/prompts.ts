/** The prompts of one question about one image with a given segment, as a turn builds them. */
import type { Message } from '../../src/conversation/messages.ts';
import { PromptBuilder } from '../../src/conversation/prompt-builder.ts';
import { errorReply, questionMessages, toolReply } from '../../src/conversation/templates.ts';
import type { ImageSegment, Segment } from '../../src/engine/segments.ts';
import { CHATML } from '../../src/architectures/qwen2_5_vl/chat.ts';
import type { Prompts } from '../../src/model/prompts.ts';
import type { Tokenizer } from '../../src/model/tokenizer.ts';
import { fullOf } from '../../src/shared/image-request.ts';

/** A model's prompts and its tokenizer. */
export interface PromptModel {
  readonly prompts: Prompts;
  readonly tokenizer: Tokenizer;
}

/** Round 1's prompt. */
export function firstRound(model: PromptModel, question: string, image: ImageSegment, offersTool = true): Segment[] {
  return build(model, questionMessages(model.prompts, { question, images: [fullOf(0)], offersTool }), image);
}

/** The prompt after round 1 and a valid call. */
export function toolTurn(model: PromptModel, question: string, image: ImageSegment): Segment[] {
  const { tool } = model.prompts;
  if (tool === null) throw new Error('the model has a tool');
  return build(model, [toolReply(tool, [fullOf(0)], { question, round: 1 })], image);
}

/** The prompt after round 1 and a malformed call. */
export function errorTurn(model: PromptModel, template: string, error: string): Segment[] {
  return build(model, [errorReply(template, error)], null);
}

function build(
  { prompts, tokenizer }: PromptModel,
  messages: readonly Message[],
  image: ImageSegment | null,
): Segment[] {
  return new PromptBuilder(prompts, tokenizer, CHATML).segments(messages, () => {
    if (image === null) throw new Error('an error turn shows no image');
    return image;
  });
}
