/** Cases of the language model's row kernels (rows/text-rows.ts): embedding, residual stream, RMSNorm, arg max. */
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import type { Stored } from '../attention/cache-format.ts';
import { paramWords } from '../gpu/kernel.ts';
import {
  ARG_MAX_CANDIDATES,
  argMaxKernels,
  embedKernel,
  embeddingToResidualKernel,
  normKernel,
} from '../rows/text-rows.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';
import { madeUpMatrix, madeUpRows, paddedRows, rounded, stored } from './case-inputs.ts';
import { QUANTIZED, type Storage, storageName } from './formats.ts';
import type { Expected, KernelCase } from './kernel-case.ts';
import { rmsNorm } from './reference.ts';
import { paddedWidth } from '../rows/row-layout.ts';

const TYPES = ['f16', 'f32'] as const;
const TOLERANCE = 1e-6;
/** From rounding to f16. */
const TOLERANCE_F16 = 6e-4;

/** Every case of these kernels. */
export function textRowsCases(): readonly KernelCase[] {
  const tables: readonly Storage[] = [...QUANTIZED, ...TYPES.map((floats) => ({ kind: 'table', floats }) as const)];
  return [...tables.flatMap(embeddingCases), ...stateRowsCases()];
}

/** The cases of the embedding lookup in a table stored that way. */
export function embeddingCases(table: Storage): readonly KernelCase[] {
  return EMBEDDINGS.map((one, i) => embedCase(table, one, i % 2 === 0 ? 'f16' : 'f32'));
}

/** The cases of the kernels behind the embedding: residual stream, RMSNorm, arg max. */
export function stateRowsCases(): readonly KernelCase[] {
  return [
    ...TYPES.flatMap((type) => LOADS.map(([what, tokens, cols]) => loadCase(type, what, tokens, cols))),
    ...NORMS.flatMap((one) => [false, true].map((gapless) => normCase(one, gapless))),
    ...ARG_MAXES.flatMap((one) => [argMaxPartsCase(one), argMaxCase(one)]),
  ];
}

interface Embedding {
  readonly what: string;
  readonly rows: number;
  readonly cols: number;
  /** Ids as words: the lower half of an int64, then the upper. */
  readonly ids: readonly number[];
  readonly extremes?: boolean;
}

const EMBEDDINGS: readonly Embedding[] = [
  { what: 'the first row, the last, and one twice', rows: 37, cols: 64, ids: [0, 36, 7, 7] },
  { what: 'an id behind the last row gives the last', rows: 5, cols: 32, ids: [9] },
  {
    what: 'zero, large and small rows, more numbers than a workgroup takes',
    rows: 4,
    cols: 544,
    ids: [0, 1, 2, 3],
    extremes: true,
  },
];

function embedCase(table: Storage, { what, rows, cols, ids, extremes }: Embedding, type: Stored): KernelCase {
  return {
    name: `embedding, ${storageName(table)}, to ${type}: ${what}`,
    needs: {},
    tolerance: type === 'f16' ? TOLERANCE_F16 : TOLERANCE,
    make() {
      const format: MatrixFormat = { ...table, rows, cols };
      const { arrays, weights } = madeUpMatrix(format, pseudoRandom(), extremes);
      const values = Float32Array.from({ length: ids.length * cols }, (_, i) => {
        const row = Math.min(ids[Math.floor(i / cols)] ?? 0, rows - 1);
        const value = weights[row * cols + (i % cols)] ?? NaN;
        return type === 'f16' && Math.abs(value) > 65_504 ? NaN : value; // f16 has no such number
      });
      const { kernel, groups } = embedKernel(format, type);
      const words = Uint32Array.from(ids.flatMap((id) => [id, 0]));
      const expected: Expected = { values, type, cols, stride: cols };
      return {
        kernel,
        buffers: [...arrays.map((data) => ({ data })), { data: words }, { expected }],
        grid: [groups, ids.length],
      };
    },
  };
}

const LOADS = [
  ['one token', 1, 32],
  ['rows of an odd number of words, three tokens', 3, 66],
  ['more numbers than a workgroup takes', 2, 130],
] as const;

function loadCase(type: Stored, what: string, tokens: number, cols: number): KernelCase {
  return {
    name: `residual stream from ${type}: ${what}`,
    needs: {},
    tolerance: 0,
    make() {
      const embeds = pseudoRandom()(tokens * cols);
      const { kernel, groups } = embeddingToResidualKernel(cols, type);
      const expected: Expected = { values: rounded(embeds, type), type: 'f32', cols, stride: paddedWidth(cols) };
      return {
        kernel,
        buffers: [{ data: stored(embeds, type) }, { expected }, { data: paramWords({ tokens }) }],
        grid: [groups, tokens],
      };
    },
  };
}

const NORMS = [
  { what: 'one token', tokens: 1, cols: 64, extremes: false },
  { what: 'rows with padding, more quads than threads', tokens: 3, cols: 1036, extremes: false },
  { what: 'zero, large and small rows', tokens: 4, cols: 36, extremes: true },
] as const;

