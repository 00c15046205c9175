/** The converter worker's interface, as a page sees it through Comlink. To end a conversion early, end the worker. */
import type { PromptSet } from '../shared/prompt-sets.ts';

/** A checkpoint's files, wherever they come from: a folder picker, a drop, the origin private file system. */
export interface CheckpointFiles {
  /** The checkpoint folder's name: it becomes the model's, and VisionThink's own checkpoints are known by it. */
  readonly name: string;
  readonly files: readonly CheckpointFile[];
}

/** One file of a checkpoint. */
export interface CheckpointFile {
  /** Relative to the checkpoint's folder, with `/`. */
  readonly path: string;
  /** A `File` stays on disk: the worker reads a piece at a time. */
  readonly blob: Blob;
}

/** Options of a conversion. The checkpoint decides absent ones. */
export interface ConversionSettings {
  /** Storage format of the weights. */
  readonly dtype: 'fp32' | 'fp16' | 'q8' | 'q4' | 'q4f16';
  /** The model's name; the checkpoint's by default. */
  readonly name?: string;
  /** Prompts to write when the checkpoint brings no prompts.json. */
  readonly prompts?: PromptSet;
}

/** The converter's progress. */
export interface ConversionProgress {
  /** `weights`: reads, packs and writes the checkpoint. `hashes`: reads the written files again. */
  readonly phase: 'weights' | 'hashes';
  /** Bytes of the phase that are done, earlier runs included. */
  readonly done: number;
  readonly total: number;
  /** The current tensor or file, for display. */
  readonly detail: string;
}

/** The model folder that was written. */
export interface ConversionResult {
  readonly name: string;
  readonly dtype: string;
  readonly parameters: number;
  /** Files and their bytes, the manifest not counted. */
  readonly files: number;
  readonly bytes: number;
}

/** The converter behind the worker. */
export interface ConverterApi {
  /**
   * Writes the checkpoint as a model folder into `target`, a folder of the origin private file system, in place of the model
   * that may be there; resumes where an earlier run stopped. The manifest comes last: a folder without one is not whole.
   * Throws CheckpointError and SafetensorsError for what cannot be converted, ResumeError when `target` holds a half-done
   * conversion of something else, StorageError when it cannot be written.
   */
  convert(
    checkpoint: CheckpointFiles,
    target: FileSystemDirectoryHandle,
    settings: ConversionSettings,
    onProgress: (progress: ConversionProgress) => void,
  ): Promise<ConversionResult>;
}
