/** A conversation turn: one question, answered in as many rounds as the model needs and the settings allow. Plain data only. */
import type { ImageRequest } from '../shared/image-request.ts';
import type { ChatMessage } from './chat.ts';

/**
 * A round's addition to the context, in one word for display; its `images` are exact. `half`, `full`: a whole image;
 * `crop`: a region of one; `none`: text alone, as the error turn after a malformed call.
 */
export type Resolution = 'half' | 'full' | 'crop' | 'none';

/** Shorthands for the two switches. */
export type Mode = 'smart' | 'half' | 'full';

/** Limits on the area of an original, in pixels; null: none but the image processor's. */
export interface SizeLimits {
  /** Larger ones are scaled down to this before anything else. */
  readonly pixelBudget: number | null;
  /** Smaller ones are scaled up to this, within the budget: VisionThink was trained with 512 x 512 and evaluated without. */
  readonly minPixels: number | null;
}

/** The two independent switches of the reference, plus limits. */
export interface TurnSettings extends SizeLimits {
  /** Start at half resolution. */
  readonly downsample: boolean;
  /** Offer the model's tool (round 1 uses the system prompt with the tool). */
  readonly tool: boolean;
  /** The tool to offer in place of the model's own, by its name; absent: the model's own. */
  readonly toolName?: string;
  /** New tokens a round may generate, where the context has room for them. */
  readonly maxNewTokens: number;
  /** Rounds that may generate; a tool call in the last one is refused. null: as many as the tool's reference allows. */
  readonly maxRounds: number | null;
  /** Most images of a turn, those of tools included; null: as many as the tool shows for one image, times the question's. */
  readonly maxImages: number | null;
  /** 0: greedy. */
  readonly temperature: number;
  /** At a temperature above 0, only the likeliest tokens whose probabilities sum to this are drawn; 1: all. */
  readonly topP: number;
  /** Makes sampling repeatable when temperature > 0. */
  readonly seed?: number;
  /** Where a conversation no longer fits the context, leave its oldest pictures out instead of refusing the question. */
  readonly dropOldestImages: boolean;
}

/** The defaults of every setting: smart mode, greedy. Source of 8,192 and 0.95: dvlab-research/VisionThink scripts/vllm_tool.py. */
export const DEFAULT_SETTINGS: TurnSettings = {
  downsample: true,
  tool: true,
  pixelBudget: null,
  minPixels: null,
  maxNewTokens: 8192,
  maxRounds: null,
  maxImages: null,
  temperature: 0,
  topP: 0.95,
  dropOldestImages: false,
};

/** The switches a mode stands for. */
export const MODE_SWITCHES = {
  smart: { downsample: true, tool: true },
  half: { downsample: true, tool: false },
  full: { downsample: false, tool: false },
} as const satisfies Record<Mode, Pick<TurnSettings, 'downsample' | 'tool'>>;

/** How a turn ended. */
export type FinishReason =
  /** The model ended its answer. */
  | 'stop'
  /** A round hit maxNewTokens or the end of the context. */
  | 'length'
  /** The user stopped it. */
  | 'stopped'
  /**
   * The model called the tool where it may not (the tool is off, it has shown all the images it may, or no round is left),
   * or wrongly, and its prompts have no error turn.
   */
  | 'toolCallRefused';

/** A tool call as found in a round's text. */
export interface ToolCall {
  readonly valid: boolean;
  /** Why it is not valid, or why it was refused. */
  readonly error?: string;
}

/** Wall-clock milliseconds of each stage of a round. */
export interface RoundTimings {
  readonly preprocessMs: number;
  readonly encodeMs: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
}

/** An image as a round added it to the context. */
export interface RoundImage {
  /** Which part of which source image, at which scale. */
  readonly request: ImageRequest;
  /** Pixels after preprocessing. */
  readonly imageSize: { readonly width: number; readonly height: number };
  readonly visualTokens: number;
  /** Present where it was encoded before it was asked for. */
  readonly prefetched?: true;
}

/** A round's additions to the context: known when it starts. */
export interface RoundImages {
  readonly resolution: Resolution;
  /** The images, in the order in which the model sees them. */
  readonly images: readonly RoundImage[];
  /** Pixels of the first one after preprocessing; zeros when the round adds no image. */
  readonly imageSize: { readonly width: number; readonly height: number };
  /** Tokens of all of them. */
  readonly visualTokens: number;
}

/** What one round did. */
export interface RoundResult extends RoundImages {
  /** Tokens of the whole context before generation. */
  readonly promptTokens: number;
  /** How many of promptTokens this round computed; the rest came from the KV cache. */
  readonly computedTokens: number;
  /** How many tokens were computed although the cache had held them earlier in the conversation. Zero by design. */
  readonly recomputedTokens: number;
  /** Tokens drafted by speculative decoding, and how many of them the model accepted. */
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
  /** Generated ids, `<|im_end|>` included where the model ended with it. */
  readonly tokenIds: readonly number[];
  /** tokenIds as text, special tokens kept. */
  readonly text: string;
  readonly toolCall: ToolCall | null;
  readonly timings: RoundTimings;
}

/** Visual tokens of a turn, against what always-full would have cost. */
export interface VisualTokens {
  readonly used: number;
  readonly full: number;
  /** used / full; 1.25 when half and full were both needed, 0 where a question shows no image. */
  readonly ratio: number;
}

/** A box or a point that an answer names, in pixels of the original picture, parts of pixels included; it may lie outside. */
export type AnswerMark = {
  /** Which source image. */
  readonly image: number;
  /** What it is said to be; null: nothing. */
  readonly label: string | null;
} & (
  | { readonly kind: 'box'; readonly box: readonly [left: number, top: number, right: number, bottom: number] }
  | { readonly kind: 'point'; readonly point: readonly [x: number, y: number] }
);

/** The result of a turn. */
export interface TurnResult {
  readonly answer: string;
  readonly finishReason: FinishReason;
  readonly rounds: readonly RoundResult[];
  readonly visualTokens: VisualTokens;
  /** The boxes and points in the answer, in its order. */
  readonly marks: readonly AnswerMark[];
  /** What the turn added to its conversation: give it to the next question as history. */
  readonly messages: readonly ChatMessage[];
  /** The conversation's oldest pictures that its last prompt left out because the context was full. */
  readonly droppedImages: number;
  /** From the question to the first token of round 1. null when stopped before. */
  readonly ttftMs: number | null;
  readonly totalMs: number;
}
