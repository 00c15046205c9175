/**
 * Maps stored weights to the vision tower's: the names our graph gives its initializers.
 * Source: src/architectures/qwen2_5_vl/graphs/vision-encoder.ts, whose names these are.
 */
import { patchElements, type VisionConfig } from '../../../model/vision-config.ts';
import type { ExternalWeight } from '../../../onnx/read-initializers.ts';
import { matrix, sized, type StoredMatrix, vector, type Weights } from '../weights/stored-matrix.ts';

/** A linear layer. */
export interface LinearWeights {
  readonly matrix: StoredMatrix;
  /** `[rows]` of the matrix. */
  readonly bias: ExternalWeight;
}

/** The weights of one block. */
export interface BlockWeights {
  /** `[hidden]`. */
  readonly attentionNorm: ExternalWeight;
  /** `[3 hidden, hidden]`. */
  readonly qkv: LinearWeights;
  /** `[hidden, hidden]`. */
  readonly output: LinearWeights;
  /** `[hidden]`. */
  readonly mlpNorm: ExternalWeight;
  /** `[intermediate, hidden]` each; intermediate is the intermediate size, possibly zero-padded. */
  readonly gate: LinearWeights;
  readonly up: LinearWeights;
  /** `[hidden, intermediate]`. */
  readonly down: LinearWeights;
}

/** The weights of the vision encoder's graph. */
export interface VisionWeights {
  /** `[hidden, patchElements]`. */
  readonly patchEmbed: StoredMatrix;
  readonly blocks: readonly BlockWeights[];
  /** `[hidden]`, before patches merge. */
  readonly mergerNorm: ExternalWeight;
  /** `[4 hidden, 4 hidden]`, then `[out, 4 hidden]`. */
  readonly mergerIntermediate: LinearWeights;
  readonly mergerOutput: LinearWeights;
}

/**
 * The vision tower's weights among its graph's initializers.
 * @throws RuntimeUnavailableError naming the first weight that is missing or has another layout
 */
export function visionWeights(weights: Weights, vision: VisionConfig): VisionWeights {
  const { hiddenSize, spatialMergeSize, outHiddenSize } = vision;
  const linear = (name: string, rows: number | null, cols: number): LinearWeights => {
    const found = matrix(weights, `${name}.weight`);
    const checked = sized(found, rows ?? found.rows, cols);
    return { matrix: checked, bias: vector(weights, `${name}.bias`, checked.rows) };
  };
  const blocks = Array.from({ length: vision.depth }, (_, i): BlockWeights => {
    const block = `visual.blocks.${i}`;
    const gate = linear(`${block}.mlp.gate_proj`, null, hiddenSize);
    return {
      attentionNorm: vector(weights, `${block}.norm1.weight`, hiddenSize),
      qkv: linear(`${block}.attn.qkv`, 3 * hiddenSize, hiddenSize),
      output: linear(`${block}.attn.proj`, hiddenSize, hiddenSize),
      mlpNorm: vector(weights, `${block}.norm2.weight`, hiddenSize),
      gate,
      up: linear(`${block}.mlp.up_proj`, gate.matrix.rows, hiddenSize),
      down: linear(`${block}.mlp.down_proj`, hiddenSize, gate.matrix.rows),
    };
  });
  const merged = hiddenSize * spatialMergeSize ** 2;
  return {
    patchEmbed: sized(matrix(weights, 'visual.patch_embed.proj.weight'), hiddenSize, patchElements(vision)),
    blocks,
    mergerNorm: vector(weights, 'visual.merger.ln_q.weight', hiddenSize),
    mergerIntermediate: linear('visual.merger.mlp.0', merged, merged),
    mergerOutput: linear('visual.merger.mlp.2', outHiddenSize, merged),
  };
}
