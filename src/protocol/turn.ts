/** A conversation turn: one question, answered in as many rounds as the model needs and the settings allow. Plain data only. */
import type { ImageRequest } from '../shared/image-request.ts';

/**
 * A round's addition to the context, in one word for display; its `images` are exact. `half`, `full`: a whole image;
 * `crop`: a region of one; `none`: text alone, as the error turn after a malformed call.
 */
export type Resolution = 'half' | 'full' | 'crop' | 'none';

/** Shorthands for the two switches. */
export type Mode = 'smart' | 'half' | 'full';

/** The two independent switches of the reference, plus limits. */
export interface TurnSettings {
  /** Start at half resolution. */
  readonly downsample: boolean;
  /** Offer the model's tool (round 1 uses the system prompt with the tool). */
  readonly tool: boolean;
  /** The tool to offer in place of the model's own, by its name; absent: the model's own. */
  readonly toolName?: string;
  /** Largest area in pixels an original may have; larger ones are scaled down before anything else. null: no limit but the image processor's. */
  readonly pixelBudget: number | null;
  /** New tokens a round may generate. */
  readonly maxNewTokens: number;
  /** Rounds that may generate; a tool call in the last one is refused. null: as many as the tool's reference allows. */
  readonly maxRounds: number | null;
  /** 0: greedy. */
  readonly temperature: number;
  /** Makes sampling repeatable when temperature > 0. */
  readonly seed?: number;
}

/** The defaults of every setting: smart mode, greedy. */
export const DEFAULT_SETTINGS: TurnSettings = {
  downsample: true,
  tool: true,
  pixelBudget: null,
  maxNewTokens: 1024,
  maxRounds: null,
  temperature: 0,
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
  /** How many tokens were computed although the cache had held them earlier in the turn. Zero by design. */
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
  /** used / full; 1.25 when half and full were both needed. */
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
  /** From the question to the first token of round 1. null when stopped before. */
  readonly ttftMs: number | null;
  readonly totalMs: number;
}
