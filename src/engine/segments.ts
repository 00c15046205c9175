/** A prompt as segments of text and images, and the KV-cache identity of each token. */
import type { Span, TokenGrid } from '../model/span.ts';
import type { ImageFeatures } from './backend.ts';

/** Text by its token ids. */
export interface TextSegment {
  readonly kind: 'text';
  readonly ids: readonly number[];
}

/** An image by its features. */
export interface ImageSegment {
  readonly kind: 'image';
  /** Two segments with the same serial hold the same features. */
  readonly serial: number;
  readonly grid: TokenGrid;
  /** Called only when the image is not cached; the caller does not dispose the result. */
  readonly features: () => Promise<ImageFeatures>;
}

/** A segment of the prompt. */
export type Segment = TextSegment | ImageSegment;

/** Tokens of a segment. */
export function segmentTokens(segment: Segment): number {
  return segment.kind === 'text' ? segment.ids.length : segment.grid.height * segment.grid.width;
}

/** Tokens of a prompt. */
export function countTokens(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segmentTokens(segment), 0);
}

/** The content of each cache slot of a segment: the token id, or -1 - serial for an image's token. */
export function slotsOf(segment: Segment): number[] {
  if (segment.kind === 'text') return [...segment.ids];
  return new Array<number>(segmentTokens(segment)).fill(-1 - segment.serial);
}

/** The layout of a prompt, which determines all positions. */
export function spansOf(segments: readonly Segment[]): Span[] {
  return segments.map((segment) =>
    segment.kind === 'text' ? { kind: 'text', tokens: segment.ids.length } : { kind: 'image', grid: segment.grid },
  );
}

/** How many leading tokens of the prompt are these slots' content. The last one never counts: it is always computed. */
export function commonPrefix(slots: readonly number[], prompt: readonly Segment[]): number {
  const requested = prompt.flatMap(slotsOf);
  let same = 0;
  while (same < slots.length && same < requested.length - 1 && slots[same] === requested[same]) same++;
  return same;
}
