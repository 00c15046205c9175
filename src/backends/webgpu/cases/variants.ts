/** Variants of kernels for the same work, to be timed on a device: formats and tile sizes. Their buffers hold zeros. */
import type { DeviceTraits } from '../gpu/device-traits.ts';
import { type Kernel, paramWords } from '../gpu/kernel.ts';
import { DEFAULT_TUNING } from '../gpu/tuning.ts';
import { gemmF16Kernel } from '../matmul/gemm-f16.ts';
import { subgroupMatrixGemmKernel } from '../matmul/gemm-subgroup-matrix.ts';
import { gemmGrid, gemmKernel, type GemmOperation } from '../matmul/gemm.ts';
import { gemvGrid, gemvKernel, matrixBytes } from '../matmul/gemv.ts';
import { selectGemv, selectF32Tiles } from '../matmul/select.ts';
import { F16_TILES, SUBGROUP_MATRIX_TILES } from '../matmul/tiles.ts';
import { isQuantized, type MatrixFormat } from '../weights/weight-reader.ts';
import { STORAGES, storageName } from './formats.ts';

/** A kernel, its bindings, and the work of a dispatch. */
export interface KernelVariant {
  readonly group: string;
  readonly name: string;
  readonly kernel: Kernel;
  readonly grid: readonly number[];
  /** Bytes of each binding but the last, which holds `params`. */
  readonly bytes: readonly number[];
  readonly params: Uint32Array<ArrayBuffer>;
  /** The limiting work: bytes of weights read, or operations computed. */
  readonly work: { readonly unit: 'B' | 'FLOP'; readonly amount: number };
}

/** Variants for square matrices with sides of `side`, a multiple of 256, and prompts of `tokens`. */
export function kernelVariants(traits: DeviceTraits, side: number, tokens: number): readonly KernelVariant[] {
  const formats = STORAGES.map((storage) => ({
    format: { ...storage, rows: side, cols: side },
    name: storageName(storage),
  }));
  return [
    ...formats.flatMap(({ format, name }) => gemvVariants(format, name, traits)),
    ...formats.flatMap(({ format, name }) => gemmVariants(format, name, { traits, tokens })),
  ];
}

/** GEMV by threads per row. */
function gemvVariants(matrix: MatrixFormat, format: string, traits: DeviceTraits): readonly KernelVariant[] {
  const operation = { label: 'gemv', matrices: [matrix], epilogue: 'store' } as const;
  return [8, 16, 32].map((threadsPerRow) => {
    const spec = selectGemv({ ...operation, threadsPerRow }, 1, { traits, tuning: DEFAULT_TUNING });
    const [x, y] = gemvGrid(spec);
    return {
      group: `GEMV, ${matrix.rows} x ${matrix.cols}`,
      name: `${format}, ${threadsPerRow} threads a row`,
      kernel: gemvKernel(spec),
      grid: [x, y, 1],
      bytes: bindingBytes(matrix, 1),
      params: paramWords({ tokens: 1 }),
      work: { unit: 'B', amount: matrixBytes(matrix) },
    };
  });
}

/** GEMM by arithmetic and tile. */
function gemmVariants(
  matrix: MatrixFormat,
  format: string,
  { traits, tokens }: { readonly traits: DeviceTraits; readonly tokens: number },
): readonly KernelVariant[] {
  const operation: GemmOperation = { label: 'gemm', matrix, epilogue: 'store' };
  const variant = (
    arithmetic: string,
    kernel: Kernel,
    tile: { readonly tokens: number; readonly rows: number },
  ): KernelVariant => ({
    group: `GEMM, ${tokens} tokens, ${matrix.rows} x ${matrix.cols}`,
    name: `${format}, ${arithmetic}, tile ${tile.tokens} x ${tile.rows}`,
    kernel,
    grid: gemmGrid({ matrix, tile }, tokens),
    bytes: bindingBytes(matrix, tokens),
    params: paramWords({ tokens }),
    work: { unit: 'FLOP', amount: 2 * tokens * matrix.rows * matrix.cols },
  });
  const inF32 = selectF32Tiles({ traits, tuning: DEFAULT_TUNING });
  const inF16 = traits.hasF16 && isQuantized(matrix) ? F16_TILES : [];
  const onMatrices = traits.hasSubgroupMatrices ? SUBGROUP_MATRIX_TILES : [];
  return [
    ...inF32.map(({ tile }) => variant('f32', gemmKernel({ ...operation, tile }), tile)),
    ...inF16.map(({ tile }) => variant('f16', gemmF16Kernel({ ...operation, tile }), tile)),
    ...onMatrices.map(({ tile }) =>
      variant('subgroup matrices', subgroupMatrixGemmKernel({ ...operation, tile }), tile),
    ),
  ];
}

/** The matrix's buffers, x and y. */
function bindingBytes(matrix: MatrixFormat, tokens: number): readonly number[] {
  const { kind, floats, rows, cols } = matrix;
  const float = floats === 'f16' ? 2 : 4;
  const weights = rows * cols;
  const stored = isQuantized(matrix) ? [weights / (kind === 'q4' ? 2 : 1), (weights / 32) * float] : [weights * float];
  return [...stored, tokens * cols * 4, tokens * rows * 4];
}
