/** Sizes that affect only the speed of kernels. A benchmark may set them. */

/** The tunable sizes. */
export interface Tuning {
  /** Rows that a thread of a GEMV computes at once, reusing its loads of the vector. */
  readonly rowsPerThread: number;
  /** Threads that share a row. */
  readonly threadsPerRow: number;
  /** Threads of a workgroup of a GEMV. */
  readonly gemvThreads: number;
  /** Blocks of each row that a thread prefetches; fewer if workgroup memory is short. */
  readonly blocksAhead: number;
  /** Matrices of at least this many rows keep a device busy with fewer threads per row: the next three values replace those above. */
  readonly wideRows: number;
  readonly wideThreadsPerRow: number;
  readonly wideThreads: number;
  readonly wideBlocksAhead: number;
  /** Tokens that a skinny GEMM takes at once. */
  readonly columns: number;
  /** Most tokens of a skinny GEMM: in f32, and if split-K can use subgroup matrices or f16. */
  readonly skinnyTokens: number;
  readonly skinnyTokensInF16: number;
  /** KV splits of a decode step, at most. */
  readonly decodeKvSplits: number;
  /** Query tokens a workgroup of attention takes in a prefill. */
  readonly attentionTokens: number;
  /** Workgroups of attention to reach in a prefill: shorter prompts use KV splits to get there. */
  readonly attentionWorkgroups: number;
  /** Most tokens of a GEMM's tile, 16, 32 or 128; smaller if workgroup memory is short. */
  readonly tile: number;
  /** Queries a workgroup of the vision tower's attention takes, 16, 32 or 64; fewer if workgroup memory is short. */
  readonly visionQueries: number;
}

/** The fastest of some dozens for each GEMV of a decode step on an H200 (docs/log.md); the values for attention are estimates. */
export const DEFAULT_TUNING: Tuning = {
  rowsPerThread: 2,
  threadsPerRow: 32,
  gemvThreads: 256,
  blocksAhead: 2,
  wideRows: 8192,
  wideThreadsPerRow: 16,
  wideThreads: 128,
  wideBlocksAhead: 1,
  columns: 4,
  skinnyTokens: 20,
  skinnyTokensInF16: 12,
  decodeKvSplits: 64,
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
