/**
 * A runtime that computes the graphs it is asked to with our own kernels, and all others with the runtime it stands on. The
 * sessions have the names and meanings of the graphs they take the place of, so the engine does not know the difference.
 */
import type {
  DeviceRuntime as OnnxDeviceRuntime,
  Rows,
  Session,
  SessionFiles,
  Tensor,
  TensorData,
  TensorType,
} from '../onnx/runtime.ts';
import { CommandStream, type KernelTime } from './gpu/command-stream.ts';
import { Compiler } from './gpu/compiler.ts';
import { openDecoderSession } from './decoder/decoder-session.ts';
import type { DeviceRuntime } from './gpu/device-tensors.ts';
import { openEmbedSession } from './decoder/embed-session.ts';
import type { KernelGraph, KernelModel, KernelContext } from './context.ts';
import type { Tuning } from './gpu/tuning.ts';
import { Transposer } from './weights/transposer.ts';
import { openVisionSession } from './vision/vision-session.ts';
import { WeightStore } from './weights/weight-store.ts';

/** A runtime with kernels, whose kernels can be timed. */
export interface KernelRuntime extends OnnxDeviceRuntime {
  /** Whether all of its sessions are ours, each with a self-test: the model folder's own would say nothing about them. */
  readonly testsItself: boolean;
  /** Times every kernel while `work` runs; empty where the device has no timestamps. */
  time<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly times: ReadonlyMap<string, KernelTime> }>;
}

/** Puts kernels for `model` in front of `runtime`. */
export function createKernelRuntime(runtime: DeviceRuntime, model: KernelModel, tuning: Tuning): KernelRuntime {
  return new WithKernels(runtime, model, tuning);
}

/** If all of these are ours, the runtime underneath computes nothing. */
const ALL: readonly KernelGraph[] = ['decoder', 'embed_tokens', 'vision_encoder'];

class WithKernels implements KernelRuntime {
  readonly kind = 'device';
  readonly leavesThreadFree = true;
  readonly testsItself: boolean;
  readonly #runtime: DeviceRuntime;
  readonly #parts: KernelContext;

  constructor(runtime: DeviceRuntime, model: KernelModel, tuning: Tuning) {
    const { device } = runtime;
    this.#runtime = runtime;
    this.testsItself = ALL.every((graph) => [...model.graphs.values()].includes(graph));
    const compiler = new Compiler(device);
    const transposer = new Transposer(compiler);
    this.#parts = {
      runtime,
      model,
      tuning,
      compiler,
      stream: new CommandStream(device),
      weights: new WeightStore(device, transposer),
      transposer,
    };
  }

  createSession(files: SessionFiles): Promise<Session> {
    switch (this.#parts.model.graphs.get(files.path)) {
      case 'decoder':
        return openDecoderSession(this.#parts, files);
      case 'embed_tokens':
        return openEmbedSession(this.#parts, files);
      case 'vision_encoder':
        return openVisionSession(this.#parts, files);
      case undefined:
        return this.#runtime.createSession(files);
    }
  }

  notes(): readonly string[] {
    return [this.#parts.compiler.subgroupMatrices.describe()];
  }

  tensor(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return this.#runtime.tensor(type, data, dims);
  }

  upload(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return this.#runtime.upload(type, data, dims);
  }

  overwrite(tensor: Tensor, data: TensorData): void {
    this.#parts.stream.submit(); // what is recorded may read it
    this.#runtime.overwrite(tensor, data);
  }

  allocate(type: TensorType, dims: readonly number[]): Tensor {
    return this.#runtime.allocate(type, dims);
  }

  join(parts: readonly Rows[]): Promise<Tensor> {
    this.#parts.stream.submit();
    return this.#runtime.join(parts);
  }

  readLater(tensor: Tensor): Promise<TensorData> {
    this.#parts.stream.submit();
    return this.#runtime.readLater(tensor);
  }

  async time<T>(
    work: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly times: ReadonlyMap<string, KernelTime> }> {
    this.#parts.stream.startTiming();
    let times: ReadonlyMap<string, KernelTime> = new Map();
    try {
      return { result: await work(), times: (times = await this.#parts.stream.stopTiming()) };
    } finally {
      if (times.size === 0) await this.#parts.stream.stopTiming();
    }
  }

  dispose(): Promise<void> {
    return this.#runtime.dispose();
  }
}
