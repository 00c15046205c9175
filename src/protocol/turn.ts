/** A turn: one question about one image, answered in one or two rounds. Plain data only. */

/** What a round adds to the context. `none`: the error turn after a malformed call adds no image. */
export type Resolution = 'half' | 'full' | 'none';

/** Shorthands for the two switches. */
export type Mode = 'smart' | 'half' | 'full';

/** The two independent switches of the reference, plus limits. */
export interface TurnSettings {
  /** Start at half resolution. */
  readonly downsample: boolean;
  /** Offer the resize tool (round 1 uses the system prompt with the tool). */
  readonly tool: boolean;
  /** Largest area in pixels an original may have; larger ones are scaled down before anything else. null: no limit but the image processor's. */
  readonly pixelBudget: number | null;
  /** New tokens a round may generate. */
  readonly maxNewTokens: number;
  /** 0: greedy. */
  readonly temperature: number;
  /** Makes sampling repeatable when temperature > 0. */
  readonly seed?: number;
  /** Compute everything anew, nothing from earlier turns: for times that can be compared. */
  readonly fresh?: boolean;
}

/** The defaults of every setting: smart mode, greedy. */
export const DEFAULT_SETTINGS: TurnSettings = {
  downsample: true,
  tool: true,
  pixelBudget: null,
  maxNewTokens: 1024,
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
   * The model called the tool where it may not (the tool is off, two images are already there, or no round is left), or
   * wrongly, and its prompts have no turn for errors.
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

/** What one round did. */
export interface RoundResult {
  readonly resolution: Resolution;
  /** Pixels after preprocessing; zeros when the round added no image. */
  readonly imageSize: { readonly width: number; readonly height: number };
  /** Tokens of the image this round added. */
  readonly visualTokens: number;
  /** Tokens of the whole context before generation. */
  readonly promptTokens: number;
  /** How many of promptTokens were computed in this round; the rest came from the KV cache. */
  readonly computedTokens: number;
  /** How many tokens were computed although the cache had once held them. Zero by design within a turn. */
  readonly recomputedTokens: number;
  /** Tokens that were drafted instead of decoded one by one, and how many of them the model confirmed. */
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

/** What a turn gave. */
export interface TurnResult {
  readonly answer: string;
  readonly finishReason: FinishReason;
  readonly rounds: readonly RoundResult[];
  readonly visualTokens: VisualTokens;
  /** From the question to the first token of round 1. null when stopped before. */
  readonly ttftMs: number | null;
  readonly totalMs: number;
}
