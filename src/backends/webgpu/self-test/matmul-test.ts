/** Start-up check: products of a small matrix, stored as the model's are, as this machine's driver computes them. */
import { f16ToF32, f32ToF16 } from '../../../shared/float16.ts';
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { KernelFixture } from './kernel-fixture.ts';
import type { KernelContext } from '../context.ts';
import type { SizedKernel } from '../gpu/sized-kernel.ts';
import { TOKEN_CLASSES } from '../matmul/tiles.ts';
import { QUANT_BLOCK } from '../../../model/quantization.ts';
import { isQuantized, type MatrixFormat } from '../weights/weight-reader.ts';

/** No multiples of a tile, nor of the rows and blocks that threads share; an even number of blocks, as the models' matrices have. */
const ROWS = 200;
const COLS = 192;
/** Inputs of the first of two parts in which floats are transposed. */
const FIRST_PART = 128;

/** Small matrices' formats: one for each way in which the model stores its own. */
export function testedFormats(formats: readonly MatrixFormat[]): readonly MatrixFormat[] {
  const ways = new Map(formats.map(({ kind, floats }) => [`${kind} ${floats}`, { kind, floats }]));
  return [...ways.values()].map((way) => ({ ...way, rows: ROWS, cols: COLS }));
}

/**
 * Runs a product that stores x Wᵀ + bias, for a matrix of {@link testedFormats}. `normEpsilon`: with RMSNorm in front, its weight 1;
 * `asIf`: by the kernel that is used for so many tokens.
 * Throws NumericCheckError when it is off.
 */
export async function testGemm(
  parts: KernelContext,
  step: SizedKernel,
  format: MatrixFormat,
  tokens: number,
  { normEpsilon, asIf = tokens }: { readonly normEpsilon?: number; readonly asIf?: number } = {},
): Promise<void> {
  const random = pseudoRandom();
  const x = random(tokens * COLS);
  const bias = random(ROWS);
  const bench = new KernelFixture(parts);
  try {
    const { buffers: matrix, weights } = await madeUpMatrix(parts, bench, format, random);
    const y = bench.empty(tokens * 224 * 4); // rows of 200 padded to a multiple of 32
    const gamma = normEpsilon === undefined ? [] : [bench.filled(new Float32Array(COLS).fill(1))];
    const buffers = [...matrix, bench.filled(x), y, bench.filled(bias), ...gamma, bench.params({ tokens })];
    const { compiled, grid } = step(asIf);
    bench.dispatch(compiled, buffers, grid);
    const expected = new Float32Array(tokens * ROWS);
    for (let token = 0; token < tokens; token++) {
      const row = x.subarray(token * COLS, (token + 1) * COLS);
      const mean = row.reduce((sum, value) => sum + value * value, 0) / COLS;
      const scale = normEpsilon === undefined ? 1 : 1 / Math.sqrt(mean + normEpsilon);
      for (let r = 0; r < ROWS; r++) {
        let sum = 0;
        for (let c = 0; c < COLS; c++) sum += (row[c] ?? 0) * (weights[r * COLS + c] ?? 0);
        expected[token * ROWS + r] = sum * scale + (bias[r] ?? 0);
      }
    }
    await bench.expect(`${compiled.label}, ${format.kind}`, y, expected, ROWS, 224);
  } finally {
    bench.dispose();
  }
}

/** A matrix of made-up numbers as the kernels read it, and its numbers `[rows, cols]`. */
export async function madeUpMatrix(
  parts: KernelContext,
  bench: KernelFixture,
  format: MatrixFormat,
  random: (count: number) => Float32Array<ArrayBuffer>,
): Promise<{ readonly buffers: readonly GPUBuffer[]; readonly weights: Float32Array }> {
  const { arrays, weights } = madeUp(format, random);
  const buffers = isQuantized(format)
    ? arrays.map((array) => bench.filled(array))
    : [await transposed(parts, bench, format, arrays)];
  return { buffers, weights };
}

/** Floats, transposed in two parts as a matrix is when it is loaded. */
async function transposed(
  { transposer }: KernelContext,
  bench: KernelFixture,
  format: MatrixFormat,
  parts: readonly ArrayBufferView<ArrayBuffer>[],
): Promise<GPUBuffer> {
  const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const whole = bench.empty(bytes);
  for (const [i, part] of parts.entries()) {
    const inputs = i === 0 ? FIRST_PART : format.cols - FIRST_PART;
    await transposer.transpose({ bytes: part, format, first: i * FIRST_PART, inputs }, whole);
  }
  return whole;
}

/** A matrix of made-up numbers: as it is stored, floats in two parts, and its numbers `[rows, cols]`. */
function madeUp(
  { kind, floats, rows, cols }: MatrixFormat,
  random: (count: number) => Float32Array<ArrayBuffer>,
): { readonly arrays: readonly ArrayBufferView<ArrayBuffer>[]; readonly weights: Float32Array } {
  const stored = (values: Float32Array<ArrayBuffer>): ArrayBufferView<ArrayBuffer> =>
    floats === 'f16' ? new Uint16Array(f32ToF16(values)) : values;
  const rounded = (values: Float32Array): Float32Array => (floats === 'f16' ? f16ToF32(f32ToF16(values)) : values);
  if (!isQuantized({ kind })) {
    const values = random(rows * cols); // [cols, rows]
    const exact = rounded(values);
    const cut = FIRST_PART * rows;
    return {
      arrays: [stored(values.slice(0, cut)), stored(values.slice(cut))],
      weights: exact.map((_, i) => exact[(i % cols) * rows + Math.floor(i / cols)] ?? 0),
    };
  }
  const scales = random((rows * cols) / QUANT_BLOCK);
  const exact = rounded(scales);
  const bits = kind === 'q4' ? 4 : 8;
  const quants = Uint8Array.from(random((rows * cols * bits) / 8), (value) => Math.floor((value + 1) * 128));
  const code = (i: number): number =>
    bits === 8 ? (quants[i] ?? 0) - 128 : (((quants[i >> 1] ?? 0) >> (4 * (i & 1))) & 15) - 8;
  const weights = Float32Array.from({ length: rows * cols }, (_, i) => code(i) * (exact[i >> 5] ?? 0));
  return { arrays: [quants, stored(scales)], weights };
}

/** Checks a tiled product by every kernel it has, for few tokens and for many. Throws NumericCheckError when one is off. */
export async function testTiledGemm(
  parts: KernelContext,
  step: SizedKernel,
  format: MatrixFormat,
  tokens: number,
): Promise<void> {
  // One entry a kernel. Its grid reaches as many tokens as it is asked for, so no more are checked than it is for.
  const asIf = new Map([...TOKEN_CLASSES, tokens].map((count) => [step(count).compiled, count]));
  for (const count of asIf.values()) {
    await testGemm(parts, step, format, Math.min(tokens, count), { asIf: count });
  }
}
