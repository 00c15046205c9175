/** A prompt cut into runs of the decoder, whatever its segments. */
import { type Segment, segmentTokens } from './segments.ts';

/** Tokens of one segment: `count` from its `first` on. */
export interface Piece {
  readonly segment: Segment;
  readonly first: number;
  readonly count: number;
}

/** Runs of at most `most` tokens, in order, for all tokens of a prompt from slot `from` on. */
export function runsOf(prompt: readonly Segment[], from: number, most: number): Piece[][] {
  const runs: Piece[][] = [];
  let room = 0;
  let start = 0;
  for (const segment of prompt) {
    const tokens = segmentTokens(segment);
    for (let first = Math.max(0, from - start); first < tokens;) {
      if (room === 0) {
        runs.push([]);
        room = most;
      }
      const count = Math.min(room, tokens - first);
      runs.at(-1)?.push({ segment, first, count });
      first += count;
      room -= count;
    }
    start += tokens;
  }
  return runs;
}

/** Tokens of a run. */
export function runTokens(run: readonly Piece[]): number {
  return run.reduce((sum, { count }) => sum + count, 0);
}
