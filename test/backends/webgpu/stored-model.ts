/** A model's graphs and data files as a folder stores them, written by the converter, with zeros for weights. */
import { buildGraphs } from '../../../src/converter/graph-sets.ts';
import { type Dtype, precisionOf } from '../../../src/converter/dtypes.ts';
import { WeightLayout } from '../../../src/onnx/weight-layout.ts';
import type { GraphName } from '../../../src/model/manifest.ts';
import type { KernelConfig, ConvertibleModel } from '../../../src/architectures/architecture.ts';
import { checkpointModel } from '../../../src/architectures/registry.ts';
import { PRESETS } from '../../../src/architectures/qwen2_5_vl/presets.ts';

/** The sizes of the preset `tiny`: two layers, two blocks. */
export function tinyModel(): Promise<ConvertibleModel> {
  const ids = { image_token_id: 5, vision_start_token_id: 6, vision_end_token_id: 7 };
  return checkpointModel({ ...ids, ...PRESETS.tiny.config }, { eos_token_id: 3 }).conversion();
}

/** The model as the kernels see it. */
export async function tinyKernels(): Promise<KernelConfig> {
  const { kernels } = await tinyModel();
  if (kernels === undefined) throw new Error('there are kernels for this architecture');
  return kernels;
}

/** Files of a folder. */
export interface StoredModel {
  /** Path of each graph. */
  readonly graphs: Readonly<Record<GraphName, { readonly file: string; readonly data: readonly string[] }>>;
  blob(path: string): Blob;
}

/** Stores a model of zeros. */
export function storeZeros(model: ConvertibleModel, dtype: Dtype): StoredModel {
  const layout = new WeightLayout(
    precisionOf(dtype, model.checkpoint.eightBitPrefixes),
    (graph, serial) => `${graph}.${serial}`,
  );
  const [variant] = buildGraphs(layout, model, 1e9);
  if (variant === undefined) throw new Error(`${dtype} has no graphs`);
  const files = new Map<string, Blob>(
    variant.files.map(({ file, bytes }) => [file, new Blob([new Uint8Array(bytes)])]),
  );
  const regions = layout.jobs.flatMap((job) => (job.kind === 'quantized' ? [job.weights, job.scales] : [job.to]));
  const lengths = new Map<string, number>();
  for (const { location, offset, length } of regions)
    lengths.set(location, Math.max(lengths.get(location) ?? 0, offset + length));
  for (const [location, length] of lengths) files.set(location, new Blob([new Uint8Array(length)]));
  return {
    graphs: variant.graphs,
    blob: (path) => files.get(path) ?? new Blob(),
  };
}
