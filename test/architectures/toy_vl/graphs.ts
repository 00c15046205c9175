/** The toy's graphs: the same pre-norm transformer layer in both towers, with LayerNorm, GELU and biases. */
import {
  DECODER,
  EMBED_TOKENS,
  pastKey,
  pastValue,
  presentKey,
  presentValue,
  VISION_ENCODER,
} from '../../../src/onnx/graph-names.ts';
import { DATA_TYPE } from '../../../src/onnx/graph-builder.ts';
import { embed, linear, MICROSOFT, oneLinear, vector } from '../../../src/onnx/layers.ts';
import type { GraphContext } from '../../../src/onnx/weight-layout.ts';
import { GRID, PATCH_ELEMENTS, type ToyConfig } from './toy-vl.ts';

/** Inputs of the vision encoder, i64 `[patches]` each. */
export const ROW_INDEX = 'row_index';
export const COLUMN_INDEX = 'column_index';

/** Epsilon of every LayerNorm. */
export const EPSILON = 1e-5;

const TO_THE_END = Number.MAX_SAFE_INTEGER;

/** Patches f32 `[patches, 192]` to features `[1, patches, hidden]`. */
export function buildVisionEncoder(context: GraphContext, toy: ToyConfig): void {
  const { graph, activations } = context;
  const { visionSize, visionHeads, visionDepth, hiddenSize } = toy;
  const pixels = graph.input(VISION_ENCODER.pixelValues, 'f32', ['num_patches', PATCH_ELEMENTS]);
  const rows = graph.input(ROW_INDEX, 'i64', ['num_patches']);
  const columns = graph.input(COLUMN_INDEX, 'i64', ['num_patches']);

  const typed = graph.node('Cast', [pixels], { attributes: { to: BigInt(DATA_TYPE[activations]) } });
  const patches = graph.node('Unsqueeze', [typed, graph.int64([0])]); // [1, patches, 192]
  let x = linear(context, patches, oneLinear('vision.patch', PATCH_ELEMENTS, visionSize, true)); // [1, patches, size]
  for (const [name, ids] of [
    ['rows', rows],
    ['columns', columns],
  ] as const) {
    const table = { tensor: `vision.${name}.weight`, rows: GRID, cols: visionSize };
    embed(context, table, ids, name); // [patches, size]
    x = graph.node('Add', [x, name]);
  }
  for (let i = 0; i < visionDepth; i++) {
    const sizes = { size: visionSize, intermediateSize: 2 * visionSize };
    x = layer(context, x, { name: `vision.layers.${i}`, ...sizes }, (qkv) => {
      const [q, k, v] = ['q', 'k', 'v'].map((part) => `vision.${i}.${part}`) as [string, string, string];
      const widths = graph.int64([visionSize, visionSize, visionSize]);
      graph.node('Split', [qkv, widths], { outputs: [q, k, v], attributes: { axis: -1n } });
      const heads = { num_heads: BigInt(visionHeads) };
      return graph.node('MultiHeadAttention', [q, k, v], { domain: MICROSOFT, attributes: heads });
    });
  }
  const normed = layerNorm(context, x, 'vision.norm', visionSize);
  const features = linear(context, normed, oneLinear('vision.projector', visionSize, hiddenSize, true));
  graph.node('Identity', [features], { outputs: [VISION_ENCODER.imageFeatures] });
  graph.output(VISION_ENCODER.imageFeatures, activations, [1, 'num_patches', hiddenSize]);
}

/** Ids `[1, seq]` to embeddings `[1, seq, hidden]`. */
export function buildEmbedTokens(context: GraphContext, { vocabSize, hiddenSize }: ToyConfig): void {
  const ids = context.graph.input(EMBED_TOKENS.inputIds, 'i64', [1, 'sequence']);
  const table = { tensor: 'text.embed.weight', rows: vocabSize, cols: hiddenSize };
  embed(context, table, ids, EMBED_TOKENS.inputsEmbeds);
  context.graph.output(EMBED_TOKENS.inputsEmbeds, context.activations, [1, 'sequence', hiddenSize]);
}

