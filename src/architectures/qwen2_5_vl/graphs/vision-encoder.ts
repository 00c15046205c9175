/**
 * The vision tower: patches in, one feature per merge group of 2 x 2 patches out.
 *
 * Rows are put into window order once, at the start, and back at the end. Windowed layers gather rows into windows of
 * equal length, the windows being the batch; a bias masks the padding of windows cut by the image's edge. Layers with
 * full attention see all rows as one sequence.
 * Source: transformers modeling_qwen2_5_vl.py (Qwen2_5_VisionTransformerPretrainedModel).
 */
import type { QwenConfig } from '../config.ts';
import { VISION_ENCODER as NAMES } from '../../../onnx/graph-names.ts';
import { patchElements, VISION_EPSILON } from '../../../model/vision-config.ts';
import { DATA_TYPE } from '../../../onnx/graph-builder.ts';
import type { GraphContext } from '../../../onnx/weight-layout.ts';
import { addRmsNorm, linear, MICROSOFT, oneLinear, rmsNorm, type RmsNorm, swiGlu } from '../../../onnx/layers.ts';

/** The order of an image's patches, and their attention pattern. All names are values of the graph. */
export interface PatchOrder {
  /** i64 `[groups]`: merge groups in window order, and the inverse. */
  readonly windowIndex: string;
  readonly reverseIndex: string;
  /** `[patches, headDim / 2]`, in window order. */
  readonly cos: string;
  readonly sin: string;
  /** Attention inside windows: rotated query and key, and value, `[1, patches, hidden]` each and in window order, to the same shape. */
  readonly inWindows: (query: string, key: string, value: string) => string;
  /** Bias of full attention for several images; absent: one image, no bias. */
  readonly imageBias?: string;
}

/** Builds the vision encoder's graph into `context`. */
export function buildVisionEncoder(context: GraphContext, config: QwenConfig): void {
  const { graph, activations } = context;
  const { vision } = config;
  const { hiddenSize, headDim } = vision;
  const pixels = graph.input(NAMES.pixelValues, 'f32', ['num_patches', patchElements(config.vision)]);
  const windowIndex = graph.input(NAMES.windowIndex, 'i64', ['num_groups']);
  const reverseIndex = graph.input(NAMES.reverseIndex, 'i64', ['num_groups']);
  const cos = graph.input(NAMES.cos, activations, ['num_patches', headDim / 2]);
  const sin = graph.input(NAMES.sin, activations, ['num_patches', headDim / 2]);
  const windowRows = graph.input(NAMES.windowRows, 'i64', ['windows', 'window_patches']);
  const windowSlots = graph.input(NAMES.windowSlots, 'i64', ['num_patches']);
  const windowDims = ['windows', 1, 'window_patches', 'window_patches'];
  const bias = graph.input(NAMES.attentionBias, activations, windowDims);

  const rows = (x: string): string => {
    const flat = graph.node('Reshape', [x, graph.int64([-1, hiddenSize])]);
    return graph.node('Gather', [flat, windowRows], { attributes: { axis: 0n } }); // [windows, window_patches, hidden]
  };
  const inWindows: PatchOrder['inWindows'] = (query, key, value) => {
    const attended = attend(context, config, [rows(query), rows(key), rows(value)], bias);
    const flat = graph.node('Reshape', [attended, graph.int64([-1, hiddenSize])]);
    const back = graph.node('Gather', [flat, windowSlots], { attributes: { axis: 0n } });
    return graph.node('Unsqueeze', [back, graph.int64([0])]);
  };
  const features = visionTower(context, config, pixels, { windowIndex, reverseIndex, cos, sin, inWindows });
  graph.node('Unsqueeze', [features, graph.int64([0])], { outputs: [NAMES.imageFeatures] });
  graph.output(NAMES.imageFeatures, activations, [1, 'num_groups', vision.outHiddenSize]);
}

