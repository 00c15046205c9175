/// <reference types="vite/client" />
/** The page half of the decode chain's test: an engine's decoder on WebGPU, asked for tokens in chains and one by one. */
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

/** GPU buffers that were made and not destroyed, onnxruntime's included. */
let liveBuffers = 0;
/** How often anything was read back from the GPU. */
let readBacks = 0;

/** Counts from now on. */
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
async function open(): Promise<{ device: GPUDevice; newDecoder: (inFlightDepth: number) => Promise<Decoder> }> {
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
    async newDecoder(inFlightDepth) {
      const decoder = new Decoder({ text, contextLength: CAPACITY, queue, inFlightDepth });
      await decoder.reserve(0, CAPACITY);
      return decoder;
    },
  };
}

/** The tokens behind `prompt`, in a chain where the decoder can, else one by one. `onToken` hears of each. */
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
  /** The tokens behind `prompt` on decoders that look so many steps ahead, 0: none. */
  compare: async (prompt: number[], tokens: number, lookAheads: number[]) => {
    count();
    const { device, newDecoder } = await open();
    const runs = [];
    for (const lookAhead of lookAheads) {
      const decoder = await newDecoder(lookAhead);
      const ids = await generate(decoder, prompt, tokens);
      const { length } = decoder;
      await decoder.clear();
      await device.queue.onSubmittedWorkDone();
      runs.push({ lookAhead, ids, length, readBacks, liveBuffers });
    }
    return runs;
  },
  /** What a chain ends with whose device goes away after its first token. */
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
