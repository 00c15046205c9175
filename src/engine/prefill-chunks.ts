/** Splits a prompt into runs of the language model, independently of its segments. */
import type { TokenInput } from './backend.ts';
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
  let free = 0;
  let start = 0;
  for (const segment of prompt) {
    const tokens = segmentTokens(segment);
    for (let first = Math.max(0, from - start); first < tokens;) {
      if (free === 0) {
        runs.push([]);
        free = most;
      }
      const count = Math.min(free, tokens - first);
      runs.at(-1)?.push({ segment, first, count });
      first += count;
      free -= count;
    }
    start += tokens;
  }
  return runs;
}

/** Tokens of a run. */
export function runTokens(run: readonly Piece[]): number {
  return run.reduce((sum, { count }) => sum + count, 0);
}

/** The inputs of a run. Waits for the features of its images. */
export async function inputsOf(run: readonly Piece[]): Promise<TokenInput[]> {
  const inputs: TokenInput[] = [];
  for (const { segment, first, count } of run) {
    if (segment.kind === 'text') inputs.push({ kind: 'ids', ids: segment.ids.slice(first, first + count) });
    else inputs.push({ kind: 'features', features: await segment.features(), first, count });
  }
  return inputs;
}
