/** The vision tower's weights in GPU buffers. */
import { commonFormats, formatOf, type LoadedMatrix, loadMatrix } from '../weights/loaded-matrix.ts';
import type { BlockWeights, LinearWeights, VisionWeights } from './vision-weights.ts';
import type { WeightSet } from '../weights/weight-store.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';

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

/** The weights of the vision tower. */
export interface LoadedVision {
  readonly patchEmbed: LoadedMatrix;
  readonly blocks: readonly LoadedBlock[];
  readonly mergerNorm: GPUBuffer;
  readonly mergerIntermediate: LoadedLinear;
  readonly mergerOutput: LoadedLinear;
}

/** The formats of the matrices, known before they are loaded. */
export interface VisionFormats {
  readonly patchEmbed: MatrixFormat;
  /** The same for every block. */
  readonly block: Readonly<Record<(typeof MATRICES)[number], MatrixFormat>>;
  readonly mergerIntermediate: MatrixFormat;
  readonly mergerOutput: MatrixFormat;
}

/** The formats of stored weights. Throws RuntimeUnavailableError when blocks differ. */
export function visionFormats({ patchEmbed, blocks, mergerIntermediate, mergerOutput }: VisionWeights): VisionFormats {
  const matrices = blocks.map((block) => {
    const { qkv, output, gate, up, down } = block;
    return { qkv: qkv.matrix, output: output.matrix, gate: gate.matrix, up: up.matrix, down: down.matrix };
  });
  return {
    patchEmbed: formatOf(patchEmbed),
    block: commonFormats(matrices, MATRICES),
    mergerIntermediate: formatOf(mergerIntermediate.matrix),
    mergerOutput: formatOf(mergerOutput.matrix),
  };
}

/** Loads the weights. Throws RuntimeUnavailableError when one is too large. */
export async function loadVision(weights: WeightSet, stored: VisionWeights): Promise<LoadedVision> {
  const hiddenSize = stored.patchEmbed.rows;
  // Concurrently: the store loads a few at a time, in this order.
  const [patchEmbed, blocks, mergerNorm, mergerIntermediate, mergerOutput] = await Promise.all([
    loadMatrix(weights, stored.patchEmbed),
    Promise.all(stored.blocks.map((block) => loadBlock(weights, block, hiddenSize))),
    weights.vector(stored.mergerNorm, hiddenSize),
    loadLinear(weights, stored.mergerIntermediate),
    loadLinear(weights, stored.mergerOutput),
  ]);
  return { patchEmbed, blocks, mergerNorm, mergerIntermediate, mergerOutput };
}

async function loadBlock(weights: WeightSet, block: BlockWeights, hiddenSize: number): Promise<LoadedBlock> {
  const [attentionNorm, qkv, output, mlpNorm, gate, up, down] = await Promise.all([
    weights.vector(block.attentionNorm, hiddenSize),
    loadLinear(weights, block.qkv),
    loadLinear(weights, block.output),
    weights.vector(block.mlpNorm, hiddenSize),
    loadLinear(weights, block.gate),
    loadLinear(weights, block.up),
    loadLinear(weights, block.down),
  ]);
  return { attentionNorm, qkv, output, mlpNorm, gate, up, down };
}

async function loadLinear(weights: WeightSet, { matrix, bias }: LinearWeights): Promise<LoadedLinear> {
  const [loaded, loadedBias] = await Promise.all([loadMatrix(weights, matrix), weights.vector(bias, matrix.rows)]);
  return { ...loaded, bias: loadedBias };
}
