/**
 * The interface of the engines under test: the same for ours and for unmodified transformers.js,
 * each in a worker of its own. Another worker makes the folders of random weights that both load.
 */
import type { BackendChoice, FolderSource } from './engine-api.ts';

/** The backend of both engines that computes on the CPU. */
export const ON_CPU = 'wasm';

/** The engines under test. */
export type EngineName = 'ours' | 'upstream';

/** Overrides of the app's defaults for measuring our engine. */
export interface Experiment {
  /** The backend that is tried first, by its name: `ours`, `onnx`. null: as in the app. */
  readonly kernels: string | null;
  /** Sizes of the kernels, as `parseTuning` reads them. */
  readonly tuning: string;
}

/** An engine's report on its load. */
export interface LoadedEngine {
  /** The runtime: the library with its version, the backend, the activations' type, threads. */
  readonly engine: string;
  /** What it runs on: `webgpu`. */
  readonly backend: string;
  /** The graphics adapter, as far as the engine knows. */
  readonly adapter: string;
  /** Why it runs as it does, one plain sentence each; none where the engine gives no reasons. */
  readonly reasons: readonly string[];
  readonly model: string;
  readonly dtype: string;
  /** Milliseconds the whole load took. */
  readonly loadMs: number;
  /** Largest memory in use while it loaded. */
  readonly memory: MemoryUse;
}

/** Bytes an engine's worker holds. */
export interface MemoryUse {
  /** WASM memory. It never shrinks, so this is its peak too. */
  readonly wasmBytes: number;
  /** JavaScript: files read into the heap and not yet collected, at their peak; and V8's own heap where the browser reports it. */
  readonly heapPeakBytes: number;
  /** Buffers on the graphics device now, and at their peak. */
  readonly gpuBytes: number;
  readonly gpuPeakBytes: number;
}

/** One thing to measure once. Pictures are named as they were given to `addPicture`. */
export type Probe =
  /** Decode steps of one token after a prompt of about `cachedTokens` tokens; ms: one step. */
  | {
      readonly kind: 'decode';
      readonly picture: string;
      readonly cachedTokens: number;
      readonly newTokens: number;
      /** Counts the GPU work of the steps, which slows them. */
      readonly profile?: boolean;
    }
  /** Encoding and prefill of a question about the picture at full resolution, with nothing cached; ms: both. */
  | {
      readonly kind: 'imageTurn';
      readonly picture: string;
      readonly question: string;
      /** Counts and times the GPU work, which slows it. */
      readonly profile?: boolean;
    }
  /** From the end of a tool call in round 1 to the first token of round 2; ms. */
  | { readonly kind: 'round2'; readonly picture: string; readonly question: string; readonly toolCall: string }
  /** From the question to its first token, `chosenMs` after the picture was chosen and decoded; ms. */
  | {
      readonly kind: 'firstToken';
      readonly picture: string;
      readonly question: string;
      readonly chosenMs: number;
      /** Whether an engine that can prefetch may read the picture in that time. */
      readonly prefetch: boolean;
      /** Counts and times the GPU work, each in a question of its own. */
      readonly profile?: boolean;
    }
  /** Resizing and cutting into patches with Qwen2.5-VL's own settings, the picture decoded before; ms. */
  | { readonly kind: 'preprocess'; readonly picture: string }
  /** A whole turn in smart mode, from decoded picture to answer; ms. */
  | {
      readonly kind: 'answer';
      readonly picture: string;
      readonly question: string;
      readonly maxNewTokens: number;
    };

/** The result of a probe. */
export interface Sample {
  readonly ms: number;
  /** Other numbers by name, units in the names. */
  readonly details: Readonly<Record<string, number>>;
  /** The answer, where the probe asks for one. */
  readonly answer?: string;
}

/** An engine that is measured. Calls come one at a time. */
export interface EngineUnderTestApi {
  /** Loads a model. Throws whatever the engine throws. `onProgress` gets a few words now and then; an experiment concerns our engine alone. */
  load(
    source: FolderSource,
    backend: BackendChoice,
    onProgress: (doing: string) => void,
    experiment: Experiment,
  ): Promise<LoadedEngine>;
  /** Decodes a picture and keeps it under a name. */
  addPicture(name: string, file: Blob): Promise<void>;
  /** Measures one thing once. Throws whatever the engine throws. */
  measure(probe: Probe): Promise<Sample>;
  /** Memory in use now. */
  memory(): Promise<MemoryUse>;
}

/** Makes folders of random weights. */
export interface RandomFolderApi {
  /**
   * Files of a preset of some architecture, 4 bits a weight: `q4f16` where the backend computes in f16, `q4` elsewhere. `language`: URL of the
   * folder whose tokenizer and prompts it gets. Throws UsageError for an unknown preset.
   */
  randomFolder(preset: string, backend: BackendChoice, language: string): Promise<FolderSource>;
}
