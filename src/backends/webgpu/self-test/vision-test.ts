/** Self-test at load of the vision tower's kernels: GEMM in the model's formats, row kernels, attention in windows and over a whole image. */
import { attend, rotate } from '../../../model/reference-attention.ts';
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { visionRowsCases } from '../cases/vision-rows-cases.ts';
import { KernelFixture } from './kernel-fixture.ts';
import type { KernelContext } from '../context.ts';
import type { VisionFormats } from '../vision/loaded-vision.ts';
import { testedFormats, testTiledGemm } from './matmul-test.ts';
import { selfTestCases } from './rows-test.ts';
import { compileGemm, MANY } from '../matmul/compile.ts';
import { traitsOf } from '../gpu/device-traits.ts';
import type { VisionAttention, VisionKernels } from '../vision/vision-kernels.ts';
import { imageSpans, windowSpans } from '../vision/attention-spans.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** Patches: two windows and part of a third, not a multiple of a tile of keys. */
const PATCHES = 150;
const WINDOW = 64;
/** Compares every n-th query, and the last. */
const EVERY = 7;

/** Throws NumericCheckError when a kernel is wrong. Tests small GEMMs while the kernels of the model's own sizes still compile. */
export async function selfTestVision(
  context: KernelContext,
  formats: VisionFormats,
  compiling: Promise<VisionKernels>,
): Promise<void> {
  const { compiler, tuning, device } = context;
  const { patchEmbed, block, mergerIntermediate, mergerOutput } = formats;
  const target = { traits: traitsOf(device), tuning };
  const tests = testedFormats([patchEmbed, ...Object.values(block), mergerIntermediate, mergerOutput]).map(
    async (format) => {
      const kernel = await compileGemm(
        compiler,
        { label: 'self-test, GEMM', matrix: format, epilogue: 'store', bias: true },
        MANY,
        target,
      );
      await testTiledGemm(context, kernel, format, PATCHES);
    },
  );
  const rows = selfTestCases(compiler, visionRowsCases());
  await Promise.all([...tests, rows, compiling.then(({ attention }) => testAttention(context, attention))]);
}

async function testAttention(
  context: KernelContext,
  { rotary, isPacked, windows, whole, queries }: VisionAttention,
): Promise<void> {
  const { numHeads, headDim } = context.model.vision;
  const hidden = numHeads * headDim;
  const stride = paddedWidth(3 * hidden);
  const outStride = paddedWidth(hidden);
  const random = pseudoRandom();
  const rows = new Float32Array(PATCHES * stride);
  for (let row = 0; row < PATCHES; row++) rows.set(random(3 * hidden), row * stride);
  const angles = random((PATCHES * headDim) / 2).map((turn) => turn * Math.PI);
  const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)];
  const windowSizes = [WINDOW, WINDOW, PATCHES - 2 * WINDOW];
  const fixture = new KernelFixture(context);
  try {
    const qkv = fixture.filled(rows);
    const packed = isPacked ? [fixture.empty(PATCHES * 3 * hidden * 2)] : [];
    const params = fixture.params({ tokens: PATCHES });
    const { compiled: rotating, grid } = rotary(PATCHES);
    fixture.dispatch(rotating, [qkv, fixture.filled(cos), fixture.filled(sin), ...packed, params], grid);
    const ways = [
      { attention: windows, spans: windowSpans(windowSizes, queries), side: WINDOW },
      { attention: whole, spans: imageSpans(PATCHES, queries), side: PATCHES },
    ];
    for (const { attention, spans, side } of ways) {
      const { compiled, grid: groups } = attention(spans.length / 4);
      const output = fixture.empty(PATCHES * outStride * 4);
      fixture.dispatch(compiled, [...(isPacked ? packed : [qkv]), fixture.filled(spans), output], groups);
      const expected = new Float32Array(PATCHES * hidden).fill(NaN);
      for (let head = 0; head < numHeads; head++) {
        const part = (row: number, kind: 0 | 1 | 2): Float32Array => {
          const at = row * stride + kind * hidden + head * headDim;
          return rows.subarray(at, at + headDim);
        };
        const keys = Array.from({ length: PATCHES }, (_, row) => rotate(part(row, 1), cos, sin, row));
        for (let row = PATCHES - 1; row >= 0; row -= EVERY) {
          const begin = row - (row % side);
          const out = expected.subarray(row * hidden + head * headDim, row * hidden + (head + 1) * headDim).fill(0);
          const key = (i: number): Float32Array => keys[begin + i] ?? part(0, 1);
          const count = Math.min(side, PATCHES - begin);
          attend({ query: rotate(part(row, 0), cos, sin, row), count, key, value: (i) => part(begin + i, 2), out });
        }
      }
      await fixture.expect(compiled.label, output, expected, { cols: hidden, stride: outStride });
    }
  } finally {
    fixture.dispose();
  }
}
