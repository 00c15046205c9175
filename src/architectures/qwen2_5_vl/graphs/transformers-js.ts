/**
 * The graphs for transformers.js: its input and output names, 3-D positions as an input, a growing
 * cache, logits for the whole vocabulary, window order and rotary angles computed in the graph. The layers and their
 * weights are the same as ours, so one folder serves both. Inputs and outputs are f32, the cache has the activations' type.
 * Source: @huggingface/transformers 4.3 src/models/qwen2_vl/modeling_qwen2_vl.js, src/models/modeling_utils.js
 * (generic_text_to_text_forward, addPastKeyValues); transformers modeling_qwen2_5_vl.py.
 */
import type { QwenConfig } from '../config.ts';
import { patchElements } from '../../../model/vision-config.ts';
import { inverseFrequencies } from '../../../model/rotary.ts';
import { VISION_ROPE_THETA } from '../vision-config.ts';
import { DATA_TYPE, type ElementType } from '../../../onnx/graph-builder.ts';
import type { GraphContext } from '../../../onnx/weight-layout.ts';
import { cachedAttention, embedIds, head, textLayers } from './decoder.ts';
import { MICROSOFT } from '../../../onnx/layers.ts';
import { attend, visionTower } from './vision-encoder.ts';

/** INT64_MAX would do; this is the largest integer a double holds exactly. */
const TO_THE_END = Number.MAX_SAFE_INTEGER;
/** Large enough to vanish after softmax, small enough for f16. */
const MASKED = -30000;

/** input_ids `[batch, seq]` to inputs_embeds f32 `[batch, seq, hidden]`. */
export function buildTransformersJsEmbedTokens(context: GraphContext, config: QwenConfig): void {
  const { graph } = context;
  const ids = graph.input('input_ids', 'i64', ['batch_size', 'sequence_length']);
  embedIds(context, config, ids, 'embeds');
  castTo(context, 'embeds', 'f32', 'inputs_embeds');
  graph.output('inputs_embeds', 'f32', ['batch_size', 'sequence_length', config.text.hiddenSize]);
}

/** pixel_values f32 `[patches, 1176]` and image_grid_thw i64 `[images, 3]` to image_features f32 `[groups, hidden]`. */
export function buildTransformersJsVisionEncoder(context: GraphContext, config: QwenConfig): void {
  const { graph, activations } = context;
  const { vision } = config;
  const pixels = graph.input('pixel_values', 'f32', ['num_patches', patchElements(config.vision)]);
  const grid = graph.input('image_grid_thw', 'i64', ['num_images', 3]);
  const int = (value: number): string => graph.int64([value]);
  const op = (name: string, ...inputs: string[]): string => graph.node(name, inputs);
  const cast = (value: string, type: ElementType): string => castTo(context, value, type);
  const merge = vision.spatialMergeSize;

  // 1. Groups in image order: the image, row, column and window each lies in.
  const [heights, widths] = [1, 2].map((axis) => {
    const patches = op('Reshape', op('Slice', grid, int(axis), int(axis + 1), int(1)), int(-1));
    return op('Div', patches, int(merge)); // [images]
  }) as [string, string];
  const counts = op('Mul', heights, widths);
  const ends = op('CumSum', counts, graph.int64([0], true));
  const starts = op('Sub', ends, counts);
  const total = op('ReduceSum', counts, int(0)); // [1]
  const scalar = (value: string): string => graph.node('Squeeze', [value, int(0)]);
  const group = op('Range', graph.int64([0], true), scalar(total), graph.int64([1], true)); // [groups]
  const isPast = op('GreaterOrEqual', op('Unsqueeze', group, int(1)), op('Unsqueeze', ends, int(0))); // [groups, images]
  const image = graph.node('ReduceSum', [cast(isPast, 'i64'), int(1)], { attributes: { keepdims: 0n } });
  const ofImage = (values: string): string => graph.node('Gather', [values, image], { attributes: { axis: 0n } });
  const place = op('Sub', group, ofImage(starts));
  const width = ofImage(widths);
  const row = op('Div', place, width);
  const column = op('Sub', place, op('Mul', row, width));
  const side = Math.floor(vision.windowSize / merge / vision.patchSize);
  const windowColumns = op('Div', op('Add', width, int(side - 1)), int(side));
  const inImage = op('Add', op('Mul', op('Div', row, int(side)), windowColumns), op('Div', column, int(side)));
  const window = op('Add', inImage, ofImage(starts)); // unique, because an image has no more windows than groups

  // 2. Window order: by window, then by place in the image. The keys are unique, so sorting them is stable.
  const sorted = (keys: string): string => {
    const outputs = [`${keys}.sorted`, `${keys}.order`];
    graph.node('TopK', [keys, total], { outputs, attributes: { axis: 0n, largest: 0n, sorted: 1n } });
    return outputs[1] ?? '';
  };
  const windowIndex = sorted(op('Add', op('Mul', window, total), group));
  const reverseIndex = sorted(windowIndex);
  const inOrder = (values: string): string => graph.node('Gather', [values, windowIndex], { attributes: { axis: 0n } });

  // 3. Rotary angles of patches, in window order.
  const corner = Array.from({ length: merge * merge }, (_, i) => i);
  const patchesOf = (places: string, offsets: readonly number[]): string => {
    const first = op('Mul', op('Unsqueeze', inOrder(places), int(1)), int(merge)); // [groups, 1]
    return op('Reshape', op('Add', first, graph.int64(offsets)), int(-1));
  };
  const half = vision.headDim / 2;
  const inverse = [...inverseFrequencies(VISION_ROPE_THETA, half)];
  const rotated = [
    patchesOf(
      row,
      corner.map((i) => Math.floor(i / merge)),
    ),
    patchesOf(
      column,
      corner.map((i) => i % merge),
    ),
  ].map((positions) =>
    op('Mul', op('Unsqueeze', cast(positions, 'f32'), int(1)), graph.float32('inverse_frequencies', inverse)),
  );
  const angles = graph.node('Concat', rotated, { attributes: { axis: 1n } }); // [patches, headDim / 2]
  const cos = cast(op('Cos', angles), activations);
  const sin = cast(op('Sin', angles), activations);

  // 4. Attention over all patches, with a bias that masks those of other windows or images.
  const zeros = graph.int64(new Array<number>(merge * merge).fill(0));
  const sameOnly = (of: string): string => {
    const ids = op('Reshape', op('Add', op('Unsqueeze', inOrder(of), int(1)), zeros), int(-1));
    const perPatch = cast(ids, 'f32');
    const same = op('Equal', op('Unsqueeze', perPatch, int(1)), op('Unsqueeze', perPatch, int(0))); // [patches, patches]
    const bias = cast(op('Where', same, graph.float32('seen', [0]), graph.float32('hidden', [MASKED])), activations);
    return op('Unsqueeze', bias, graph.int64([0, 1]));
  };
  const windowBias = sameOnly(window);
  const features = visionTower(context, config, pixels, {
    windowIndex,
    reverseIndex,
    cos,
    sin,
    inWindows: (query, key, value) => attend(context, config, [query, key, value], windowBias),
    imageBias: sameOnly(image),
  });
  castTo(context, features, 'f32', 'image_features');
  graph.output('image_features', 'f32', ['num_groups', vision.outHiddenSize]);
}

