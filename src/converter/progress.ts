/** How far a conversion is. */
export interface ConvertProgress {
  /** `weights`: checkpoint read (and downloaded), packed and written. `hashes`: what was written is read again. */
  readonly phase: 'weights' | 'hashes';
  /** Bytes of the phase that are done, including those of earlier runs. */
  readonly done: number;
  readonly total: number;
  /** The tensor or file at hand. */
  readonly detail: string;
}
