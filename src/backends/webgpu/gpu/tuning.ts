/** Sizes that decide how fast the kernels are, and nothing else. A measurement may set them. */

/** What can be set. */
export interface Tuning {
  /** Rows a thread of a matrix-vector product makes at once, sharing what it reads of the vector. */
  readonly rowsPerThread: number;
  /** Threads that share a row. */
  readonly threadsPerRow: number;
  /** Threads of a workgroup in matrix-vector products. */
  readonly matvecThreads: number;
  /** Blocks of each of its rows that a thread has on their way at once; fewer where the device's memory asks for it. */
  readonly blocksAhead: number;
  /** Matrices of at least so many rows keep a device busy with fewer threads a row: for them the next three stand in place of these. */
  readonly wideRows: number;
  readonly wideThreadsPerRow: number;
  readonly wideThreads: number;
  readonly wideBlocksAhead: number;
  /** Tokens a matrix-vector kernel takes at once where there are a few. */
  readonly columns: number;
  /** Runs of more tokens use products in parts, or in tiles: in f32, and where there are matrix units or f16 for them. */
  readonly fewTokens: number;
  readonly fewTokensInF16: number;
  /** Parts of the cache that attention computes apart in a decode step, at most. */
  readonly stepParts: number;
  /** Query tokens a workgroup of attention takes in a prefill. */
  readonly attentionTokens: number;
  /** Workgroups of attention wanted in a prefill: shorter prompts split the cache to get there. */
  readonly attentionWorkgroups: number;
  /** Side of the tiled product's tile, 16, 32 or 128; smaller where the device's memory asks for it. */
  readonly tile: number;
  /** Queries a workgroup of the vision tower's attention takes, 16, 32 or 64; fewer where the device's memory asks for it. */
  readonly visionQueries: number;
}

/** The best of some dozens for each product of a decode step on an H200 (docs/log.md); those of attention are reckoned. */
export const DEFAULT_TUNING: Tuning = {
  rowsPerThread: 2,
  threadsPerRow: 32,
  matvecThreads: 256,
  blocksAhead: 2,
  wideRows: 8192,
  wideThreadsPerRow: 16,
  wideThreads: 128,
  wideBlocksAhead: 1,
  columns: 4,
  fewTokens: 20,
  fewTokensInF16: 12,
  stepParts: 64,
  attentionTokens: 2,
  attentionWorkgroups: 512,
  tile: 128,
  visionQueries: 64,
};

/** The defaults with what `text` sets, spelled `rowsPerThread:4,tile:128`. Throws RangeError for a name or number it does not know. */
export function parseTuning(text: string): Tuning {
  const tuning: Record<string, number> = { ...DEFAULT_TUNING };
  for (const part of text.split(',').filter((piece) => piece !== '')) {
    const [name = '', value] = part.split(':');
    const number = Number(value);
    if (!(name in tuning) || !Number.isInteger(number) || number < 1) {
      throw new RangeError(`"${part}" sets nothing: ${Object.keys(DEFAULT_TUNING).join(', ')} take whole numbers.`);
    }
    tuning[name] = number;
  }
  return { ...DEFAULT_TUNING, ...tuning };
}
