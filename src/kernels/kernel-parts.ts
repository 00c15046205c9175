/** What the sessions of the kernels have in common. */
import type { TextGeometry } from '../model/text-geometry.ts';
import type { VisionGeometry } from '../model/vision-geometry.ts';
import type { CommandStream } from './command-stream.ts';
import type { Compiler } from './compiler.ts';
import type { DeviceRuntime } from './device-tensors.ts';
import type { Tuning } from './tuning.ts';
import type { Turner } from './turner.ts';
import type { WeightStore } from './weight-store.ts';
import type { Stored } from './wgsl/cache-format.ts';

/** Graphs whose place the kernels can take. */
export type KernelGraph = 'decoder' | 'embed_tokens' | 'vision_encoder';

/** What the kernels must know of a model. */
export interface KernelModel {
  readonly text: TextGeometry;
  readonly vision: VisionGeometry;
  /** Type of the graphs' inputs and outputs, and of the cache. */
  readonly activations: Stored;
  /** The graph files whose place the kernels take, by path. */
  readonly graphs: ReadonlyMap<string, KernelGraph>;
}

/** What all sessions of the kernels share. */
export interface KernelParts {
  readonly runtime: DeviceRuntime;
  readonly model: KernelModel;
  readonly tuning: Tuning;
  readonly compiler: Compiler;
  readonly stream: CommandStream;
  readonly weights: WeightStore;
  readonly turner: Turner;
}
