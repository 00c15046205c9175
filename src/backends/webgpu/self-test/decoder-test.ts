/** Start-up check of the language model's kernels: products as it stores them, and attention over a cache in parts. */
import { groupedAttention } from '../../../model/reference-attention.ts';
import { f16ToF32, f32ToF16 } from '../../../shared/float16.ts';
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { KernelFixture } from './kernel-fixture.ts';
import { type DecoderKernels, fusedProduct, wideShares, type Wanted } from '../decoder/decoder-kernels.ts';
import type { KernelContext } from '../context.ts';
import type { DecoderFormats } from '../decoder/loaded-decoder.ts';
import { checkedFormats, checkProduct, checkTiledProduct } from './matmul-test.ts';
import { checkSplitLayers } from './split-k-test.ts';
import { canSplit } from '../matmul/split-k-layer.ts';
import { tiledProducts } from '../matmul/select-gemm.ts';
import { attentionGrid, partialLength } from '../attention/prefill-attention.ts';
import { combineGrid } from '../attention/kv-split-reduce.ts';
import type { MatvecSpec } from '../matmul/gemv.ts';
import { roundUp } from '../gpu/kernel.ts';

/** Tokens computed at once, and those cached with one more: more than the 64 of a part. */
const FIRST = 70;
const CAPACITY = 128;
const PART = 64;

/**
 * Checks the kernels that `wanted` describes, while those of the model's own sizes, which `compiling` gives, still compile.
 * Throws NumericCheckError when one of them is off.
 */
export async function checkDecoder(
  parts: KernelContext,
  { layer, head }: DecoderFormats,
  compiling: Promise<DecoderKernels>,
  wanted: Wanted,
): Promise<void> {
  const { compiler, tuning } = parts;
  const tiled = tiledProducts(compiler, 1, tuning.tile, wanted.workgroupBytes);
  const normEpsilon = wanted.text.rmsNormEps;
  const limits = { wantedSide: tuning.tile, workgroupBytes: wanted.workgroupBytes };
  const checks = checkedFormats([...Object.values(layer), head]).flatMap((format) => {
    const spec = { label: 'product', matrices: [format], epilogue: 'store', bias: true, normEpsilon } as const;
    const fused = async (columns: number, shares: Partial<MatvecSpec>): Promise<void> => {
      const product = await fusedProduct(compiler, wanted, columns, { ...spec, ...shares });
      await checkProduct(parts, product, format, columns, { normEpsilon });
    };
    const many = async (): Promise<void> => {
      const product = await tiled({ label: 'product, many', matrix: format, epilogue: 'store', bias: true });
      await checkTiledProduct(parts, product, format, FIRST);
    };
    const split = canSplit(layer) ? [checkSplitLayers(parts, format, normEpsilon, limits)] : [];
    return [fused(1, {}), fused(1, wideShares(tuning)), fused(tuning.columns, {}), many(), ...split];
  });
  await Promise.all([...checks, compiling.then((kernels) => checkAttention(parts, kernels))]);
}

async function checkAttention(
  parts: KernelContext,
  { cache, attention, tensorAttention, stepAttention, combine, attentionSpec }: DecoderKernels,
): Promise<void> {
  const { numHeads, numKvHeads, headDim, stored } = attentionSpec;
  const random = pseudoRandom();
  const width = (numHeads + 2 * numKvHeads) * headDim;
  const stride = roundUp(width, 32);
  const outStride = roundUp(numHeads * headDim, 32);
  const qkv = random((FIRST + 1) * width);
  const angles = random((CAPACITY * headDim) / 2).map((turn) => turn * Math.PI);
  const half = (values: Float32Array<ArrayBuffer>): ArrayBufferView<ArrayBuffer> =>
    stored === 'f16' ? new Uint16Array(f32ToF16(values)) : values;
  const exact = (values: Float32Array): Float32Array => (stored === 'f16' ? f16ToF32(f32ToF16(values)) : values);
  const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)];
  const bench = new KernelFixture(parts);
  try {
    const cacheBytes = numKvHeads * CAPACITY * headDim * (stored === 'f16' ? 2 : 4);
    const state = [bench.filled(half(cos)), bench.filled(half(sin)), bench.empty(cacheBytes), bench.empty(cacheBytes)];
    const runs = [
      { first: 0, count: FIRST, what: 'attention' },
      { first: FIRST, count: 1, what: 'attention, step' },
    ];
    for (const { first, count, what } of runs) {
      const step = count === 1;
      const splits = Math.ceil((first + count) / PART);
      const rows = new Float32Array(count * stride);
      for (let i = 0; i < count; i++) rows.set(qkv.subarray((first + i) * width, (first + i + 1) * width), i * stride);
      const params = bench.params({ tokens: count, past: first, capacity: CAPACITY, splits, chunk: PART });
      const partials = bench.empty(partialLength(attentionSpec, count, splits) * 4);
      const output = bench.empty(count * outStride * 4);
      const inputs = [bench.filled(rows), ...state];
      const caching = cache(count);
      if (!step) bench.dispatch(caching.compiled, [...inputs, params], caching.grid);
      const grid = attentionGrid(attentionSpec, count, splits);
      bench.dispatch(step ? stepAttention : attention, [...inputs, output, partials, params], grid);
      bench.dispatch(combine, [partials, output, params], combineGrid(attentionSpec, count));
      const expected = groupedAttention(qkv, attentionSpec, exact(cos), exact(sin), first, count);
      await bench.expect(what, output, expected, numHeads * headDim, outStride);
      if (step || tensorAttention === null) continue;
      const again = bench.empty(count * outStride * 4);
      const { compiled, grid: groups } = tensorAttention(count);
      bench.dispatch(compiled, [...inputs, again, params], groups);
      await bench.expect(`${what} on matrix units`, again, expected, numHeads * headDim, outStride);
    }
  } finally {
    bench.dispose();
  }
}
