/** What the sessions of the kernels have in common. */
import type { TextConfig } from '../../model/text-config.ts';
import type { VisionConfig } from '../../model/vision-config.ts';
import type { CommandStream } from './gpu/command-stream.ts';
import type { Compiler } from './gpu/compiler.ts';
import type { DeviceRuntime } from './gpu/device-tensors.ts';
import type { Tuning } from './gpu/tuning.ts';
import type { Transposer } from './weights/transposer.ts';
import type { WeightStore } from './weights/weight-store.ts';
import type { Stored } from './attention/cache-format.ts';

/** Graphs whose place the kernels can take. */
export type KernelGraph = 'decoder' | 'embed_tokens' | 'vision_encoder';

/** What the kernels must know of a model. */
export interface KernelModel {
  readonly text: TextConfig;
  readonly vision: VisionConfig;
  /** Type of the graphs' inputs and outputs, and of the cache. */
  readonly activations: Stored;
  /** The graph files whose place the kernels take, by path. */
  readonly graphs: ReadonlyMap<string, KernelGraph>;
}

/** What all sessions of the kernels share. */
export interface KernelContext {
  readonly runtime: DeviceRuntime;
  readonly model: KernelModel;
  readonly tuning: Tuning;
  readonly compiler: Compiler;
  readonly stream: CommandStream;
  readonly weights: WeightStore;
  readonly transposer: Transposer;
}
