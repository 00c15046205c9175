/// <reference types="vite/client" />
/** The page half of the kernels' test: the towers of a model folder by our kernels and by onnxruntime. */
import { Decoder } from '../../src/engine/decoder.ts';
import type { Segment } from '../../src/engine/segments.ts';
import { DeviceQueue } from '../../src/engine/stop.ts';
import { VisionEncoder } from '../../src/engine/vision-encoder.ts';
import { deviceBuffer, readBuffer } from '../../src/kernels/device-tensors.ts';
import type { KernelGraph } from '../../src/kernels/kernel-parts.ts';
import { createKernelRuntime } from '../../src/kernels/kernel-runtime.ts';
import { DEFAULT_TUNING, type Tuning } from '../../src/kernels/tuning.ts';
import { urlFolder } from '../../src/io/web/url-folder.ts';
import type { Geometry } from '../../src/model/geometry.ts';
import { openModelFolder, readManifest } from '../../src/model/model-folder.ts';
import { requestDevice } from '../../src/runtime/web/adapter.ts';
import { byteLength } from '../../src/runtime/ort-tensors.ts';
import type { Ort } from '../../src/runtime/web/ort-build.ts';
import { createWebGpuRuntime, type WebGpuRuntime } from '../../src/runtime/web/webgpu-runtime.ts';
import type { Runtime, Session } from '../../src/runtime/session.ts';
import { f16ToF32, f32ToF16 } from '../../src/shared/float16.ts';

const signal = new AbortController().signal;

/** Which folder computes, and how. */
interface Way {
  /** URL of the model folder, with a slash at its end. */
  readonly folder: string;
  readonly kernels: boolean;
  readonly activations: 'f32' | 'f16';
  readonly tuning?: Partial<Tuning>;
  /** On a device with subgroups, whose size rows are shared by then; onnxruntime computes wrongly on SwiftShader's. */
  readonly subgroups?: boolean;
}

/** What its language model is asked. */
export interface Order extends Way {
  readonly prompt: readonly number[];
  /** Tokens to give, in a chain and by drafts. */
  readonly tokens: number;
}

/** What its vision tower is shown: pictures of made-up pixels. */
export interface VisionOrder extends Way {
  /** Patches each is high and wide. */
  readonly grids: readonly (readonly [number, number])[];
}

/** What came of it. */
export interface VisionOutcome {
  /** Of each picture. */
  readonly features: readonly (readonly number[])[];
  readonly errors: readonly string[];
}

/** What came of it. */
export interface Outcome {
  /** Behind the prompt: in a chain, and verified as drafts of which every other one is wrong in its fourth token. */
  readonly chained: readonly number[];
  readonly drafted: readonly number[];
  /** Of the last token of the prompt, and of the last given. */
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly errors: readonly string[];
}

const GRAPHS: readonly KernelGraph[] = ['decoder', 'embed_tokens', 'vision_encoder'];

/** Visual tokens in the middle of every prompt. */
const GRID = { height: 3, width: 4 };

const errors: string[] = [];
const runtimes = new Map<boolean, Promise<WebGpuRuntime>>();

async function makeRuntime(subgroups: boolean): Promise<WebGpuRuntime> {
  const ort = (await import(/* @vite-ignore */ new URL('/ort/ort.jspi.min.mjs', location.href).href)) as Ort;
  ort.env.wasm.wasmPaths = new URL('/ort/', location.href).href;
  ort.env.wasm.numThreads = 1;
  const device = await requestDevice({ f16: false, subgroups });
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
  return createWebGpuRuntime(ort, device);
}

interface Opened {
  readonly plain: WebGpuRuntime;
  readonly runtime: Runtime;
  readonly geometry: Geometry;
  readonly session: (graph: KernelGraph) => Promise<Session>;
}

