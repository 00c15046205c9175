/**
 * Layouts of a model folder. `visionthink`: for our engine. `transformers.js`: the same, plus what transformers.js needs to
 * load the folder unchanged; both sets of graphs read the same data files, under the names that
 * transformers.js looks for. Source: @huggingface/transformers 4.3 src/utils/model-loader.js, src/utils/dtypes.js, src/configs.js.
 */
import { NamedError } from '../shared/errors.ts';
import type { JsonObject } from '../shared/json.ts';
import type { Dtype } from './dtypes.ts';
import type { DataFileName } from '../onnx/weight-layout.ts';

/** Every layout the converter writes. */
export const LAYOUTS = ['visionthink', 'transformers.js'] as const;

/** One of {@link LAYOUTS}. */
export type Layout = (typeof LAYOUTS)[number];

/** Parses a layout's name. Throws UsageError for any other string. */
export function parseLayout(name: string): Layout {
  const layout = LAYOUTS.find((known) => known === name);
  if (layout === undefined) {
    throw new NamedError('UsageError', `Unknown layout "${name}". Use one of: ${LAYOUTS.join(', ')}.`);
  }
  return layout;
}

/** transformers.js' names of our graphs. */
export const TRANSFORMERS_JS_GRAPHS = {
  vision_encoder: 'vision_encoder',
  embed_tokens: 'embed_tokens',
  decoder: 'decoder_model_merged',
} as const;

/** The folder transformers.js looks for graphs in. */
export const TRANSFORMERS_JS_FOLDER = 'onnx/';

/** What transformers.js appends to a graph's name for a dtype. */
const DTYPE_SUFFIX = { fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4', q4f16: '_q4f16' } as const;

/** The file of a graph of transformers.js. */
export function transformersJsGraphFile(graph: keyof typeof TRANSFORMERS_JS_GRAPHS, dtype: Dtype): string {
  return `${TRANSFORMERS_JS_FOLDER}${TRANSFORMERS_JS_GRAPHS[graph]}${DTYPE_SUFFIX[dtype]}.onnx`;
}

/** The data files' paths in a layout. */
export function dataFileName(layout: Layout, dtype: Dtype): DataFileName {
  return (graph, serial) => {
    if (
      layout === 'transformers.js' &&
      (graph === 'vision_encoder' || graph === 'embed_tokens' || graph === 'decoder')
    ) {
      return `${transformersJsGraphFile(graph, dtype)}_data${serial === 0 ? '' : `_${serial}`}`;
    }
    return `${graph}.data${serial === 0 ? '' : `.${serial}`}`;
  };
}

/** The entry of config.json that tells transformers.js the folder's dtype and how many data files each graph has. */
export function transformersJsFiles(dtype: Dtype, dataFiles: Iterable<string>): JsonObject {
  const counts = new Map<string, number>();
  for (const path of dataFiles) {
    const graph = /^onnx\/(.*\.onnx)_data(_\d+)?$/.exec(path)?.[1];
    if (graph !== undefined) counts.set(graph, (counts.get(graph) ?? 0) + 1);
  }
  return { 'transformers.js_config': { dtype, use_external_data_format: Object.fromEntries(counts) } };
}

/** The UsageError for an architecture whose graphs transformers.js would not load. */
export function noTransformersJs(modelType: string): NamedError {
  return new NamedError(
    'UsageError',
    `Models of the architecture ${modelType} have no transformers.js layout here. Use the layout visionthink.`,
  );
}