/** pixels f32 `[patches, 1176]` in the processor's order to features `[groups, outHiddenSize]` in image order. */
export function visionTower(context: GraphContext, config: QwenConfig, pixels: string, order: PatchOrder): string {
  const { graph, activations } = context;
  const { vision } = config;
  const { hiddenSize } = vision;
  const elements = patchElements(vision);
  const groupPatches = vision.spatialMergeSize ** 2;

  // 1. Patches to vectors, in window order.
  const typed = graph.node('Cast', [pixels], { attributes: { to: BigInt(DATA_TYPE[activations]) } });
  const grouped = graph.node('Reshape', [typed, graph.int64([-1, groupPatches * elements])]);
  const ordered = graph.node('Gather', [grouped, order.windowIndex], { attributes: { axis: 0n } });
  const patches = graph.node('Reshape', [ordered, graph.int64([1, -1, elements])]); // [1, patches, 1176]
  const embed = { ...oneLinear('visual.patch_embed.proj', elements, hiddenSize, false), quantize: false };
  let hidden = linear(context, patches, embed); // [1, patches, hidden]

  // 2. Blocks.
  const norm = (weight: string): RmsNorm => ({ weight, size: hiddenSize, epsilon: VISION_EPSILON });
  let normed = rmsNorm(context, hidden, norm('visual.blocks.0.norm1.weight'));
  for (let i = 0; i < vision.depth; i++) {
    const block = `visual.blocks.${i}`;
    const isFull = vision.fullAttentionBlocks.includes(i);
    const attended = attention(context, config, normed, { block, order, isFull });
    const first = addRmsNorm(context, [attended, hidden], norm(`${block}.norm2.weight`));
    const mlp = { prefix: `${block}.mlp`, size: hiddenSize, intermediateSize: vision.intermediateSize, bias: true };
    const fed = swiGlu(context, first.normed, mlp);
    const next = i + 1 < vision.depth ? `visual.blocks.${i + 1}.norm1.weight` : 'visual.merger.ln_q.weight';
    const second = addRmsNorm(context, [fed, first.sum], norm(next));
    normed = second.normed;
    hidden = second.sum;
  }

  // 3. Each merge group becomes one feature; back to image order.
  const merged = hiddenSize * groupPatches;
  const groups = graph.node('Reshape', [normed, graph.int64([-1, merged])]); // [groups, 4 * hidden]
  const intermediate = linear(context, groups, oneLinear('visual.merger.mlp.0', merged, merged, true));
  const active = graph.node('Gelu', [intermediate], { domain: MICROSOFT });
  const features = linear(context, active, oneLinear('visual.merger.mlp.2', merged, vision.outHiddenSize, true));
  return graph.node('Gather', [features, order.reverseIndex], { attributes: { axis: 0n } });
}

/** x `[1, patches, hidden]` to the projected attention of the same shape. */
function attention(
  context: GraphContext,
  config: QwenConfig,
  x: string,
  { block, order, isFull }: { readonly block: string; readonly order: PatchOrder; readonly isFull: boolean },
): string {
  const { graph } = context;
  const { hiddenSize } = config.vision;
  const qkv = linear(context, x, oneLinear(`${block}.attn.qkv`, hiddenSize, 3 * hiddenSize, true)); // [1, patches, 3h]
  const [q, k, v] = [`${block}.attn.q`, `${block}.attn.k`, `${block}.attn.v`] as const;
  graph.node('Split', [qkv, graph.int64([hiddenSize, hiddenSize, hiddenSize])], {
    outputs: [q, k, v],
    attributes: { axis: -1n },
  });
  const rotate = (values: string): string =>
    graph.node('RotaryEmbedding', [values, graph.int64([0]), order.cos, order.sin], { domain: MICROSOFT });
  const attended = isFull
    ? attend(context, config, [rotate(q), rotate(k), v], order.imageBias ?? '')
    : order.inWindows(rotate(q), rotate(k), v); // [1, patches, hidden]
  return linear(context, attended, oneLinear(`${block}.attn.proj`, hiddenSize, hiddenSize, true));
}

/** Attention of query, key and value `[batch, patches, hidden]`; an empty bias: none. */
export function attend(
  { graph }: GraphContext,
  { vision }: QwenConfig,
  [query, key, value]: readonly [string, string, string],
  bias: string,
): string {
  return graph.node('MultiHeadAttention', [query, key, value, '', '', bias], {
    domain: MICROSOFT,
    attributes: { num_heads: BigInt(vision.numHeads) },
  });
}
