/** Sizes of the language model's attention, which its kernels are written for. */
import type { Stored } from './cache-format.ts';

/** Sizes of attention. */
export interface AttentionSpec {
  readonly numHeads: number;
  readonly numKvHeads: number;
  /** A multiple of 16. */
  readonly headDim: number;
  readonly stored: Stored;
  /** Query tokens of a workgroup. */
  readonly tokens: number;
}
