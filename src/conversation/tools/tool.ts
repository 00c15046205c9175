/**
 * A tool that a model may call during a turn. A tool is one file in this folder and one line in registry.ts. It parses and
 * answers calls; the turn's loop invokes it, shows the images and frames the reply with the model's prompts (prompts.json). It
 * knows nothing of tokens, the engine or rounds.
 */
import type { PixelSize } from '../../image/smart-resize.ts';
import type { ToolWords } from '../../protocol/engine-api.ts';
import type { TurnSettings } from '../../protocol/turn.ts';
import type { ImageRequest } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { TagPair } from '../../shared/response-tags.ts';
import type { Conversation } from '../messages.ts';

/** A call found in a round's text. */
export type ParsedCall =
  | { readonly valid: true; readonly arguments: JsonObject }
  /** `error` is the text for the model: one sentence without special tokens and with short quotes only. */
  | { readonly valid: false; readonly error: string };

/** Static properties of a tool. */
export interface ToolDescription {
  /** Texts that calls consist of or begin with: speculative decoding drafts them from their first tokens on. */
  readonly calls: readonly string[];
  /** What encloses a call in the model's text; null: nothing does. */
  readonly callTags: TagPair | null;
  /** Most images of a turn about one image, including it; a question about several allows as many times more. */
  readonly maxImages: number;
  /** Rounds of a turn where the settings name none. */
  readonly maxRounds: number;
  /** Text that ends a round as soon as the model has written it, where its reference stops there. */
  readonly stopsAt?: string;
  /** How the page speaks of it. */
  readonly words: ToolWords;
}

/** A part of a reply: an image, or text in its place. */
export type ReplyPart = ImageRequest | string;

/** A tool. */
export interface Tool {
  /** Its name in prompts.json and in the settings. */
  readonly name: string;
  describe(): ToolDescription;
  /**
   * How a question's image of `size` pixels is shown while the tool is offered. Absent: whole, at half or full resolution. Throws
   * ToolCallError for an image that the reference cannot show.
   */
  opening?(image: number, size: PixelSize, settings: Pick<TurnSettings, 'downsample'>): ImageRequest;
  /** Finds the call in a round's text; null if there is none. Never throws. */
  parse(text: string): ParsedCall | null;
  /**
   * Executes a valid call; returns the images to show next, texts in place of those that cannot be shown, or one text for all.
   * `conversation` ends with the calling message.
   * Throws ToolCallError for a call that cannot be executed; the model reads its message, as after a malformed call.
   */
  apply(call: JsonObject, conversation: Conversation): readonly ReplyPart[] | string;
  /**
   * The images that every valid call requests: a single one is encoded while the call is still being generated, and cache capacity is
   * reserved for them. Absent where the model chooses.
   */
  certain?(conversation: Conversation): readonly ImageRequest[];
  /**
   * The images that a future call may request, the likeliest first: they are encoded while nothing is asked. They must be equal to
   * what `apply` would return, step by step. Empty if they cannot be predicted. Never throws.
   */
  likely(conversation: Conversation): readonly ImageRequest[];
}
