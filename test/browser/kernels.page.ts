/// <reference types="vite/client" />
/** The page half of the kernels' test: both towers of a model folder by our kernels. */
import { Decoder } from '../../src/engine/decoder.ts';
import { DeviceQueue } from '../../src/engine/device-queue.ts';
import type { ImageFeatures } from '../../src/engine/backend.ts';
import { urlFolder } from '../../src/io/web/url-folder.ts';
import { Compiler } from '../../src/backends/webgpu/gpu/compiler.ts';
import { writeActivations } from '../../src/backends/webgpu/gpu/activation-buffer.ts';
import { readBuffer } from '../../src/backends/webgpu/gpu/readback.ts';
import { createContext, type KernelModel } from '../../src/backends/webgpu/context.ts';
import { BufferFeatures } from '../../src/backends/webgpu/image-features.ts';
import { openWebGpuBackend } from '../../src/backends/webgpu/webgpu-backend.ts';
import { testedFormats, testGemm } from '../../src/backends/webgpu/self-test/matmul-test.ts';
import { sized } from '../../src/backends/webgpu/gpu/sized-kernel.ts';
import { DEFAULT_TUNING, type Tuning } from '../../src/backends/webgpu/gpu/tuning.ts';
import { gemmF16Kernel } from '../../src/backends/webgpu/matmul/gemm-f16.ts';
import { gemmGrid } from '../../src/backends/webgpu/matmul/gemm.ts';
import { openModelFolder } from '../../src/architectures/model-folder.ts';
import { readManifest } from '../../src/model/read-manifest.ts';
import { requestDevice } from '../../src/backends/webgpu/gpu/adapter.ts';
import { deviceFailure } from '../../src/backends/webgpu/gpu/device-failure.ts';
import { messageOf } from '../../src/shared/errors.ts';
import { pause } from '../../src/shared/pause.ts';
import { type Continuation, continuePrompt, lookAt, type Questions } from './kernels-questions.ts';

/** The model folder under test, and its options. */
export interface Order extends Questions {
  /** URL of the model folder, with a slash at its end. */
  readonly folder: string;
  readonly activations: 'f32' | 'f16';
  readonly tuning?: Partial<Tuning>;
  /** Uses a device with subgroups. */
  readonly subgroups?: boolean;
}

/** The page's results. */
export interface Answers extends Continuation {
  /** The features of each picture. */
  readonly features: readonly (readonly number[])[];
  /** Name of the error for non-finite logits. */
  readonly overflow: string | null;
  /** Tokens of a short prompt, before that error and after it. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** The device's validation errors. */
  readonly errors: readonly string[];
}

/** The reported failure of a device after it refused a kernel, and after it refused a buffer. */
export interface Failures {
  /** The refusal of the kernel. */
  readonly refusal: string;
  readonly afterKernel: string | null;
  readonly afterBuffer: string | null;
}

const errors: string[] = [];
/** Devices by whether they have subgroups. */
const devices = new Map<boolean, Promise<GPUDevice>>();

async function makeDevice(subgroups: boolean): Promise<GPUDevice> {
  const device = await requestDevice({ f16: false, subgroups });
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
  return device;
}

