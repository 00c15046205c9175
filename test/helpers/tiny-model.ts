/** A golden checkpoint, converted and opened: the engine's components on Node, and the reference's results. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { openAsBlob } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import type { Dtype } from '../../src/converter/dtypes.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { EncodePace } from '../../src/conversation/encode-pace.ts';
import { ImageViews } from '../../src/conversation/image-views.ts';
import { DeviceQueue } from '../../src/engine/device-queue.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { createNodeImageDecoder } from '../../src/io/node/node-image-decoder.ts';
import { type ModelFolder, openModelFolder } from '../../src/architectures/model-folder.ts';
import { readManifest } from '../../src/model/read-manifest.ts';
import { filesFor } from '../../src/model/variant-files.ts';
import { createNodeRuntime } from '../../src/backends/onnx/node/node-runtime.ts';
import { openOnnxBackend } from '../../src/backends/onnx/onnx-backend.ts';
import type { HostRuntime } from '../../src/backends/onnx/runtime.ts';
import type { Backend } from '../../src/engine/backend.ts';

const GOLDEN = fileURLToPath(new URL('../golden/tiny/', import.meta.url));

/** Every golden checkpoint. */
export const TINY_NAMES = [
  'nested-tied-bf16',
  'flat-f16-sharded',
  'interleaved-f32',
  'rope-scaling-mixed',
  'one-layer-ungrouped',
  'head64-size-tied',
] as const;

/** A long array in golden.bin. */
export interface GoldenTensor {
  readonly dtype: 'f32' | 'i32';
  readonly shape: readonly number[];
  readonly offset: number;
}

/** One image of a case as the reference saw it. */
export interface GoldenImage {
  readonly size: readonly [number, number];
  readonly resized: readonly [number, number];
  readonly grid_thw: readonly [number, number, number];
  readonly tokens: number;
  readonly features: GoldenTensor;
}

/** One image with a question. */
export interface GoldenCase {
  readonly image: string;
  readonly question: string;
  readonly half: GoldenImage;
  readonly full: GoldenImage;
  readonly round1: {
    readonly ids: readonly number[];
    readonly logits: GoldenTensor;
    readonly logits_start: number;
    readonly greedy_ids: readonly number[];
    readonly next_position: number;
  };
  readonly round2: {
    readonly forced_text: string;
    readonly forced_ids: readonly number[];
    readonly ids: readonly number[];
    readonly position_ids: GoldenTensor;
    readonly logits: GoldenTensor;
    readonly greedy_ids: readonly number[];
  };
}

/** golden.json of a checkpoint, with its numbers. */
export interface Golden {
  readonly cases: readonly GoldenCase[];
  numbers(tensor: GoldenTensor): Float32Array | Int32Array;
}

/** Reads the reference's results for a checkpoint. */
export function readGolden(name: string): Golden {
  const { cases } = JSON.parse(readFileSync(join(GOLDEN, name, 'golden.json'), 'utf8')) as { cases: GoldenCase[] };
  const binary = readFileSync(join(GOLDEN, name, 'golden.bin'));
  return {
    cases,
    numbers({ dtype, shape, offset }) {
      const count = shape.reduce((a, b) => a * b, 1);
      const bytes = new Uint8Array(binary.subarray(offset, offset + count * 4));
      return dtype === 'f32' ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer);
    },
  };
}

/** Folder of a golden checkpoint. */
export function tinyCheckpoint(name: string): string {
  return join(GOLDEN, name, 'checkpoint');
}

/** Converts a golden checkpoint in a folder of its own, and returns the folder. */
export async function convertTiny(name: string, dtype: Dtype = 'fp32'): Promise<string> {
  const out = mkdtempSync(join(tmpdir(), `visionthink-${name}-`));
  await convertCheckpoint(nodeFolder(tinyCheckpoint(name)), nodeFolder(out), { dtype });
  return out;
}

/** The engine's components for a model folder. */
export interface ModelParts {
  readonly folder: ModelFolder;
  readonly runtime: HostRuntime;
  readonly backend: Backend;
  readonly queue: DeviceQueue;
  newDecoder(): Decoder;
  views(imagePath: string): Promise<ImageViews>;
}

/** Opens a model folder on Node. */
export async function openParts(directory: string): Promise<ModelParts> {
  const source = nodeFolder(directory);
  const manifest = await readManifest(source);
  const folder = await openModelFolder(source, manifest, { needed: filesFor(manifest, 'f32') });
  const runtime = createNodeRuntime(directory);
  const backend = await openOnnxBackend({ folder, variant: 'f32', runtime, onEvent: () => undefined });
  const queue = new DeviceQueue(backend.leavesThreadFree);
  let serial = 0;
  return {
    folder,
    runtime,
    backend,
    queue,
    newDecoder: () => new Decoder({ text: backend.text, contextLength: 4096, queue }),
    async views(imagePath) {
      const image = await createNodeImageDecoder().decode(await openAsBlob(imagePath));
      const nextSerial = (): number => serial++;
      const { processor } = folder;
      const views = new ImageViews({ processor, vision: backend.vision, queue, pace: new EncodePace(), nextSerial });
      views.add(image);
      return views;
    },
  };
}

/** Path of a case's image. */
export function tinyImage(name: string, { image }: GoldenCase): string {
  return join(GOLDEN, name, image);
}
