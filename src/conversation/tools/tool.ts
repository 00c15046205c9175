/**
 * A tool that a model may call during a turn. A tool is one file in this folder and one line in registry.ts. It parses and
 * answers calls; the turn's loop invokes it, shows the images and frames the reply with the model's prompts (prompts.json). It
 * knows nothing of tokens, the engine or rounds.
 */
import type { ImageRequest } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { ToolWords } from '../../protocol/engine-api.ts';
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
  /** What encloses a call in the model's text. */
  readonly callTags: TagPair;
  /** Most images of a turn, including the question's own. */
  readonly maxImages: number;
  /** How the page speaks of it. */
  readonly words: ToolWords;
}

/** A tool. */
export interface Tool {
  /** Its name in prompts.json and in the settings. */
  readonly name: string;
  describe(): ToolDescription;
  /** Finds the call in a round's text; null if there is none. Never throws. */
  parse(text: string): ParsedCall | null;
  /**
   * Executes a valid call; returns the images to show next, or text. `conversation` ends with the calling message.
   * Throws ToolCallError for a call that cannot be executed; the model reads its message, as after a malformed call.
   */
  apply(call: JsonObject, conversation: Conversation): readonly ImageRequest[] | string;
  /**
   * The images that a future call is likely to request: they are prefetched while the device is idle or the call is still being
   * generated, and cache capacity is reserved for them. Empty if they cannot be predicted.
   */
  likely(conversation: Conversation): readonly ImageRequest[];
}
