/** The engine on Node: a model folder on disk, onnxruntime-node on the CPU, f32 activations. */
import { fileURLToPath } from 'node:url';
import { Engine } from '../conversation/engine.ts';
import type { Backend } from '../engine/backend.ts';
import { nodeFolder } from '../io/node/node-folder.ts';
import { cpuVariant, type VariantName } from '../model/manifest.ts';
import { type ModelFolder, openModelFolder } from '../architectures/model-folder.ts';
import { readManifest } from '../model/read-manifest.ts';
import { filesFor } from '../model/variant-files.ts';
import { NamedError } from '../shared/errors.ts';
import { createNodeRuntime } from '../backends/onnx/node/node-runtime.ts';
import { openOnnxBackend } from '../backends/onnx/onnx-backend.ts';

/** The model folder that comes with the app. */
export const BUNDLED_MODEL = fileURLToPath(new URL('../../public/models/visionthink-nano', import.meta.url));

/** A model folder, the graphs of it that a CPU runs, and the backend that runs them. */
export interface NodeModel {
  readonly folder: ModelFolder;
  readonly variant: VariantName;
  readonly backend: Backend;
}

/** Opens the model folder at `directory`. Throws ModelFolderError, NumericCheckError. */
export async function openNodeModel(directory: string): Promise<NodeModel> {
  const source = nodeFolder(directory);
  const manifest = await readManifest(source);
  const variant = cpuVariant(manifest);
  if (variant === undefined) {
    throw new NamedError(
      'ModelFolderError',
      `${manifest.name} (${manifest.dtype}) has no f32 graphs, which a CPU needs.`,
    );
  }
  const folder = await openModelFolder(source, manifest, { needed: filesFor(manifest, variant) });
  const runtime = createNodeRuntime(directory);
  const backend = await openOnnxBackend({ folder, variant, runtime, onEvent: () => undefined });
  return { folder, variant, backend };
}

/** Loads the model folder at `directory`. Throws ModelFolderError, NumericCheckError. */
export async function openNodeEngine(directory: string): Promise<Engine> {
  return new Engine(await openNodeModel(directory));
}
