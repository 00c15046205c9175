/** The context that both towers' kernels share: the device, its command stream, and the model's weights. */
import type { KernelConfig } from '../../architectures/architecture.ts';
import type { Activations } from '../../model/manifest.ts';
import { CommandStream } from './gpu/command-stream.ts';
import { Compiler } from './gpu/compiler.ts';
import type { Tuning } from './gpu/tuning.ts';
import { Transposer } from './weights/transposer.ts';
import { WeightStore } from './weights/weight-store.ts';

/** What the kernels need to know about a model. */
export interface KernelModel extends KernelConfig {
  /** Type of embeddings, features, rotary tables and the cache. */
  readonly activations: Activations;
}

/** What all kernels of one model on one device share. */
export interface KernelContext {
  readonly device: GPUDevice;
  readonly model: KernelModel;
  readonly tuning: Tuning;
  readonly compiler: Compiler;
  readonly stream: CommandStream;
  readonly weights: WeightStore;
  readonly transposer: Transposer;
}

/** An empty context: nothing is compiled, recorded or loaded yet. */
export function createContext(device: GPUDevice, model: KernelModel, tuning: Tuning): KernelContext {
  const compiler = new Compiler(device);
  const transposer = new Transposer(compiler);
  const stream = new CommandStream(device);
  return { device, model, tuning, compiler, stream, transposer, weights: new WeightStore(device, transposer) };
}