async function answer(order: Order): Promise<Answers> {
  const { folder: url, activations, tuning, subgroups = false } = order;
  // 1. The device.
  const making = devices.get(subgroups) ?? makeDevice(subgroups);
  devices.set(subgroups, making);
  const device = await making;
  const threadsPerRow = subgroups ? device.adapterInfo.subgroupMinSize : DEFAULT_TUNING.threadsPerRow;
  const sizes = { ...DEFAULT_TUNING, threadsPerRow, ...tuning };
  // 2. The backend.
  const source = urlFolder(url, location.href);
  const folder = await openModelFolder(source, await readManifest(source), { isTrusted: true });
  const options = { device, folder, variant: activations, tuning: sizes, onEvent: () => undefined };
  const backend = await openWebGpuBackend(options);
  const { hiddenSize } = folder.manifest.config.text;
  const decoder = new Decoder({ text: backend.text, contextLength: 4096, queue: new DeviceQueue(true) });
  const invent = (tokens: number, value: (i: number) => number): ImageFeatures => {
    const values = Float32Array.from({ length: tokens * hiddenSize }, (_, i) => value(i));
    const features = new BufferFeatures(device, { tokens, hiddenSize, activations });
    writeActivations(device, features.buffer, values, activations);
    return features;
  };
  // 3. The questions.
  const features = await lookAt(backend.vision, order);
  const continuation = await continuePrompt(decoder, invent, order);
  // 4. An image with non-finite features and a long prompt after it, then a shorter prompt in their place.
  await decoder.reserve(0, 1024);
  const { signal } = new AbortController();
  const answerShortly = async (): Promise<number[]> => {
    const ids = order.prompt.slice(0, 12);
    const { greedy } = await decoder.prefill([{ kind: 'text', ids }], { signal, wantLogits: false });
    const tokens = [greedy];
    while (tokens.length < 4) {
      const step = await decoder.step(tokens.at(-1) ?? -1, { signal, wantLogits: false });
      tokens.push(...step.tokens);
    }
    return tokens;
  };
  const before = await answerShortly();
  const broken = invent(1, () => NaN);
  const image = { kind: 'image', serial: 1, grid: { height: 1, width: 1 }, features: async () => broken } as const;
  const behind = { kind: 'text', ids: order.prompt } as const;
  const asking = decoder.prefill([image, behind], { signal, wantLogits: false });
  const overflow = await asking.then(
    () => null,
    (thrown: unknown) => (thrown as Error).name,
  );
  const after = await answerShortly();
  await decoder.clear();
  return { ...continuation, features, overflow, before, after, errors: errors.splice(0) };
}

async function fail(): Promise<Failures> {
  const device = await requestDevice({ f16: false, subgroups: false });
  const failure = deviceFailure(device);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const small = device.createBuffer({ size: 16, usage });
  /** The failure as an engine learns of it: after reading a result. */
  const known = async (): Promise<string | null> => {
    await readBuffer(device, small, 16);
    return Promise.race([failure, pause(0).then(() => null)]);
  };
  const compiling = new Compiler(device).compile({
    label: 'nonsense',
    code: 'fn main( {',
    bindings: [],
    choice: { algorithm: 'none' },
  });
  const refusal = await compiling.then(() => '', messageOf);
  const afterKernel = await known();
  device.createBuffer({ size: 2 * device.limits.maxBufferSize, usage });
  const afterBuffer = await known();
  device.destroy();
  return { refusal, afterKernel, afterBuffer };
}

/**
 * GEMM in f16 on a device without f16: the same kernel with f16 arithmetic replaced by f32, while values are still stored in two
 * bytes each. This checks everything except f16's rounding of sums. Returns the number of changed kernels.
 */
async function multiplyInF16(): Promise<number> {
  const device = await requestDevice({ f16: false, subgroups: false });
  const createShaderModule = device.createShaderModule.bind(device);
  let changed = 0;
  device.createShaderModule = ({ code, ...more }) => {
    if (code.startsWith('enable f16;')) changed++;
    const inF32 = code
      .replace('enable f16;', '')
      .replaceAll('bitcast<vec2<f16>>(', 'unpack2x16float(')
      .replaceAll('bitcast<u32>((unpack2x16float(', 'pack2x16float((unpack2x16float(')
      .replaceAll('vec2<f16>', 'vec2<f32>')
      .replaceAll(/(\d\.\d+)h/g, '$1');
    return createShaderModule({ code: inF32, ...more });
  };
  // Arbitrary sizes: runs the GEMMs alone.
  const parts = createContext(device, {} as KernelModel, DEFAULT_TUNING);
  const tile = { tokens: 16, rows: 32, tokensPerThread: 4, rowsPerThread: 4, depth: 8 } as const;
  const stored = (['q4', 'q8'] as const).flatMap((kind) =>
    (['f16', 'f32'] as const).map((floats) => ({ kind, floats, rows: 1, cols: 1 })),
  );
  for (const matrix of testedFormats(stored)) {
    const spec = { label: 'GEMM, f16', matrix, epilogue: 'store', bias: true, tile } as const;
    const compiled = await parts.compiler.compile(gemmF16Kernel(spec));
    const step = sized(compiled, (tokens) => gemmGrid(spec, tokens));
    await testGemm(parts, { step, format: matrix, tokens: 37 });
  }
  device.destroy();
  return changed;
}

Object.assign(globalThis, { answer, fail, multiplyInF16 });
