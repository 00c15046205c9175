/**
 * A turn's prompts as segments of tokens and images. The first round's ids are a true prefix of the second's: what the
 * model generated is never tokenised again, and the next turn's text starts right behind its last token.
 */
import type { Prompts, ToolPrompts } from '../model/prompts.ts';
import type { QwenTokenizer, TextPiece } from '../model/tokenizer.ts';
import type { ImageSegment, Segment, TextSegment } from '../engine/segments.ts';

const IMAGE = '{image}';
const QUESTION = '{question}';
/** Stands for the placeholders while the chat template runs; private-use characters no prompt holds. */
const IMAGE_MARK = '\uE0F0';
const QUESTION_MARK = '\uE0F1';
const IMAGE_PAD = '<|image_pad|>';

/** Builds prompts for one model. */
export class PromptBuilder {
  readonly #prompts: Prompts;
  readonly #tokenizer: QwenTokenizer;
  /** Text around the one `<|image_pad|>` of the image placeholder. */
  readonly #imageFrame: readonly [string, string];

  constructor(prompts: Prompts, tokenizer: QwenTokenizer) {
    this.#prompts = prompts;
    this.#tokenizer = tokenizer;
    const [before = '', after = ''] = prompts.imagePlaceholder.split(IMAGE_PAD);
    this.#imageFrame = [before, after];
  }

  /** The prompt of round 1, up to and including `<|im_start|>assistant\n`. */
  firstRound(question: string, image: ImageSegment, offerTool: boolean): Segment[] {
    return this.#segments(this.#firstChat(offerTool), question, image);
  }

  /** What every first round about this image begins with: all that stands before the question. */
  prefix(image: ImageSegment, offerTool: boolean): Segment[] {
    const [before = '', after = ''] = this.#firstChat(offerTool).split(IMAGE_MARK);
    const known = before.indexOf(QUESTION_MARK);
    const [opening, closing] = this.#imageFrame;
    if (known >= 0) return [{ kind: 'text', ids: this.#tokenizer.encode(before.slice(0, known)) }];
    const between = closing + after.slice(0, after.indexOf(QUESTION_MARK));
    return [
      { kind: 'text', ids: this.#tokenizer.encode(before + opening) },
      image,
      { kind: 'text', ids: this.#tokenizer.encode(between) },
    ];
  }

  /** What follows round 1 after a valid tool call: the turn that brings the full image, and the question again where the prompts say so. */
  toolResponse(tool: ToolPrompts, question: string, image: ImageSegment): Segment[] {
    const suffix = tool.turnSuffix.replace(QUESTION, () => QUESTION_MARK);
    const text = tool.turnPrefix + tool.perImage.replace(IMAGE, () => IMAGE_MARK) + suffix;
    return this.#segments(text, question, image);
  }

  /** What follows round 1 after a malformed call. */
  errorTurn(template: string, error: string): TextSegment {
    const [before = '', after = ''] = template.split('{error}');
    const pieces = [trusted(before), { text: error, trusted: false }, trusted(after)];
    return { kind: 'text', ids: this.#tokenizer.encodePieces(pieces) };
  }

  /** Round 1 with marks where image and question go. */
  #firstChat(offerTool: boolean): string {
    const system = offerTool ? this.#prompts.system : this.#prompts.systemWithoutTool;
    const user = this.#prompts.userTemplate.replace(IMAGE, () => IMAGE_MARK).replace(QUESTION, () => QUESTION_MARK);
    return this.#tokenizer.chat([
      ...(system === null ? [] : [{ role: 'system' as const, content: system }]),
      { role: 'user' as const, content: user },
    ]);
  }

  /** Splits text at the image mark, puts the question where its mark is, and tokenises the rest. */
  #segments(text: string, question: string, image: ImageSegment): Segment[] {
    const [before = '', after = ''] = text.split(IMAGE_MARK);
    const [opening, closing] = this.#imageFrame;
    return [
      { kind: 'text', ids: this.#encode(before + opening, question) },
      image,
      { kind: 'text', ids: this.#encode(closing + after, question) },
    ];
  }

  #encode(text: string, question: string): number[] {
    const at = text.indexOf(QUESTION_MARK);
    if (at < 0) return this.#tokenizer.encode(text);
    const pieces = [trusted(text.slice(0, at)), { text: question, trusted: false }, trusted(text.slice(at + 1))];
    return this.#tokenizer.encodePieces(pieces);
  }
}

function trusted(text: string): TextPiece {
  return { text, trusted: true };
}
