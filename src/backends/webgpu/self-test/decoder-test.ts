/** Self-test at load of the language model's kernels: GEMV and GEMM in the model's formats, row kernels, attention in KV splits. */
import { groupedAttention } from '../../../model/reference-attention.ts';
import { f16ToF32, f32ToF16 } from '../../../shared/float16.ts';
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { stateRowsCases } from '../cases/text-rows-cases.ts';
import { KernelFixture } from './kernel-fixture.ts';
import type { DecoderKernelConfig, DecoderKernels } from '../decoder/decoder-kernels.ts';
import type { KernelContext } from '../context.ts';
import type { DecoderFormats } from '../decoder/loaded-decoder.ts';
import { testedFormats, testGemm, testTiledGemm } from './matmul-test.ts';
import { selfTestCases } from './rows-test.ts';
import { testSplitKLayers } from './split-k-test.ts';
import { compileGemm, compileGemv } from '../matmul/compile.ts';
import { canSplitK, wideTile } from '../matmul/select.ts';
import { partialLength } from '../attention/kv-partials.ts';
import type { GemvSpec } from '../matmul/gemv.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** Tokens of the first run: with the next token more than the 64 of a KV split. */
const FIRST = 70;
const CAPACITY = 128;
const SPLIT = 64;

/**
 * Tests small kernels of the model's formats while those of its own sizes (`compiling`) still compile, then attention.
 * Throws NumericCheckError when one of them is wrong.
 */
export async function selfTestDecoder(
  context: KernelContext,
  { layer, head }: DecoderFormats,
  compiling: Promise<DecoderKernels>,
  { text, target }: DecoderKernelConfig,
): Promise<void> {
  const { compiler, tuning } = context;
  const normEpsilon = text.rmsNormEps;
  const tests = testedFormats([...Object.values(layer), head]).flatMap((format) => {
    const spec = { label: 'self-test', matrices: [format], epilogue: 'store', bias: true, normEpsilon } as const;
    const fused = async (columns: number, shares: Partial<GemvSpec>): Promise<void> => {
      const kernel = await compileGemv(compiler, { ...spec, ...shares }, columns, target);
      await testGemm(context, { step: kernel, format, tokens: columns, normEpsilon });
    };
    const many = async (): Promise<void> => {
      const kernel = await compileGemm(
        compiler,
        { label: 'self-test, GEMM', matrix: format, epilogue: 'store', bias: true },
        1,
        target,
      );
      await testTiledGemm(context, kernel, format, FIRST);
    };
    const split = canSplitK(Object.values(layer)) ? [testSplitKLayers(context, format, normEpsilon, target)] : [];
    return [fused(1, {}), fused(1, wideTile(tuning)), fused(tuning.columns, {}), many(), ...split];
  });
  const rows = selfTestCases(compiler, stateRowsCases());
  await Promise.all([...tests, rows, compiling.then((kernels) => testAttention(context, kernels))]);
}

async function testAttention(
  context: KernelContext,
  { attention: { choice, cacheWrite, prefill, decode, subgroupMatrix, kvSplitReduce } }: DecoderKernels,
): Promise<void> {
  const attentionSpec = choice.prefill;
  const { numHeads, numKvHeads, headDim, stored } = attentionSpec;
  const random = pseudoRandom();
  const width = (numHeads + 2 * numKvHeads) * headDim;
  const stride = paddedWidth(width);
  const outStride = paddedWidth(numHeads * headDim);
  const qkv = random((FIRST + 1) * width);
  const angles = random((CAPACITY * headDim) / 2).map((share) => share * Math.PI);
  const half = (values: Float32Array<ArrayBuffer>): ArrayBufferView<ArrayBuffer> =>
    stored === 'f16' ? new Uint16Array(f32ToF16(values)) : values;
  const exact = (values: Float32Array): Float32Array => (stored === 'f16' ? f16ToF32(f32ToF16(values)) : values);
  const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)];
  const fixture = new KernelFixture(context);
  try {
    const cacheBytes = numKvHeads * CAPACITY * headDim * (stored === 'f16' ? 2 : 4);
    const state = [
      fixture.filled(half(cos)),
      fixture.filled(half(sin)),
      fixture.empty(cacheBytes),
      fixture.empty(cacheBytes),
    ];
    const runs = [
      { first: 0, count: FIRST, what: 'attention' },
      { first: FIRST, count: 1, what: 'attention, decode' },
    ];
    for (const { first, count, what } of runs) {
      const step = count === 1;
      const splits = Math.ceil((first + count) / SPLIT);
      const rows = new Float32Array(count * stride);
      for (let i = 0; i < count; i++) rows.set(qkv.subarray((first + i) * width, (first + i + 1) * width), i * stride);
      const params = fixture.params({ tokens: count, past: first, capacity: CAPACITY, splits, chunk: SPLIT });
      const partials = fixture.empty(partialLength(attentionSpec, count, splits) * 4);
      const output = fixture.empty(count * outStride * 4);
      const inputs = [fixture.filled(rows), ...state];
      const caching = cacheWrite(count);
      if (!step) fixture.dispatch(caching.compiled, [...inputs, params], caching.grid);
      const { compiled: attention, grid } = (step ? decode : prefill)(count, splits);
      fixture.dispatch(attention, [...inputs, output, partials, params], grid);
      const reduce = kvSplitReduce(count);
      fixture.dispatch(reduce.compiled, [partials, output, params], reduce.grid);
      const expected = groupedAttention({ heads: attentionSpec, qkv, cos: exact(cos), sin: exact(sin), first, count });
      await fixture.expect(what, output, expected, { cols: numHeads * headDim, stride: outStride });
      if (step || subgroupMatrix === null) continue;
      const again = fixture.empty(count * outStride * 4);
      const { compiled, grid: groups } = subgroupMatrix(count);
      fixture.dispatch(compiled, [...inputs, again, params], groups);
      await fixture.expect(`${what} by subgroup matrices`, again, expected, {
        cols: numHeads * headDim,
        stride: outStride,
      });
    }
  } finally {
    fixture.dispose();
  }
}
