/// <reference types="vite/client" />
/** The page half of the test of pipelined decode: an engine's decoder on WebGPU, decoding pipelined and step by step. */
import { Decoder } from '../../src/engine/decoder.ts';
import { DeviceQueue } from '../../src/engine/device-queue.ts';
import { urlFolder } from '../../src/io/web/url-folder.ts';
import { openModelFolder } from '../../src/architectures/model-folder.ts';
import { readManifest } from '../../src/model/read-manifest.ts';
import { filesFor } from '../../src/model/variant-files.ts';
import { openOnnxBackend } from '../../src/backends/onnx/onnx-backend.ts';
import { requestDevice } from '../../src/backends/webgpu/gpu/adapter.ts';
import type { Ort } from '../../src/backends/onnx/web/ort-build.ts';
import { createWebGpuRuntime } from '../../src/backends/onnx/web/webgpu-runtime.ts';

const CAPACITY = 512;
const signal = new AbortController().signal;

/** Live GPU buffers, onnxruntime's included. */
let liveBuffers = 0;
/** Number of read-backs from the GPU. */
let readBacks = 0;

/** Starts counting. */
function count(): void {
  const { createBuffer } = GPUDevice.prototype;
  const { destroy, mapAsync } = GPUBuffer.prototype;
  const alive = new WeakSet<GPUBuffer>();
  GPUDevice.prototype.createBuffer = function (this: GPUDevice, descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    alive.add(buffer);
    liveBuffers++;
    return buffer;
  };
  GPUBuffer.prototype.destroy = function (this: GPUBuffer) {
    if (alive.delete(this)) liveBuffers--;
    return destroy.call(this);
  };
  GPUBuffer.prototype.mapAsync = function (this: GPUBuffer, ...range) {
    readBacks++;
    return mapAsync.apply(this, range);
  };
}

/** The decoders of a model folder on one device. */
interface Opened {
  readonly device: GPUDevice;
  newDecoder(inFlightDepth: number, contextLength?: number): Promise<Decoder>;
}

let opened: Promise<Opened> | undefined;

/** The page's model: opened once, since compiling it takes most of a test's time. */
function open(): Promise<Opened> {
  if (opened === undefined) count();
  opened ??= openModel();
  return opened;
}

async function openModel(): Promise<Opened> {
  const ort = (await import(/* @vite-ignore */ new URL('ort/ort.jspi.min.mjs', location.href).href)) as Ort;
  ort.env.wasm.wasmPaths = new URL('ort/', location.href).href;
  ort.env.wasm.numThreads = 1;
  const device = await requestDevice({ f16: false, subgroups: false });
  const runtime = createWebGpuRuntime(ort, device);
  const source = urlFolder('model/', location.href);
  const manifest = await readManifest(source);
  const folder = await openModelFolder(source, manifest, { needed: filesFor(manifest, 'f32') });
  const { text } = await openOnnxBackend({ folder, variant: 'f32', runtime, onEvent: () => undefined });
  const queue = new DeviceQueue(true);
  return {
    device,
    async newDecoder(inFlightDepth, contextLength = CAPACITY) {
      const decoder = new Decoder({ text, contextLength, queue, inFlightDepth });
      await decoder.reserve(0, CAPACITY);
      return decoder;
    },
  };
}

/** The tokens after `prompt`, pipelined where the decoder can, else step by step. Calls `onToken` for each. */
async function generate(decoder: Decoder, prompt: number[], tokens: number, onToken?: () => void): Promise<number[]> {
  const { greedy } = await decoder.prefill([{ kind: 'text', ids: prompt }], { signal, wantLogits: false });
  const ids = [greedy];
  readBacks = 0;
  if (decoder.canPipeline) {
    for await (const id of decoder.pipelined(greedy, { signal, most: CAPACITY, shouldContinue: () => true })) {
      onToken?.();
      if (ids.push(id) >= tokens) break;
    }
  }
  while (ids.length < tokens) ids.push(...(await decoder.step(ids.at(-1) ?? -1, { signal, wantLogits: false })).tokens);
  return ids;
}

Object.assign(globalThis, {
  /** The tokens after `prompt` on decoders of each in-flight depth; 0: not pipelined. */
  compare: async (prompt: number[], tokens: number, depths: number[]) => {
    const { device, newDecoder } = await open();
    const runs = [];
    for (const inFlightDepth of depths) {
      const decoder = await newDecoder(inFlightDepth);
      const ids = await generate(decoder, prompt, tokens);
      const { length } = decoder;
      await decoder.clear();
      await device.queue.onSubmittedWorkDone();
      runs.push({ inFlightDepth, ids, length, readBacks, liveBuffers });
    }
    return runs;
  },
  /** The tokens after `prompt`, half of them pipelined before the cache grows in place and half after it; and without growth. */
  grow: async (prompt: number[], tokens: number) => {
    const { newDecoder } = await open();
    const runs: number[][] = [];
    for (const grows of [false, true]) {
      const decoder = await newDecoder(4, 2 * CAPACITY);
      const ids = await generate(decoder, prompt, tokens / 2);
      if (grows) await decoder.reserve(0, 2 * CAPACITY);
      const options = { signal, most: tokens / 2, shouldContinue: () => true };
      for await (const id of decoder.pipelined(ids.at(-1) ?? -1, options)) ids.push(id);
      runs.push(ids);
      if (decoder.capacity !== (grows ? 2 : 1) * CAPACITY) throw new Error(`the capacity is ${decoder.capacity}`);
      await decoder.clear();
    }
    return runs;
  },
  /** The error of a pipelined decode whose device is lost after its first token. The page's model is lost with it. */
  lose: async (prompt: number[]) => {
    const { device, newDecoder } = await open();
    try {
      await generate(await newDecoder(4), prompt, CAPACITY, () => device.destroy());
      return 'no error';
    } catch (thrown) {
      return thrown instanceof Error ? thrown.name : String(thrown);
    }
  },
});
