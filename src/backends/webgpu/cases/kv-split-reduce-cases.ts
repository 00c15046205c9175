/** Cases of the reduction of KV splits (attention/kv-split-reduce.ts). */
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { kvSplitReduceGrid, kvSplitReduceKernel } from '../attention/kv-split-reduce.ts';
import { paramWords } from '../gpu/kernel.ts';
import type { CaseRun, KernelCase } from './kernel-case.ts';
import { paddedWidth } from '../rows/row-layout.ts';

interface Sizes {
  readonly what: string;
  readonly numHeads: number;
  readonly headDim: number;
  readonly tokens: number;
  readonly splits: number;
  /** The spread of the splits' largest scores. */
  readonly spread: number;
  /** Every n-th split has no visible key. */
  readonly emptyEach?: number;
}

const SIZES: readonly Sizes[] = [
  { what: 'one split', numHeads: 3, headDim: 16, tokens: 1, splits: 1, spread: 1 },
  {
    what: 'more splits than threads take at once, heads that are not multiples of eight quads',
    numHeads: 2,
    headDim: 80,
    tokens: 3,
    splits: 103,
    spread: 4,
  },
  {
    what: 'scores far apart, splits that saw nothing',
    numHeads: 4,
    headDim: 32,
    tokens: 2,
    splits: 7,
    spread: 500,
    emptyEach: 3,
  },
  { what: 'as many splits as groups of threads, and one', numHeads: 1, headDim: 128, tokens: 1, splits: 17, spread: 1 },
];

/** Every case of the reduction. */
export function kvSplitReduceCases(): readonly KernelCase[] {
  return SIZES.map((sizes) => ({
    name: `KV split reduction: ${sizes.what}`,
    needs: {},
    tolerance: 4e-6,
    make: () => runOf(sizes),
  }));
}

function runOf({ numHeads, headDim, tokens, splits, spread, emptyEach = Infinity }: Sizes): CaseRun {
  const random = pseudoRandom();
  const rows = tokens * numHeads;
  const length = headDim + 4;
  const partials = new Float32Array(splits * rows * length);
  for (let i = 0; i < splits * rows; i++) {
    const split = Math.floor(i / rows);
    const isEmpty = split % emptyEach === 1;
    const [score = 0, weight = 0] = random(2);
    if (!isEmpty) partials.set(random(headDim), i * length);
    partials.set(isEmpty ? [-1e30, 0] : [score * spread, 1.5 + weight], i * length + headDim);
  }
  const values = new Float32Array(rows * headDim);
  for (let row = 0; row < rows; row++) {
    const at = (split: number, j: number): number => partials[(split * rows + row) * length + j] ?? 0;
    const all = Array.from({ length: splits }, (_, split) => split);
    const most = Math.max(...all.map((split) => at(split, headDim)));
    const factors = all.map((split) => Math.exp(at(split, headDim) - most));
    const total = all.reduce((sum, split) => sum + (factors[split] ?? 0) * at(split, headDim + 1), 0);
    for (let j = 0; j < headDim; j++) {
      values[row * headDim + j] = all.reduce((sum, split) => sum + (factors[split] ?? 0) * at(split, j), 0) / total;
    }
  }
  const cols = numHeads * headDim;
  return {
    kernel: kvSplitReduceKernel({ numHeads, headDim }),
    buffers: [
      { data: partials },
      { expected: { values, type: 'f32', cols, stride: paddedWidth(cols) } },
      { data: paramWords({ tokens, splits }) },
    ],
    grid: kvSplitReduceGrid({ numHeads, headDim }, tokens),
  };
}