/** Embeddings and the cache to logits f32 `[1, n, vocab]` and the next token. */
export function buildDecoder(context: GraphContext, toy: ToyConfig): void {
  const { graph, activations } = context;
  const { hiddenSize, intermediateSize, numLayers, numHeads, headDim, vocabSize } = toy;
  let x = graph.input(DECODER.inputsEmbeds, activations, [1, 'sequence', hiddenSize]);
  const tables = [
    graph.input(DECODER.cosCache, activations, ['max_length', headDim / 2]),
    graph.input(DECODER.sinCache, activations, ['max_length', headDim / 2]),
  ];
  const lengths = [graph.input(DECODER.seqlensK, 'i32', [1]), graph.input(DECODER.totalSequenceLength, 'i32', [])];
  const start = graph.input(DECODER.logitsStart, 'i64', [1]);
  for (let i = 0; i < numLayers; i++) {
    x = layer(context, x, { name: `text.layers.${i}`, size: hiddenSize, intermediateSize }, (qkv) => {
      const past = [pastKey(i), pastValue(i)].map((name) =>
        graph.input(name, activations, [1, numHeads, 'past_length', headDim]),
      );
      for (const name of [presentKey(i), presentValue(i)]) {
        graph.output(name, activations, [1, numHeads, 'total_length', headDim]);
      }
      return graph.node('GroupQueryAttention', [qkv, '', '', ...past, ...lengths, ...tables], {
        domain: MICROSOFT,
        outputs: [`text.layers.${i}.attention`, presentKey(i), presentValue(i)],
        attributes: { num_heads: BigInt(numHeads), kv_num_heads: BigInt(numHeads), do_rotary: 1n },
      });
    });
  }
  const sliced = graph.node('Slice', [x, start, graph.int64([TO_THE_END]), graph.int64([1])]); // [1, n, hidden]
  const normed = layerNorm(context, sliced, 'text.norm', hiddenSize);
  const logits = linear(context, normed, oneLinear('text.head', hiddenSize, vocabSize, true));
  graph.node('ArgMax', [logits], { outputs: [DECODER.nextToken], attributes: { axis: -1n, keepdims: 0n } });
  graph.node('Cast', [logits], { outputs: [DECODER.logits], attributes: { to: BigInt(DATA_TYPE.f32) } });
  graph.output(DECODER.logits, 'f32', [1, 'kept', vocabSize]);
  graph.output(DECODER.nextToken, 'i64', [1, 'kept']);
}

/** y = x + attention(norm1(x)), then y + fc2(gelu(fc1(norm2(y)))). Shapes: x `[1, seq, size]`. */
function layer(
  context: GraphContext,
  x: string,
  { name, size, intermediateSize }: { readonly name: string; readonly size: number; readonly intermediateSize: number },
  attention: (qkv: string) => string,
): string {
  const { graph } = context;
  const first = layerNorm(context, x, `${name}.norm1`, size);
  const qkv = linear(context, first, oneLinear(`${name}.qkv`, size, 3 * size, true));
  const attended = linear(context, attention(qkv), oneLinear(`${name}.proj`, size, size, true));
  const middle = graph.node('Add', [x, attended]);
  const second = layerNorm(context, middle, `${name}.norm2`, size);
  const intermediate = linear(context, second, oneLinear(`${name}.fc1`, size, intermediateSize, true));
  const active = graph.node('Gelu', [intermediate], { domain: MICROSOFT });
  const fed = linear(context, active, oneLinear(`${name}.fc2`, intermediateSize, size, true));
  return graph.node('Add', [middle, fed]);
}

function layerNorm(context: GraphContext, x: string, name: string, size: number): string {
  const [weight, bias] = ['weight', 'bias'].map((of) => vector(context, [`${name}.${of}`], size)) as [string, string];
  return context.graph.node('LayerNormalization', [x, weight, bias], { attributes: { axis: -1n, epsilon: EPSILON } });
}