/**
 * inputs_embeds f32 `[1, seq, hidden]`, attention_mask i64 `[1, total]`, position_ids i64 `[3, 1, seq]`,
 * num_logits_to_keep i64 scalar (0: all) and the past to logits f32 `[1, kept, vocab]` and the present. One sequence.
 */
export function buildTransformersJsDecoder(context: GraphContext, config: QwenConfig): void {
  const { graph, activations } = context;
  const { text } = config;
  const { hiddenSize, numHeads, numKvHeads, headDim } = text;
  const embeds = graph.input('inputs_embeds', 'f32', ['batch_size', 'sequence_length', hiddenSize]);
  const mask = graph.input('attention_mask', 'i64', ['batch_size', 'total_sequence_length']);
  const positions = graph.input('position_ids', 'i64', [3, 'batch_size', 'sequence_length']);
  const keep = graph.input('num_logits_to_keep', 'i64', []);
  const cast = (value: string, type: ElementType): string => castTo(context, value, type);

  // 1. M-RoPE: every frequency rotates with the position of its own axis.
  const inverse = [...inverseFrequencies(text.ropeTheta, headDim)];
  const axes = text.mropeSection.flatMap((size, section) => new Array<number>(size).fill(section % 3));
  const flat = graph.node('Reshape', [cast(positions, 'f32'), graph.int64([3, -1])]); // [3, seq]
  const chosen = graph.node('Gather', [flat, graph.int64(axes)], { attributes: { axis: 0n } }); // [half, seq]
  const bySlot = graph.node('Transpose', [chosen], { attributes: { perm: [1n, 0n] } });
  const angles = graph.node('Mul', [bySlot, graph.float32('inverse_frequencies', inverse)]);
  const cos = cast(graph.node('Cos', [angles]), activations);
  const sin = cast(graph.node('Sin', [angles]), activations);

  // 2. Lengths, from the mask.
  const tokens = graph.node('ReduceSum', [mask, graph.int64([1])], { attributes: { keepdims: 0n } });
  const seqlensK = cast(graph.node('Sub', [tokens, graph.int64([1])]), 'i32');
  const shape = graph.node('Shape', [mask]);
  const total = cast(graph.node('Gather', [shape, graph.int64([1], true)], { attributes: { axis: 0n } }), 'i32');

  // 3. Layers.
  const cacheDims = ['batch_size', numKvHeads, 'past_sequence_length', headDim];
  const presentDims = ['batch_size', numKvHeads, 'total_sequence_length', headDim];
  const hidden = textLayers(context, config, cast(embeds, activations), (layer, i, qkv) => {
    const [q, k, v] = [`${layer}.q`, `${layer}.k`, `${layer}.v`] as const;
    const widths = [numHeads * headDim, numKvHeads * headDim, numKvHeads * headDim];
    graph.node('Split', [qkv, graph.int64(widths)], { outputs: [q, k, v], attributes: { axis: -1n } });
    const rotate = (x: string): string =>
      graph.node('RotaryEmbedding', [x, graph.int64([0]), cos, sin], { domain: MICROSOFT });
    const cache = { layer, i, cacheDims, presentDims };
    const lengths = [seqlensK, total] as const;
    return cachedAttention(context, config, { ...cache, qkv: [rotate(q), rotate(k), v], lengths });
  });

  // 4. Logits of the last positions; zero from the end is the beginning.
  const start = graph.node('Unsqueeze', [graph.node('Neg', [keep]), graph.int64([0])]);
  const kept = graph.node('Slice', [hidden, start, graph.int64([TO_THE_END]), graph.int64([1])]);
  castTo(context, head(context, kept, config, false), 'f32', 'logits');
  graph.output('logits', 'f32', ['batch_size', 'num_logits', text.vocabSize]);
}

/** Casts a value to another element type, optionally as the value `output`. */
function castTo({ graph }: GraphContext, value: string, type: ElementType, output?: string): string {
  const outputs = output === undefined ? {} : { outputs: [output] };
  return graph.node('Cast', [value], { ...outputs, attributes: { to: BigInt(DATA_TYPE[type]) } });
}
