/** Conversations of several turns and images as prompts: earlier messages are a true prefix of later ones. */
import { CHATML } from '../../src/architectures/qwen2_5_vl/chat.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Content,
  Conversation,
  type Message,
  trustedText,
  untrustedText,
} from '../../src/conversation/messages.ts';
import { PromptBuilder } from '../../src/conversation/prompt-builder.ts';
import { questionMessages, toolReply } from '../../src/conversation/templates.ts';
import { countTokens, type Segment } from '../../src/engine/segments.ts';
import { fullOf, halfOf, type ImageRequest } from '../../src/shared/image-request.ts';
import {
  EFFICIENT_PROMPTS,
  IM_END,
  IMAGE_PAD,
  openScripted,
  picture,
  respond,
  TOKENIZER,
} from '../helpers/scripted-engine.ts';

const BUILDER = new PromptBuilder(EFFICIENT_PROMPTS, TOKENIZER, CHATML);
const REGION = { left: 28, top: 0, width: 56, height: 56 };

/** Two source images, 112 x 112 and 112 x 56. */
function twoImages(): {
  conversation: Conversation;
  imageOf: (request: ImageRequest) => Extract<Segment, { kind: 'image' }>;
} {
  const views = openScripted({ script: respond('') }).engine.core.newViews();
  views.add(picture(112, 112));
  views.add(picture(112, 56, 2));
  return { conversation: new Conversation(views), imageOf: (request) => views.view(request).segment };
}

/** The text of a prompt, each image as one pad. */
function textOf(segments: readonly Segment[]): string {
  return segments
    .map((segment) => (segment.kind === 'text' ? TOKENIZER.decode(segment.ids) : '<|image_pad|>'))
    .join('');
}

function idsOf(segments: readonly Segment[]): number[] {
  return segments.flatMap((segment) =>
    segment.kind === 'text' ? segment.ids : Array.from({ length: countTokens([segment]) }, () => IMAGE_PAD),
  );
}

function said(text: string): Message {
  return { role: 'assistant', content: [{ type: 'tokens', ids: [...TOKENIZER.encode(text), IM_END] }] };
}

function asked(...content: readonly Content[]): Message {
  return { role: 'user', content };
}

describe('a conversation', () => {
  it('holds several turns and images, in ChatML', () => {
    const { conversation, imageOf } = twoImages();
    conversation.add({ role: 'system', content: [trustedText('You see.')] });
    conversation.add(
      asked({ type: 'image', request: halfOf(0) }, { type: 'image', request: fullOf(1) }, untrustedText('What?')),
    );
    conversation.add(said('Two bars.'));
    conversation.add(
      asked(untrustedText('And behind <|im_end|>?'), {
        type: 'image',
        request: { image: 1, region: REGION, scale: 1 },
      }),
    );
    const image = '<|vision_start|><|image_pad|><|vision_end|>';
    expect(textOf(BUILDER.segments(conversation.messages, imageOf))).toBe(
      `<|im_start|>system\nYou see.<|im_end|>\n<|im_start|>user\n${image}${image}What?<|im_end|>\n` +
        `<|im_start|>assistant\nTwo bars.<|im_end|>\n` +
        `<|im_start|>user\nAnd behind <|im_end|>?${image}<|im_end|>\n<|im_start|>assistant\n`,
    );
    expect(conversation.shown.map(({ request, size }) => [request.image, size.width, size.height])).toEqual([
      [0, 56, 56],
      [1, 112, 56],
      [1, 56, 56],
    ]);
    expect(conversation.sourceSize(1)).toEqual({ width: 112, height: 56 });
    expect(() => conversation.sourceSize(2)).toThrow(expect.objectContaining({ name: 'ImageRegionError' }));
  });

  it('closes an assistant message that was cut, and leaves one that was complete', () => {
    const { imageOf } = twoImages();
    const cut: Message = { role: 'assistant', content: [{ type: 'tokens', ids: TOKENIZER.encode('Two') }] };
    const spoken: Message = { role: 'assistant', content: [untrustedText('Two')] };
    const again = asked(untrustedText('Why?'));
    const [ended, ...others] = [said('Two'), cut, spoken].map((message) =>
      idsOf(BUILDER.segments([message, again], imageOf)),
    );
    for (const other of others) expect(other).toEqual(ended);
    expect(ended?.filter((id) => id === IM_END)).toHaveLength(2);
  });

  it('puts nothing between a complete message and the tool’s own frame', () => {
    const { imageOf } = twoImages();
    const { tool } = EFFICIENT_PROMPTS;
    if (tool === null) throw new Error('VisionThink has a tool');
    const prompt = BUILDER.segments(
      [said('Closer.'), toolReply(tool, [fullOf(0)], { question: 'What?', round: 1 })],
      imageOf,
    );
    expect(textOf(prompt)).toMatch(/^Closer\.<\|im_end\|><\|im_start\|>user\n<tool_response>\n/);
    expect(textOf(prompt)).toMatch(/<\|im_start\|>assistant\n$/);
  });

  it('starts like any other with the same images: prefix() is their common part', () => {
    const { imageOf } = twoImages();
    const of = (question: string): readonly Message[] =>
      questionMessages(EFFICIENT_PROMPTS, { question, images: [halfOf(0), halfOf(1)], offersTool: true });
    const prefix = idsOf(BUILDER.prefix(of(''), imageOf));
    expect(prefix.length).toBeGreaterThan(100);
    for (const question of ['Why?', '<|im_end|>', 'How many bars?']) {
      expect(idsOf(BUILDER.prefix(of(question), imageOf))).toEqual(prefix);
      expect(idsOf(BUILDER.segments(of(question), imageOf)).slice(0, prefix.length)).toEqual(prefix);
    }
  });

  it('is a true prefix of itself with any further messages', () => {
    const { imageOf } = twoImages();
    const text = fc
      .array(fc.constantFrom('red', ' ', '\n', '<|im_end|>', '<tool_call>', 'bar', '?', '<'))
      .map((all) => all.join(''));
    const content: fc.Arbitrary<Content> = fc.oneof(
      text.map(untrustedText),
      fc.constantFrom(halfOf(0), fullOf(1), fullOf(0)).map((request) => ({ type: 'image' as const, request })),
    );
    const response = text.map((all): Message => ({
      role: 'assistant',
      content: [{ type: 'tokens', ids: TOKENIZER.encode(all) }],
    }));
    const turn = fc.tuple(
      fc.array(content, { minLength: 1, maxLength: 4 }).map((all) => asked(...all)),
      response,
    );
    fc.assert(
      fc.property(
        fc.array(turn, { minLength: 1, maxLength: 4 }),
        fc.array(content, { maxLength: 3 }),
        (turns, last) => {
          const messages = [...turns.flat(), asked(...last)];
          const whole = idsOf(BUILDER.segments(messages, imageOf));
          for (let questions = 1; questions <= turns.length; questions++) {
            const until = 2 * questions - 1; // everything up to a question
            const before = idsOf(BUILDER.segments(messages.slice(0, until), imageOf));
            expect(whole.slice(0, before.length)).toEqual(before);
            expect([...before, ...idsOf(BUILDER.segments(messages.slice(until), imageOf))]).toEqual(whole);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
