/// <reference types="vite/client" />
/** The page half of the kernels' test: both towers of a model folder by our kernels. */
import { Decoder } from '../../src/engine/decoder.ts';
import { DeviceQueue } from '../../src/engine/stop.ts';
import { VisionEncoder } from '../../src/engine/vision-encoder.ts';
import { urlFolder } from '../../src/io/web/url-folder.ts';
import { deviceBuffer, readBuffer } from '../../src/kernels/device-tensors.ts';
import type { KernelGraph } from '../../src/kernels/kernel-parts.ts';
import { createKernelRuntime } from '../../src/kernels/kernel-runtime.ts';
import { DEFAULT_TUNING, type Tuning } from '../../src/kernels/tuning.ts';
import { openModelFolder } from '../../src/model/model-folder.ts';
import { readManifest } from '../../src/model/read-manifest.ts';
import { byteLength } from '../../src/runtime/ort-tensors.ts';
import type { Session, Tensor } from '../../src/runtime/session.ts';
import { requestDevice } from '../../src/runtime/web/adapter.ts';
import type { Ort } from '../../src/runtime/web/ort-build.ts';
import { createWebGpuRuntime, type WebGpuRuntime } from '../../src/runtime/web/webgpu-runtime.ts';
import { f16ToF32 } from '../../src/shared/float16.ts';
import { type Continuation, continuePrompt, lookAt, type Questions } from './kernels-questions.ts';

/** Which folder is asked, and how it computes. */
export interface Order extends Questions {
  /** URL of the model folder, with a slash at its end. */
  readonly folder: string;
  readonly activations: 'f32' | 'f16';
  readonly tuning?: Partial<Tuning>;
  /** On a device with subgroups, whose size rows are shared by then. */
  readonly subgroups?: boolean;
}

/** What came of it. */
export interface Answers extends Continuation {
  /** Of each picture. */
  readonly features: readonly (readonly number[])[];
  /** Name of the error that numbers which are none lead to. */
  readonly overflow: string | null;
  /** What the device complained of. */
  readonly errors: readonly string[];
}

const GRAPHS: readonly KernelGraph[] = ['decoder', 'embed_tokens', 'vision_encoder'];
const errors: string[] = [];
const runtimes = new Map<boolean, Promise<WebGpuRuntime>>();

async function makeRuntime(subgroups: boolean): Promise<WebGpuRuntime> {
  // Only its tensors: no graph runs here.
  const ort = (await import(/* @vite-ignore */ new URL('/ort/ort.jspi.min.mjs', location.href).href)) as Ort;
  const device = await requestDevice({ f16: false, subgroups });
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
  return createWebGpuRuntime(ort, device);
}

async function answer(order: Order): Promise<Answers> {
  const { folder: url, activations, tuning, subgroups = false } = order;
  // 1. The runtime.
  const opening = runtimes.get(subgroups) ?? makeRuntime(subgroups);
  runtimes.set(subgroups, opening);
  const plain = await opening;
  const { device } = plain;
  const source = urlFolder(url, location.href);
  const manifest = await readManifest(source);
  const graphs = manifest.variants.find(({ name }) => name === activations)?.graphs;
  if (graphs === undefined) throw new Error(`no ${activations} graphs`);
  const { text, vision } = manifest.geometry;
  const files = new Map(GRAPHS.map((graph) => [graphs[graph].file, graph]));
  const threadsPerRow = subgroups ? device.adapterInfo.subgroupMinSize : DEFAULT_TUNING.threadsPerRow;
  const sizes = { ...DEFAULT_TUNING, threadsPerRow, ...tuning };
  const runtime = createKernelRuntime(plain, { text, vision, activations, graphs: files }, sizes);
  // 2. Its sessions.
  const all = [() => true, () => undefined, true] as const; // every file, unread
  const folder = await openModelFolder(source, manifest, ...all);
  const session = (graph: KernelGraph): Promise<Session> =>
    runtime.createSession({
      path: graphs[graph].file,
      graph: folder.blob(graphs[graph].file),
      data: graphs[graph].data.map((path) => ({ path, blob: folder.blob(path) })),
      deviceOutputs: [],
    });
  const sessions = { embedTokens: await session('embed_tokens'), decoder: await session('decoder') };
  const decoder = new Decoder(runtime, sessions, manifest.geometry, activations, 4096, new DeviceQueue(true));
  const encoder = new VisionEncoder(runtime, await session('vision_encoder'), manifest.geometry, activations);
  // 3. The questions.
  const read = async (tensor: Tensor): Promise<Float32Array> => {
    const length = byteLength(tensor.type, tensor.dims);
    const bytes = await readBuffer(device, deviceBuffer(plain, tensor, 'features'), length);
    return tensor.type === 'float16' ? f16ToF32(new Uint16Array(bytes)) : new Float32Array(bytes);
  };
  const features = await lookAt(encoder, order, read);
  const continuation = await continuePrompt(decoder, runtime, text, activations, order);
  // 4. An image whose features are none.
  await decoder.reserve(0, 512);
  const [type, none] =
    activations === 'f16'
      ? (['float16', new Uint16Array(text.hiddenSize).fill(0x7e00)] as const)
      : (['float32', new Float32Array(text.hiddenSize).fill(NaN)] as const);
  const broken = runtime.upload(type, none, [1, 1, text.hiddenSize]);
  const image = { kind: 'image', serial: 1, grid: { height: 1, width: 1 }, features: async () => broken } as const;
  const asking = decoder.prefill([image], { signal: new AbortController().signal, wantLogits: false });
  const overflow = await asking.then(
    () => null,
    (thrown: unknown) => (thrown as Error).name,
  );
  await decoder.clear();
  return { ...continuation, features, overflow, errors: errors.splice(0) };
}

Object.assign(globalThis, { answer });
