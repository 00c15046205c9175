/** Progress of a conversion. */
export interface ConvertProgress {
  /** `weights`: checkpoint read (and downloaded), packed and written. `hashes`: written files are read back. */
  readonly phase: 'weights' | 'hashes';
  /** Finished bytes of the phase, including those of earlier runs. */
  readonly done: number;
  readonly total: number;
  /** The current tensor or file. */
  readonly detail: string;
}