function normCase({ what, tokens, cols, extremes }: (typeof NORMS)[number], gapless: boolean): KernelCase {
  const epsilon = 1e-6;
  return {
    name: `RMSNorm, rows ${gapless ? 'without gaps' : 'padded'}: ${what}`,
    needs: {},
    tolerance: TOLERANCE,
    make() {
      const random = pseudoRandom();
      const [x, gamma] = [madeUpRows(tokens, cols, random, extremes), random(cols)];
      const values = Float32Array.from(rmsNorm(x, cols, epsilon, gamma));
      const padded = paddedWidth(cols);
      return {
        kernel: normKernel({ label: 'norm', cols, epsilon, gapless }),
        buffers: [
          { data: paddedRows(x, cols, padded) },
          { data: gamma },
          { expected: { values, type: 'f32', cols, stride: gapless ? cols : padded } },
        ],
        grid: [tokens],
      };
    },
  };
}

interface ArgMax {
  readonly what: string;
  readonly rows: number;
  readonly cols: number;
  /** Changes the random logits of all rows. */
  readonly set?: (logits: Float32Array, cols: number) => void;
}

const ARG_MAXES: readonly ArgMax[] = [
  { what: 'odd columns, three rows', rows: 3, cols: 1237 },
  { what: 'fewer columns than candidates', rows: 1, cols: 50 },
  {
    what: 'the first of equals, infinities and NaN passed over',
    rows: 2,
    cols: 20_011,
    set: (logits, cols) => {
      for (let row = 0; row < 2; row++) {
        // Ties within one thread, and between two threads: threads take every 256th of a candidate's 313 columns.
        for (const column of row === 0 ? [320, 576] : [400, 401]) logits[row * cols + column] = 7;
        logits[(row + 1) * cols - 1] = 7;
        logits[row * cols + 3] = Infinity;
        logits[row * cols + 9000] = NaN;
      }
    },
  },
  { what: 'no finite number', rows: 1, cols: 300, set: (logits) => logits.fill(NaN) },
  {
    what: 'all below zero',
    rows: 1,
    cols: 700,
    set: (logits) => logits.forEach((value, i) => (logits[i] = value - 5)),
  },
];

const NONE = 0xffffffff;

/** The first of the largest finite numbers in `[from, to)`. */
function argMaxOf(logits: Float32Array, from: number, to: number): number | null {
  let best: number | null = null;
  for (let i = from; i < to; i++) {
    if (!Number.isFinite(logits[i])) continue;
    if (best === null || (logits[i] ?? 0) > (logits[best] ?? 0)) best = i;
  }
  return best;
}

function logitsOf({ rows, cols, set }: ArgMax): Float32Array<ArrayBuffer> {
  const logits = pseudoRandom()(rows * cols);
  set?.(logits, cols);
  return logits;
}

/** Each row's candidates. */
function candidatesOf(logits: Float32Array, { rows, cols }: ArgMax): Uint32Array<ArrayBuffer> {
  const part = Math.ceil(cols / ARG_MAX_CANDIDATES);
  return Uint32Array.from({ length: rows * ARG_MAX_CANDIDATES }, (_, i) => {
    const [row, at] = [Math.floor(i / ARG_MAX_CANDIDATES), (i % ARG_MAX_CANDIDATES) * part];
    const best = argMaxOf(logits, row * cols + Math.min(at, cols), row * cols + Math.min(at + part, cols));
    return best === null ? NONE : best - row * cols;
  });
}

function argMaxPartsCase(one: ArgMax): KernelCase {
  return {
    name: `arg max, candidates: ${one.what}`,
    needs: {},
    tolerance: 0,
    make() {
      const logits = logitsOf(one);
      const values = candidatesOf(logits, one);
      const expected: Expected = { values, type: 'u32', cols: ARG_MAX_CANDIDATES, stride: ARG_MAX_CANDIDATES };
      return {
        kernel: argMaxKernels(one.cols).candidates,
        buffers: [{ data: logits }, { expected }],
        grid: [ARG_MAX_CANDIDATES, one.rows],
      };
    },
  };
}

function argMaxCase(one: ArgMax): KernelCase {
  return {
    name: `arg max: ${one.what}`,
    needs: {},
    tolerance: 0,
    make() {
      const logits = logitsOf(one);
      const values = Uint32Array.from({ length: one.rows }, (_, row) => {
        const best = argMaxOf(logits, row * one.cols, (row + 1) * one.cols);
        return best === null ? NONE : best - row * one.cols;
      });
      const words = Uint32Array.from(values).reduce<number[]>((all, word) => [...all, word, 0], []);
      const expected: Expected = { values: Uint32Array.from(words), type: 'u32', cols: 2, stride: 2 };
      const buffers = [{ data: candidatesOf(logits, one) }, { data: logits }, { expected }];
      return { kernel: argMaxKernels(one.cols).best, buffers, grid: [one.rows] };
    },
  };
}
