/** The vision tower's weights in GPU buffers. */
import { layerFormats, type LoadedMatrix, loadMatrix } from './loaded-matrix.ts';
import type { LinearWeights, VisionWeights } from './vision-weights.ts';
import type { WeightSet } from './weight-store.ts';
import type { MatrixFormat } from './wgsl/weight-reader.ts';

const MATRICES = ['qkv', 'output', 'gate', 'up', 'down'] as const;

/** A linear layer's matrix, and its bias as f32. */
export interface LoadedLinear extends LoadedMatrix {
  readonly bias: GPUBuffer;
}

/** One block's weights. Norms are f32. */
export interface LoadedBlock extends Readonly<Record<(typeof MATRICES)[number], LoadedLinear>> {
  readonly attentionNorm: GPUBuffer;
  readonly mlpNorm: GPUBuffer;
}

/** All of them. */
export interface LoadedVision {
  readonly patchEmbed: LoadedMatrix;
  readonly blocks: readonly LoadedBlock[];
  /** The formats that every block's matrices have. */
  readonly block: Readonly<Record<(typeof MATRICES)[number], MatrixFormat>>;
  readonly mergerNorm: GPUBuffer;
  readonly mergerInner: LoadedLinear;
  readonly mergerOutput: LoadedLinear;
}

/** Loads the weights, block by block. Throws RuntimeUnavailableError when blocks are stored in several formats, or are too large. */
export async function loadVision(weights: WeightSet, stored: VisionWeights): Promise<LoadedVision> {
  const hiddenSize = stored.patchEmbed.rows;
  const linear = async ({ matrix, bias }: LinearWeights): Promise<LoadedLinear> => ({
    ...(await loadMatrix(weights, matrix)),
    bias: await weights.vector(bias, matrix.rows),
  });
  const patchEmbed = await loadMatrix(weights, stored.patchEmbed);
  const blocks: LoadedBlock[] = [];
  for (const block of stored.blocks) {
    blocks.push({
      attentionNorm: await weights.vector(block.attentionNorm, hiddenSize),
      qkv: await linear(block.qkv),
      output: await linear(block.output),
      mlpNorm: await weights.vector(block.mlpNorm, hiddenSize),
      gate: await linear(block.gate),
      up: await linear(block.up),
      down: await linear(block.down),
    });
  }
  return {
    patchEmbed,
    blocks,
    block: layerFormats(blocks, MATRICES),
    mergerNorm: await weights.vector(stored.mergerNorm, hiddenSize),
    mergerInner: await linear(stored.mergerInner),
    mergerOutput: await linear(stored.mergerOutput),
  };
}
