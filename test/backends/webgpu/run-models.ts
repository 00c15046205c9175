/**
 * Both towers of model folders by our kernels, on the driver that the environment names: `run-models.ts OUT ORDERS`, two files.
 * ORDERS holds an array of {@link Order}; an array of {@link Answers} is written. Models share a device, where a kernel that
 * several of them use is compiled once.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { openModelFolder } from '../../../src/architectures/model-folder.ts';
import { writeActivations } from '../../../src/backends/webgpu/gpu/activation-buffer.ts';
import { DEFAULT_TUNING, type Tuning } from '../../../src/backends/webgpu/gpu/tuning.ts';
import { BufferFeatures } from '../../../src/backends/webgpu/image-features.ts';
import { startDawn } from '../../../src/backends/webgpu/node/dawn.ts';
import { openWebGpuBackend } from '../../../src/backends/webgpu/webgpu-backend.ts';
import type { ImageFeatures } from '../../../src/engine/backend.ts';
import { Decoder } from '../../../src/engine/decoder.ts';
import { DeviceQueue } from '../../../src/engine/device-queue.ts';
import { nodeFolder } from '../../../src/io/node/node-folder.ts';
import { readManifest } from '../../../src/model/read-manifest.ts';
import { type Continuation, continuePrompt, lookAt, type Questions } from './model-questions.ts';
import { QUICKER } from './quicker.ts';

/** The model folder under test, and its options. */
export interface Order extends Questions {
  readonly folder: string;
  readonly activations: 'f32' | 'f16';
  readonly tuning?: Partial<Tuning>;
  /** Uses a device with subgroups. */
  readonly subgroups?: boolean;
}

/** The results of a model. */
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

const [out = '', orders = ''] = process.argv.slice(2);
const dawn = await startDawn(QUICKER);
/** Devices by whether they have subgroups. */
const devices = new Map<boolean, Promise<GPUDevice>>();
const errors: string[] = [];

async function makeDevice(subgroups: boolean): Promise<GPUDevice> {
  const device = await dawn.open({ f16: false, subgroups });
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
  return device;
}

async function answer(order: Order): Promise<Answers> {
  const { folder: path, activations, tuning, subgroups = false } = order;
  // 1. The device.
  const making = devices.get(subgroups) ?? makeDevice(subgroups);
  devices.set(subgroups, making);
  const device = await making;
  const threadsPerRow = subgroups ? device.adapterInfo.subgroupMinSize : DEFAULT_TUNING.threadsPerRow;
  const sizes = { ...DEFAULT_TUNING, threadsPerRow, ...tuning };
  // 2. The backend.
  const source = nodeFolder(path);
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

const answers: Answers[] = [];
for (const order of JSON.parse(readFileSync(orders, 'utf8')) as Order[]) answers.push(await answer(order));
writeFileSync(out, JSON.stringify(answers));
for (const device of devices.values()) (await device).destroy();
