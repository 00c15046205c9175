/** Kernels on a device: pipelines, each made once, and the bind groups over them. */
import { NamedError } from '../../../shared/errors.ts';
import { SubgroupMatrices } from './subgroup-matrices.ts';
import type { Binding, Kernel, KernelChoice } from './kernel.ts';

/** A kernel that can be dispatched. */
export interface Compiled {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  /** Buffers in the order of the kernel's bindings. */
  bind(buffers: readonly GPUBuffer[]): GPUBindGroup;
}

const BUFFER_TYPE = { read: 'read-only-storage', read_write: 'storage', uniform: 'uniform' } as const;

/** A compiled kernel as serialisable data, for a debug page. */
export interface KernelDescription {
  readonly label: string;
  readonly choice: KernelChoice;
  /** The bindings' names and types, in order. */
  readonly bindings: readonly Binding[];
  readonly wgsl: string;
}

/** Compiles kernels for one device. */
export class Compiler {
  readonly device: GPUDevice;
  readonly subgroupMatrices: SubgroupMatrices;
  /** Whether kernels may compute in f16. */
  readonly hasF16: boolean;
  readonly #compiled = new Map<string, Promise<Compiled>>();
  readonly #descriptions: KernelDescription[] = [];

  constructor(device: GPUDevice) {
    this.device = device;
    this.subgroupMatrices = new SubgroupMatrices(device);
    this.hasF16 = device.features.has('shader-f16');
  }

  /** The kernel, compiled; equal sources are compiled once. Throws RuntimeUnavailableError when the device refuses it. */
  compile(kernel: Kernel): Promise<Compiled> {
    const known = this.#compiled.get(kernel.code);
    if (known !== undefined) return known;
    const compiling = this.#compile(kernel);
    this.#compiled.set(kernel.code, compiling);
    return compiling;
  }

  /** Every kernel compiled so far, in order of completion. */
  describe(): readonly KernelDescription[] {
    return [...this.#descriptions];
  }

  async #compile({ label, code, bindings, choice }: Kernel): Promise<Compiled> {
    const { device } = this;
    const entries = bindings.map(({ access }, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: BUFFER_TYPE[access] },
    }));
    // In an error scope, because a refused kernel is not a device failure: the pipeline's promise reports it.
    device.pushErrorScope('validation');
    const layout = device.createBindGroupLayout({ label, entries });
    const module = device.createShaderModule({ label, code });
    const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
    device.popErrorScope().catch(() => undefined);
    let pipeline: GPUComputePipeline;
    try {
      pipeline = await device.createComputePipelineAsync({
        label,
        layout: pipelineLayout,
        compute: { module, entryPoint: 'main' },
      });
    } catch (cause) {
      const { messages } = await module.getCompilationInfo();
      const why = messages.find(({ type }) => type === 'error')?.message ?? String(cause);
      throw new NamedError('RuntimeUnavailableError', `The kernel "${label}" does not compile here: ${why}`, { cause });
    }
    this.#descriptions.push({ label, choice, bindings, wgsl: code });
    return {
      label,
      pipeline,
      bind(buffers) {
        if (buffers.length !== entries.length) throw new RangeError(`${label} binds ${entries.length} buffers`);
        return device.createBindGroup({
          label,
          layout,
          entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
        });
      },
    };
  }
}
