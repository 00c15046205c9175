/** All graphs of a model folder: a set of ours for each type of activations, and those of transformers.js. Building them lays out the data files. */
import type { GraphBuilderFunction, ConvertibleModel, TransformersJsSupport } from '../architectures/architecture.ts';
import { activationsOf, type GraphName, GRAPHS, type Variant, type VariantName } from '../model/manifest.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { WeightLayout } from '../onnx/weight-layout.ts';
import { buildAttentionCheck } from './attention-check-graph.ts';
import type { Dtype } from './dtypes.ts';
import { TRANSFORMERS_JS_FOLDER, TRANSFORMERS_JS_GRAPHS, transformersJsGraphFile } from './layouts.ts';

/** Larger models are not unpacked on a CPU: they would need four bytes of memory per parameter. */
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
export function buildGraphs(layout: WeightLayout, model: ConvertibleModel, parameters: number): GraphSet[] {
  const { bits, activations } = layout.precision;
  const unpacked = bits !== null && parameters <= MAX_UNPACKED_PARAMETERS ? (['f32-unpacked'] as const) : [];
  return [...activations, ...unpacked].map((name) => buildVariant(layout, model, name));
}

function buildVariant(layout: WeightLayout, model: ConvertibleModel, variant: VariantName): GraphSet {
  const builders: Readonly<Record<GraphName, GraphBuilderFunction>> = {
    ...model.graphs,
    attention_check: (context) => buildAttentionCheck(context, model.config),
  };
  const files: GraphFile[] = [];
  const built = GRAPHS.map((name) => {
    const graph = new GraphBuilder(name);
    const unpack = variant === 'f32-unpacked';
    builders[name]({ graph, layout, file: name, activations: activationsOf(variant), unpack });
    const file = `${name}.${variant}.onnx`;
    files.push({ file, bytes: graph.finish() });
    return { file, data: graph.dataFiles };
  });
  const [vision_encoder, embed_tokens, decoder, attention_check] = built;
  if (!vision_encoder || !embed_tokens || !decoder || !attention_check) throw new Error('a graph was not built');
  return { name: variant, graphs: { vision_encoder, embed_tokens, decoder, attention_check }, files };
}

/** The graphs of transformers.js, over our data files: build them after ours. */
export function buildTransformersJsGraphs(
  layout: WeightLayout,
  { graphs }: TransformersJsSupport,
  dtype: Dtype,
): GraphFile[] {
  const activations = dtype === 'fp16' || dtype === 'q4f16' ? 'f16' : 'f32';
  return (['vision_encoder', 'embed_tokens', 'decoder'] as const).map((name) => {
    const graph = new GraphBuilder(TRANSFORMERS_JS_GRAPHS[name], TRANSFORMERS_JS_FOLDER);
    graphs[name]({ graph, layout, file: name, activations, unpack: false });
    return { file: transformersJsGraphFile(name, dtype), bytes: graph.finish() };
  });
}
