/** The sizes that the language model's attention kernels are generated for. */
import type { Stored } from './cache-format.ts';

/** Sizes of attention. */
export interface AttentionSpec {
  readonly numHeads: number;
  readonly numKvHeads: number;
  /** A multiple of 16. */
  readonly headDim: number;
  readonly stored: Stored;
  /** Query tokens per workgroup. */
  readonly tokens: number;
}
