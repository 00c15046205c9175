/** Sizes that decide how fast the kernels are, and nothing else. A measurement may set them; the defaults are reckoned, not measured. */

/** What can be set. */
export interface Tuning {
  /** Rows a thread of a matrix-vector product makes at once, sharing what it reads of the vector. */
  readonly rowsPerThread: number;
  /** The same for the head, which has many rows. */
  readonly headRowsPerThread: number;
  /** Threads that share a row; with subgroups, their size is the best choice. */
  readonly threadsPerRow: number;
  /** Threads of a workgroup in matrix-vector products. */
  readonly matvecThreads: number;
  /** Tokens a matrix-vector kernel takes at once where there are a few. */
  readonly columns: number;
  /** Runs of more tokens use the tiled product. */
  readonly matvecTokens: number;
  /** Cached tokens a workgroup of attention takes in a decode step. */
  readonly attentionChunk: number;
  /** Query tokens a workgroup of attention takes in a prefill. */
  readonly attentionTokens: number;
  /** Workgroups of attention wanted in a prefill: shorter prompts split the cache to get there. */
  readonly attentionWorkgroups: number;
  /** Side of the tiled product's tile, 32, 64 or 128; smaller where the device's memory asks for it. */
  readonly tile: number;
  /** Queries a workgroup of the vision tower's attention takes, 16, 32 or 64; fewer where the device's memory asks for it. */
  readonly visionQueries: number;
}

/** Reckoned for a large NVIDIA GPU. */
export const DEFAULT_TUNING: Tuning = {
  rowsPerThread: 2,
  headRowsPerThread: 4,
  threadsPerRow: 32,
  matvecThreads: 128,
  columns: 4,
  matvecTokens: 16,
  attentionChunk: 64,
  attentionTokens: 2,
  attentionWorkgroups: 256,
  tile: 64,
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
