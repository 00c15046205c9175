/**
 * A tool: what a model may call for in the middle of a turn. A tool is one file in this folder and one line in registry.ts.
 * It reads calls and answers them; the turn's loop asks it, shows the images and frames the reply as the
 * model's prompts say (prompts.json). It knows nothing of tokens, the engine or rounds.
 */
import type { ImageRequest } from '../../shared/image-request.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Conversation } from '../messages.ts';

/** A call as it was found in a round's text. */
export type ParsedCall =
  | { readonly valid: true; readonly arguments: JsonObject }
  /** `error` is what the model reads of it: one sentence, without special tokens, quoting little. */
  | { readonly valid: false; readonly error: string };

/** What is known of a tool before it is called. */
export interface ToolDescription {
  /** Texts that calls consist of or begin with; speculative decoding drafts them from their first tokens on. */
  readonly calls: readonly string[];
  /** Images a conversation turn may show in all, the question's own among them. */
  readonly maxImages: number;
}

/** A tool. */
export interface Tool {
  /** What prompts.json and the settings name it by. */
  readonly name: string;
  describe(): ToolDescription;
  /** Finds the call in a round's text; null when there is none. Never throws, whatever the text. */
  parse(text: string): ParsedCall | null;
  /**
   * Carries a valid call out: the images to show next, or text. `conversation` ends with the message that calls.
   * Throws ToolCallError for a call that cannot be carried out; the model reads its message, as after a malformed call.
   */
  apply(call: JsonObject, conversation: Conversation): readonly ImageRequest[] | string;
  /**
   * The images a call is likely to ask for, before it is there: they are made ready while the device idles or the call is
   * still being written, and free capacity is kept for them. Empty when nobody can know.
   */
  likely(conversation: Conversation): readonly ImageRequest[];
}
