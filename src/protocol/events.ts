/**
 * The engine's events. They are plain data, a discriminated union on `type`, and reach the page
 * through one callback. They arrive in the order in which things happened.
 */
import type { TextKind } from '../shared/response-tags.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import type { RoundImages, RoundResult } from './turn.ts';

/** Progress of loading a model. Units: bytes for `download`, `verify` and `upload`, steps for the others. */
export interface LoadProgress {
  readonly type: 'loadProgress';
  /** `probe` looks at the machine, `download` fetches files, `verify` hashes them, `check` runs the attention self-test, `compile` makes the sessions, `upload` reads their weights from this device, `warmUp` runs everything once. */
  readonly phase: 'probe' | 'download' | 'verify' | 'compile' | 'upload' | 'check' | 'warmUp';
  readonly loaded: number;
  readonly total: number;
  /** The current file or session, for display. */
  readonly detail: string;
}

/** The current stage of a turn. `fraction` is 0..1 where known. */
export interface StageEvent {
  readonly type: 'stage';
  readonly round: number;
  readonly stage: 'preprocess' | 'encode' | 'prefill' | 'decode';
  readonly fraction?: number;
}

/** A round starts: describes the images it adds. */
export interface RoundStartEvent extends RoundImages {
  readonly type: 'roundStart';
  /** Counts from 1. */
  readonly round: number;
  /** The first image the round adds as the model sees it, after preprocessing; absent when it is larger than 4 megapixels or there is none. */
  readonly seen?: RgbImage;
}

/** New text of one kind. Concatenated deltas of a round give the round's text without the tags themselves. */
export interface TextEvent {
  readonly type: 'text';
  readonly round: number;
  readonly kind: TextKind;
  readonly delta: string;
}

/** A round is over. */
export interface RoundEndEvent {
  readonly type: 'roundEnd';
  readonly round: number;
  readonly result: RoundResult;
}

/** Everything the engine may report during `load`. */
export type LoadEvent = LoadProgress;

/** Everything the engine may report during `ask`. */
export type TurnEvent = StageEvent | RoundStartEvent | TextEvent | RoundEndEvent;
