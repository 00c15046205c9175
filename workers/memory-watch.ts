/**
 * Counts the memory that this thread holds by wrapping the few functions that allocate large blocks: WASM
 * memories, files read into the heap, buffers of a graphics device. For measuring only: no worker of the app uses it.
 */
import type { MemoryUse } from '../src/protocol/bench-api.ts';

/** Chromium's own count of the JavaScript heap, which other browsers lack. */
interface HeapPerformance {
  readonly memory?: { readonly usedJSHeapSize: number };
}

const SAMPLE_MS = 50;

/** Starts counting. Call it once per worker, before anything large is allocated. */
export function watchMemory(): () => MemoryUse {
  const wasm = watchWasm();
  const files = watchFiles();
  const gpu = watchBuffers();
  let heapPeak = 0;
  const sample = (): void => {
    const { memory } = performance as HeapPerformance;
    heapPeak = Math.max(heapPeak, files.bytes() + (memory?.usedJSHeapSize ?? 0));
  };
  setInterval(sample, SAMPLE_MS);
  files.onRead(sample);
  return () => {
    sample();
    return { wasmBytes: wasm(), heapPeakBytes: heapPeak, gpuBytes: gpu.bytes(), gpuPeakBytes: gpu.peak() };
  };
}

/** Gives the bytes of all WASM memories ever made here. */
function watchWasm(): () => number {
  const memories: WebAssembly.Memory[] = [];
  WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
    construct: (target, [descriptor]: [WebAssembly.MemoryDescriptor]) => {
      const memory = new target(descriptor);
      memories.push(memory);
      return memory;
    },
  });
  return () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}

/** Counts the buffers that responses and blobs are read into, until they are collected. */
function watchFiles(): { bytes: () => number; onRead: (sample: () => void) => void } {
  let bytes = 0;
  let sampleNow: () => void = () => undefined;
  const collected = new FinalizationRegistry<number>((size) => (bytes -= size));
  for (const type of [Response, Blob]) {
    const read = type.prototype.arrayBuffer;
    type.prototype.arrayBuffer = async function arrayBuffer(this: Response & Blob): Promise<ArrayBuffer> {
      const buffer = await read.call(this);
      bytes += buffer.byteLength;
      collected.register(buffer, buffer.byteLength);
      sampleNow();
      return buffer;
    };
  }
  return { bytes: () => bytes, onRead: (sample) => (sampleNow = sample) };
}

/** Counts the buffers of graphics devices, until they are destroyed or collected. */
function watchBuffers(): { bytes: () => number; peak: () => number } {
  let bytes = 0;
  let peak = 0;
  if (typeof GPUDevice === 'undefined') return { bytes: () => 0, peak: () => 0 };
  const alive = new Map<symbol, number>();
  const keys = new WeakMap<GPUBuffer, symbol>();
  const free = (key: symbol): void => {
    bytes -= alive.get(key) ?? 0;
    alive.delete(key);
  };
  const collected = new FinalizationRegistry<symbol>(free);

  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function create(descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    const key = Symbol('buffer');
    keys.set(buffer, key);
    alive.set(key, descriptor.size);
    collected.register(buffer, key);
    bytes += descriptor.size;
    peak = Math.max(peak, bytes);
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function destroyCounted() {
    const key = keys.get(this);
    if (key !== undefined) free(key);
    return destroy.call(this);
  };
  return { bytes: () => bytes, peak: () => peak };
}
