/** Cases of the vision tower's attention over spans: in f32 (attention/vision-attention.ts), and on subgroup matrices. */
import { attend } from '../../../model/reference-attention.ts';
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { spanSource, subgroupMatrixAttentionKernel } from '../attention/subgroup-matrix-attention.ts';
import {
  visionAttentionBytes,
  visionAttentionKernel,
  type VisionAttentionSpec,
} from '../attention/vision-attention.ts';
import { roundUp } from '../gpu/kernel.ts';
import { imageSpans, type Spans, windowSpans } from '../vision/attention-spans.ts';
import { madeUpRows, paddedRows, rounded, stored } from './case-inputs.ts';
import type { CaseBuffer, Expected, KernelCase } from './kernel-case.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** For exponents of up to a hundred. */
const TOLERANCE = 1e-5;
/** Weights are f16. */
const TOLERANCE_MATRICES = 2e-3;

interface VisionCase extends VisionAttentionSpec {
  readonly what: string;
  readonly patches: number;
  /** Patches per window, the last one shorter; absent: the whole image. */
  readonly window?: number;
  /** Factor on the scores. */
  readonly sharpness?: number;
}

const CASES: readonly VisionCase[] = [
  { what: 'one patch', numHeads: 2, headDim: 16, queries: 16, keys: 16, patches: 1 },
  { what: 'a patch past a span and a tile', numHeads: 2, headDim: 20, queries: 16, keys: 16, patches: 33 },
  { what: 'windows, the last one shorter', numHeads: 1, headDim: 40, queries: 32, keys: 16, patches: 70, window: 24 },
  { what: 'larger tiles, heads of 80', numHeads: 2, headDim: 80, queries: 32, keys: 32, patches: 39 },
  { what: 'the largest tiles', numHeads: 1, headDim: 80, queries: 64, keys: 32, patches: 65 },
  {
    what: 'scores so large that one key has all the weight',
    numHeads: 1,
    headDim: 16,
    queries: 16,
    keys: 16,
    patches: 20,
    sharpness: 8,
  },
];

/** A workgroup has 64 queries, and takes 32 keys at a time. */
const ON_MATRICES: readonly VisionCase[] = [
  { what: 'one patch', numHeads: 2, headDim: 16, queries: 64, keys: 32, patches: 1 },
  { what: 'a patch past a span and a tile', numHeads: 2, headDim: 80, queries: 64, keys: 32, patches: 65 },
  { what: 'windows, the last one shorter', numHeads: 1, headDim: 48, queries: 64, keys: 32, patches: 150, window: 64 },
  {
    what: 'scores so large that one key has all the weight',
    numHeads: 1,
    headDim: 16,
    queries: 64,
    keys: 32,
    patches: 20,
    sharpness: 8,
  },
];

/** Every case of the vision tower's attention. */
export function visionAttentionCases(): readonly KernelCase[] {
  return [...CASES.map(plainCase), ...ON_MATRICES.map(matricesCase)];
}

function plainCase(one: VisionCase): KernelCase {
  return {
    name: `vision attention: ${one.what}`,
    needs: { workgroupBytes: visionAttentionBytes(one) },
    tolerance: TOLERANCE,
    make() {
      const { qkv, spans, expected } = runOf(one, 'f32');
      const width = 3 * one.numHeads * one.headDim;
      return {
        kernel: visionAttentionKernel(one),
        buffers: [{ data: paddedRows(qkv, width, paddedWidth(width)) }, spans, { expected }],
        grid: [spans.data.length / 4, one.numHeads],
      };
    },
  };
}

function matricesCase(one: VisionCase): KernelCase {
  return {
    name: `vision attention on subgroup matrices: ${one.what}`,
    needs: { f16: true, subgroupMatrices: true, workgroupBytes: 32_768 },
    tolerance: TOLERANCE_MATRICES,
    make() {
      const { qkv, spans, expected } = runOf(one, 'f16');
      return {
        kernel: subgroupMatrixAttentionKernel(spanSource(one)),
        buffers: [{ data: stored(qkv, 'f16') }, spans, { expected }],
        grid: [spans.data.length / 4, one.numHeads],
      };
    },
  };
}

/** Sizes of windows of `window` rows, the last one cut short. */
function sizesOf(patches: number, window: number): number[] {
  return Array.from({ length: Math.ceil(patches / window) }, (_, i) => Math.min(window, patches - i * window));
}

/** Queries already rotated and scaled for powers of two, and the expected result of attention over the spans. */
function runOf(
  { numHeads, headDim, queries, patches, window, sharpness = 1 }: VisionCase,
  type: 'f16' | 'f32',
): {
  readonly qkv: Float32Array<ArrayBuffer>;
  readonly spans: CaseBuffer & { readonly data: Spans };
  readonly expected: Expected;
} {
  const hidden = numHeads * headDim;
  const made = madeUpRows(patches, 3 * hidden, pseudoRandom()).map((value) => value * sharpness);
  const qkv = rounded(made, type);
  const spans = window === undefined ? imageSpans(patches, queries) : windowSpans(sizesOf(patches, window), queries);
  const values = new Float32Array(patches * hidden);
  for (let row = 0; row < patches; row++) {
    const begin = window === undefined ? 0 : row - (row % window);
    const count = Math.min(window ?? patches, patches - begin);
    for (let head = 0; head < numHeads; head++) {
      const part = (of: number, which: number): Float32Array =>
        qkv.subarray(
          of * 3 * hidden + which * hidden + head * headDim,
          of * 3 * hidden + which * hidden + (head + 1) * headDim,
        );
      // The reference scales the scores itself and uses powers of e.
      const query = part(row, 0).map((value) => value * Math.LN2 * Math.sqrt(headDim));
      const at = row * hidden + head * headDim;
      attend({
        query,
        count,
        key: (i) => part(begin + i, 1),
        value: (i) => part(begin + i, 2),
        out: values.subarray(at, at + headDim),
      });
    }
  }
  return { qkv, spans: { data: spans }, expected: { values, type: 'f32', cols: hidden, stride: roundUp(hidden, 32) } };
}
