/** Self-test at load: GEMV and GEMM of a small matrix in each of the model's formats. */
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { madeUpMatrix, type Random, stored } from '../cases/case-inputs.ts';
import { product, rmsNorm } from '../cases/reference.ts';
import { KernelFixture } from './kernel-fixture.ts';
import type { KernelContext } from '../context.ts';
import type { SizedKernel } from '../gpu/sized-kernel.ts';
import { TOKEN_CLASSES } from '../matmul/tiles.ts';
import { isQuantized, type MatrixFormat } from '../weights/weight-reader.ts';

/** Not multiples of a tile, nor of the rows and blocks that threads share; an even number of blocks, as in the models' matrices. */
const ROWS = 200;
const COLS = 192;
/** Inputs of the first of the two chunks in which floats are transposed. */
const FIRST_CHUNK = 128;

/** Formats of the small test matrices: one for each way the model stores its own. */
export function testedFormats(formats: readonly MatrixFormat[]): readonly MatrixFormat[] {
  const ways = new Map(formats.map(({ kind, floats }) => [`${kind} ${floats}`, { kind, floats }]));
  return [...ways.values()].map((way) => ({ ...way, rows: ROWS, cols: COLS }));
}

/** What is tested: a kernel that stores x Wᵀ + bias. */
export interface TestedGemm {
  readonly step: SizedKernel;
  /** One of {@link testedFormats}. */
  readonly format: MatrixFormat;
  readonly tokens: number;
  /** Epsilon of a fused RMSNorm of weight 1; absent: there is none. */
  readonly normEpsilon?: number;
  /** Tests the kernel for that many tokens; default: as many as there are. */
  readonly asIf?: number;
}

/** Tests a GEMV or GEMM kernel. Throws NumericCheckError when it is wrong. */
export async function testGemm(context: KernelContext, tested: TestedGemm): Promise<void> {
  const { step, format, tokens, normEpsilon, asIf = tokens } = tested;
  const random = pseudoRandom();
  const x = random(tokens * COLS);
  const bias = random(ROWS);
  const fixture = new KernelFixture(context);
  try {
    const { buffers: matrix, weights } = await loadMadeUpMatrix(context, fixture, format, random);
    const y = fixture.empty(tokens * 224 * 4); // rows of 200 padded to a multiple of 32
    const gamma = normEpsilon === undefined ? [] : [fixture.filled(new Float32Array(COLS).fill(1))];
    const buffers = [...matrix, fixture.filled(x), y, fixture.filled(bias), ...gamma, fixture.params({ tokens })];
    const { compiled, grid } = step(asIf);
    fixture.dispatch(compiled, buffers, grid);
    const input = normEpsilon === undefined ? x : rmsNorm(x, COLS, normEpsilon, new Float32Array(COLS).fill(1));
    const expected = Float32Array.from(product(input, weights, COLS), (value, i) => value + (bias[i % ROWS] ?? 0));
    await fixture.expect(`${compiled.label}, ${format.kind}`, y, expected, { cols: ROWS, stride: 224 });
  } finally {
    fixture.dispose();
  }
}

/** A matrix of made-up numbers in buffers as the kernels read it, and its numbers `[rows, cols]`. */
export async function loadMadeUpMatrix(
  context: KernelContext,
  fixture: KernelFixture,
  format: MatrixFormat,
  random: Random,
): Promise<{ readonly buffers: readonly GPUBuffer[]; readonly weights: Float32Array }> {
  const { arrays, weights } = madeUpMatrix(format, random);
  const buffers = isQuantized(format)
    ? arrays.map((array) => fixture.filled(array))
    : [await transposed(context, fixture, format, weights)];
  return { buffers, weights };
}

/** Floats, transposed in two chunks as when a matrix is loaded. */
async function transposed(
  { transposer }: KernelContext,
  fixture: KernelFixture,
  format: MatrixFormat,
  weights: Float32Array,
): Promise<GPUBuffer> {
  const { floats, rows, cols } = format;
  const asStored = weights.map((_, i) => weights[(i % rows) * cols + Math.floor(i / rows)] ?? 0); // [cols, rows]
  const whole = fixture.empty(weights.length * (floats === 'f16' ? 2 : 4));
  for (const first of [0, FIRST_CHUNK]) {
    const inputs = first === 0 ? FIRST_CHUNK : cols - FIRST_CHUNK;
    const bytes = stored(asStored.slice(first * rows, (first + inputs) * rows), floats);
    await transposer.transpose({ bytes, format, first, inputs }, whole);
  }
  return whole;
}

/** Tests every kernel of a tiled GEMM, for few tokens and for many. Throws NumericCheckError when one is wrong. */
export async function testTiledGemm(
  context: KernelContext,
  step: SizedKernel,
  format: MatrixFormat,
  tokens: number,
): Promise<void> {
  // One entry per kernel. Its grid covers only the requested tokens, so the test stays within them.
  const asIf = new Map([...TOKEN_CLASSES, tokens].map((count) => [step(count).compiled, count]));
  for (const count of asIf.values()) {
    await testGemm(context, { step, format, tokens: Math.min(tokens, count), asIf: count });
  }
}
