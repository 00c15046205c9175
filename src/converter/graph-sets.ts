/** All graphs of a model folder: ours, a set for each type of activations, and stock's. Building them lays out the data files. */
import type { ModelConfig } from '../model/model-config.ts';
import { activationsOf, type GraphName, GRAPHS, type Variant, type VariantName } from '../model/manifest.ts';
import { buildAttentionCheck } from './graphs/attention-check.ts';
import { buildDecoder, buildEmbedTokens } from './graphs/decoder.ts';
import { buildStockDecoder, buildStockEmbedTokens, buildStockVisionEncoder } from './graphs/transformers-js.ts';
import { buildVisionEncoder } from './graphs/vision-encoder.ts';
import { STOCK_FOLDER, STOCK_GRAPHS, stockGraphFile } from './layouts.ts';
import { GraphBuilder } from './onnx/graph-builder.ts';
import type { Dtype } from './precision.ts';
import type { GraphContext, WeightLayout } from './weight-layout.ts';

/** Larger models are not unpacked on a CPU: they would need four bytes of memory a parameter. */
const MAX_UNPACKED_PARAMETERS = 100e6;

/** A graph, ready to be written. */
export interface GraphFile {
  /** Path in the model folder. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** The graphs of one variant, and their files. */
export interface GraphSet extends Variant {
  readonly files: readonly GraphFile[];
}

/** Our graphs for every type of activations that the layout's precision names, and for small models on a CPU. */
export function buildGraphs(layout: WeightLayout, geometry: ModelConfig, parameters: number): GraphSet[] {
  const { bits, activations } = layout.precision;
  const unpacked = bits !== null && parameters <= MAX_UNPACKED_PARAMETERS ? (['f32-unpacked'] as const) : [];
  return [...activations, ...unpacked].map((name) => buildVariant(layout, geometry, name));
}

function buildVariant(layout: WeightLayout, geometry: ModelConfig, variant: VariantName): GraphSet {
  const builders: Record<GraphName, (context: GraphContext, geometry: ModelConfig) => void> = {
    vision_encoder: buildVisionEncoder,
    embed_tokens: buildEmbedTokens,
    decoder: buildDecoder,
    attention_check: buildAttentionCheck,
  };
  const files: GraphFile[] = [];
  const built = GRAPHS.map((name) => {
    const graph = new GraphBuilder(name);
    const unpack = variant === 'f32-unpacked';
    builders[name]({ graph, layout, file: name, activations: activationsOf(variant), unpack }, geometry);
    const file = `${name}.${variant}.onnx`;
    files.push({ file, bytes: graph.finish() });
    return { file, data: graph.dataFiles };
  });
  const [vision_encoder, embed_tokens, decoder, attention_check] = built;
  if (!vision_encoder || !embed_tokens || !decoder || !attention_check) throw new Error('a graph was not built');
  return { name: variant, graphs: { vision_encoder, embed_tokens, decoder, attention_check }, files };
}

/** Stock's graphs, over the data files of ours: to be built after these. */
export function buildStockGraphs(layout: WeightLayout, geometry: ModelConfig, dtype: Dtype): GraphFile[] {
  const builders = {
    vision_encoder: buildStockVisionEncoder,
    embed_tokens: buildStockEmbedTokens,
    decoder: buildStockDecoder,
  };
  const activations = dtype === 'fp16' || dtype === 'q4f16' ? 'f16' : 'f32';
  return (['vision_encoder', 'embed_tokens', 'decoder'] as const).map((name) => {
    const graph = new GraphBuilder(STOCK_GRAPHS[name], STOCK_FOLDER);
    builders[name]({ graph, layout, file: name, activations, unpack: false }, geometry);
    return { file: stockGraphFile(name, dtype), bytes: graph.finish() };
  });
}