async function open({ folder: url, kernels, activations, tuning, subgroups = false }: Way): Promise<Opened> {
  const opening = runtimes.get(subgroups) ?? makeRuntime(subgroups);
  runtimes.set(subgroups, opening);
  const plain = await opening;
  const threadsPerRow = subgroups ? plain.device.adapterInfo.subgroupMinSize : DEFAULT_TUNING.threadsPerRow;
  const source = urlFolder(url, location.href);
  const manifest = await readManifest(source);
  const folder = await openModelFolder(
    source,
    manifest,
    () => true,
    () => undefined,
    true,
  );
  const { geometry } = manifest;
  const graphs = manifest.variants.find(({ name }) => name === activations)?.graphs;
  if (graphs === undefined) throw new Error(`no ${activations} graphs`);
  let runtime: Runtime = plain;
  if (kernels) {
    const { text, vision } = geometry;
    const files = new Map(GRAPHS.map((graph) => [graphs[graph].file, graph]));
    const model = { text, vision, activations, graphs: files };
    runtime = createKernelRuntime(plain, model, { ...DEFAULT_TUNING, threadsPerRow, ...tuning });
  }
  const cache = Array.from({ length: geometry.text.numLayers }, (_, i) => [`present.${i}.key`, `present.${i}.value`]);
  const onDevice = { decoder: cache.flat(), embed_tokens: ['inputs_embeds'], vision_encoder: ['image_features'] };
  const session = (graph: KernelGraph): Promise<Session> =>
    runtime.createSession({
      path: graphs[graph].file,
      graph: folder.blob(graphs[graph].file),
      data: graphs[graph].data.map((path) => ({ path, blob: folder.blob(path) })),
      deviceOutputs: onDevice[graph],
    });
  return { plain, runtime, geometry, session };
}

async function answer(order: Order): Promise<Outcome> {
  const { runtime, geometry, session } = await open(order);
  const sessions = { embedTokens: await session('embed_tokens'), decoder: await session('decoder') };
  const decoder = new Decoder(runtime, sessions, geometry, order.activations, 4096, new DeviceQueue(true));
  await decoder.reserve(0, 512);
  const { hiddenSize } = geometry.text;
  const invented = Float32Array.from({ length: GRID.height * GRID.width * hiddenSize }, (_, i) => Math.sin(i * i) / 20);
  const features = runtime.upload(
    order.activations === 'f16' ? 'float16' : 'float32',
    order.activations === 'f16' ? f32ToF16(invented) : invented,
    [1, GRID.height * GRID.width, hiddenSize],
  );
  const prompt: Segment[] = [
    { kind: 'text', ids: order.prompt.slice(0, 20) },
    { kind: 'image', serial: 0, grid: GRID, features: async () => features },
    { kind: 'text', ids: order.prompt.slice(20) },
  ];
  const start = await decoder.prefill(prompt, { signal, wantLogits: true });
  const chained = [start.greedy];
  for await (const id of decoder.chain(start.greedy, { signal, most: order.tokens - 1, goOn: () => true }))
    chained.push(id);
  await decoder.forget();
  await decoder.prefill(prompt, { signal, wantLogits: false });
  const drafted = [start.greedy];
  let last: Float32Array | null = null;
  for (let run = 0; drafted.length < order.tokens; run++) {
    const draft = chained
      .slice(drafted.length, drafted.length + 5)
      .map((id, i) => (run % 2 === 1 && i === 3 ? (id + 1) % 300 : id));
    const step = await decoder.step(drafted.at(-1) ?? -1, { signal, wantLogits: true, draft });
    drafted.push(...step.tokens);
    last = step.logits;
  }
  const outcome = {
    chained,
    drafted: drafted.slice(0, order.tokens),
    first: [...(start.logits ?? [])],
    last: [...(last ?? [])],
  };
  await decoder.clear();
  features.dispose();
  return { ...outcome, errors: errors.splice(0) };
}

async function look(order: VisionOrder): Promise<VisionOutcome> {
  const { plain, runtime, geometry, session } = await open(order);
  const encoderSession = await session('vision_encoder');
  const encoder = new VisionEncoder(runtime, encoderSession, geometry, order.activations);
  const features: number[][] = [];
  for (const [height, width] of order.grids) {
    const pixels = Float32Array.from({ length: height * width * 1176 }, (_, i) => 2 * Math.sin(i * i));
    const tensor = await encoder.encode(pixels, height, width);
    const bytes = await readBuffer(
      plain.device,
      deviceBuffer(plain, tensor, 'features'),
      byteLength(tensor.type, tensor.dims),
    );
    features.push([...(tensor.type === 'float16' ? f16ToF32(new Uint16Array(bytes)) : new Float32Array(bytes))]);
    tensor.dispose();
  }
  await encoderSession.release();
  return { features, errors: errors.splice(0) };
}

Object.assign(globalThis, { answer, look });
