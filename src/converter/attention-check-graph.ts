/**
 * A tiny graph with no weights: the two attention operators in the model's own head sizes. The self-test at
 * load runs it and compares with the scalar reference, because some drivers compute attention wrongly without an error.
 */
import { ATTENTION_CHECK as NAMES } from '../onnx/graph-names.ts';
import type { ModelConfig } from '../model/model-config.ts';
import type { GraphContext } from '../onnx/weight-layout.ts';
import { MICROSOFT } from '../onnx/layers.ts';

/** Builds the self-test's graph into `context`. */
export function buildAttentionCheck({ graph, activations }: GraphContext, { text, vision }: ModelConfig): void {
  const { numHeads, numKvHeads, headDim } = text;
  const cacheDims = [1, numKvHeads, 'past_length', headDim];
  const presentDims = [1, numKvHeads, 'total_length', headDim];
  const qkv = graph.input(NAMES.packedQkv, activations, [1, 'sequence', (numHeads + 2 * numKvHeads) * headDim]);
  const past = [
    graph.input(NAMES.pastKey, activations, cacheDims),
    graph.input(NAMES.pastValue, activations, cacheDims),
  ];
  const seqlensK = graph.input(NAMES.seqlensK, 'i32', [1]);
  const totalLength = graph.input(NAMES.totalSequenceLength, 'i32', []);
  const rotary = [
    graph.input(NAMES.cosCache, activations, ['max_length', headDim / 2]),
    graph.input(NAMES.sinCache, activations, ['max_length', headDim / 2]),
  ];
  graph.node('GroupQueryAttention', [qkv, '', '', ...past, seqlensK, totalLength, ...rotary], {
    domain: MICROSOFT,
    outputs: [NAMES.attention, NAMES.presentKey, NAMES.presentValue],
    attributes: { num_heads: BigInt(numHeads), kv_num_heads: BigInt(numKvHeads), do_rotary: 1n },
  });
  graph.output(NAMES.attention, activations, [1, 'sequence', numHeads * headDim]);
  graph.output(NAMES.presentKey, activations, presentDims);
  graph.output(NAMES.presentValue, activations, presentDims);

  const windowDims = ['windows', 'window_patches', vision.hiddenSize];
  const windowed = [NAMES.visionQuery, NAMES.visionKey, NAMES.visionValue].map((name) =>
    graph.input(name, activations, windowDims),
  );
  const bias = graph.input(NAMES.visionBias, activations, ['windows', 1, 'window_patches', 'window_patches']);
  graph.node('MultiHeadAttention', [...windowed, '', '', bias], {
    domain: MICROSOFT,
    outputs: [NAMES.visionAttention],
    attributes: { num_heads: BigInt(vision.numHeads) },
  });
  graph.output(NAMES.visionAttention, activations, windowDims);
}
