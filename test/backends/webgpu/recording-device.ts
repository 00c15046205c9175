/** A device that computes nothing: it accepts every kernel, records dispatches with their buffers, and tracks live buffers. */
import { beforeAll, vi } from 'vitest';

/** The properties in which devices differ. */
export interface Traits {
  readonly f16: boolean;
  /** Size of every subgroup; null: it has none. */
  readonly subgroupSize: number | null;
  readonly subgroupMatrices: boolean;
}

/** One dispatch. */
export interface RecordedDispatch {
  readonly label: string;
  /** Labels of the buffers, in the order of the bindings. */
  readonly buffers: readonly string[];
  readonly grid: readonly number[];
}

/** A copy from buffer to buffer, in bytes. */
export interface RecordedCopy {
  readonly from: string;
  readonly first: number;
  readonly to: string;
  readonly at: number;
  readonly length: number;
}

interface FakeGroup {
  readonly buffers: readonly string[];
}

/** WebGPU's constants for the tests of a file: Node has none. */
export function stubGpuConstants(): void {
  beforeAll(() => {
    vi.stubGlobal('GPUBufferUsage', { STORAGE: 1, COPY_SRC: 2, COPY_DST: 4, UNIFORM: 8, MAP_READ: 16 });
    vi.stubGlobal('GPUShaderStage', { COMPUTE: 4 });
    vi.stubGlobal('GPUMapMode', { READ: 1 });
    return () => vi.unstubAllGlobals();
  });
}

/** The device. */
export class RecordingDevice {
  /** The dispatches of each submit; empty where it only copies. */
  readonly submits: RecordedDispatch[][] = [];
  readonly copies: RecordedCopy[] = [];
  /** The buffers that are not destroyed. */
  readonly alive = new Set<{ readonly label: string }>();
  isDestroyed = false;
  readonly #traits: Traits;

  constructor(traits: Traits) {
    this.#traits = traits;
  }

  /** The submits since the last call. */
  take(): RecordedDispatch[][] {
    return this.submits.splice(0);
  }

  /** It as WebGPU's. */
  get device(): GPUDevice {
    const { f16, subgroupSize, subgroupMatrices } = this.#traits;
    const features = new Set<string>();
    if (f16) features.add('shader-f16');
    if (subgroupSize !== null) features.add('subgroups');
    if (subgroupMatrices) features.add('chromium-experimental-subgroup-matrix');
    const matrices = [{ componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 }];
    const device = {
      features,
      limits: {
        maxComputeWorkgroupStorageSize: 32_768,
        maxComputeWorkgroupsPerDimension: 65_535,
        maxBufferSize: 2 ** 32,
        maxStorageBufferBindingSize: 2 ** 32,
      },
      adapterInfo: {
        subgroupMinSize: subgroupSize ?? 4,
        subgroupMaxSize: subgroupSize ?? 128,
        subgroupMatrixConfigs: subgroupMatrices ? matrices : [],
      },
      pushErrorScope: () => undefined,
      popErrorScope: async () => null,
      createBindGroupLayout: () => ({}),
      createShaderModule: () => ({}),
      createPipelineLayout: () => ({}),
      createComputePipelineAsync: async ({ label }: { readonly label: string }) => ({ label }),
      createBindGroup: ({ entries }: { readonly entries: readonly { readonly resource: GPUBufferBinding }[] }) => ({
        buffers: entries.map(({ resource }) => resource.buffer.label),
      }),
      createBuffer: ({ label = '', size }: GPUBufferDescriptor) => this.#buffer(label, size),
      createCommandEncoder: () => this.#encoder(),
      queue: {
        submit: (buffers: readonly RecordedDispatch[][]) => this.submits.push(...buffers),
        writeBuffer: () => undefined,
        onSubmittedWorkDone: async () => undefined,
      },
      destroy: () => (this.isDestroyed = true),
    };
    return device as unknown as GPUDevice;
  }

  #buffer(label: string, size: number): object {
    const buffer = {
      label,
      size,
      destroy: () => this.alive.delete(buffer),
      mapAsync: async () => undefined,
      getMappedRange: () => new ArrayBuffer(size),
      unmap: () => undefined,
    };
    this.alive.add(buffer);
    return buffer;
  }

  #encoder(): object {
    const recorded: RecordedDispatch[] = [];
    return {
      beginComputePass: () => {
        let label = '';
        let buffers: readonly string[] = [];
        return {
          setPipeline: (pipeline: { readonly label: string }) => (label = pipeline.label),
          setBindGroup: (_: number, group: FakeGroup) => (buffers = group.buffers),
          dispatchWorkgroups: (...grid: number[]) => recorded.push({ label, buffers, grid }),
          end: () => undefined,
        };
      },
      copyBufferToBuffer: (from: GPUBuffer, first: number, to: GPUBuffer, ...[at, length]: [number, number]) =>
        this.copies.push({ from: from.label, first, to: to.label, at, length }),
      finish: () => recorded,
    };
  }
}
