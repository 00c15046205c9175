/** Causal attention over a static cache: made-up prompts in the order of the kernels' bindings, and the expected results. */
import { attend, rotate } from '../../../model/reference-attention.ts';
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import type { Stored } from '../attention/cache-format.ts';
import { roundUp, paramWords } from '../gpu/kernel.ts';
import { madeUpRows, paddedRows, rounded, stored } from './case-inputs.ts';
import type { CaseBuffer, Expected } from './kernel-case.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** Sizes of a run. */
export interface AttentionProblem {
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly stored: Stored;
  /** Tokens cached before the run, and those of the run. */
  readonly past: number;
  readonly tokens: number;
  readonly capacity: number;
  /** Cached tokens per KV split; absent: one split, whose result is the output. */
  readonly chunk?: number;
  /** Factor on the scores: a large one gives a single key all the weight. The first token's scores are 0. */
  readonly sharpness?: number;
}

/** A run's numbers. */
export interface AttentionRun {
  /** qkv f32 `[tokens, ...]`, cos and sin rows as they are stored. */
  readonly inputs: readonly CaseBuffer[];
  /** The cache before and after the run: `[numKvHeads, capacity, headDim]`. */
  readonly before: Cache;
  readonly after: Cache;
  readonly params: CaseBuffer;
  readonly splits: number;
  /** The expected output, or partial results if there are several splits. */
  readonly results: readonly CaseBuffer[];
}

interface Cache {
  readonly keys: Float32Array<ArrayBuffer>;
  readonly values: Float32Array<ArrayBuffer>;
}

/** Makes a run. Slots that hold no token are NaN, as an earlier prompt may have left them. */
export function attentionRun(problem: AttentionProblem): AttentionRun {
  const { numHeads, numKvHeads, headDim, stored: type, past, tokens, capacity, chunk, sharpness = 1 } = problem;
  const random = pseudoRandom();
  const width = (numHeads + 2 * numKvHeads) * headDim;
  const total = past + tokens;
  const qkv = madeUpRows(total, width, random, sharpness !== 1);
  if (sharpness !== 1) qkv.forEach((value, i) => (qkv[i] = Math.max(-1, Math.min(1, value)) * sharpness));
  const angles = random((capacity * headDim) / 2).map((turn) => turn * Math.PI);
  const cos = rounded(angles.map(Math.cos), type);
  const sin = rounded(angles.map(Math.sin), type);
  const headOf = (token: number, head: number): Float32Array =>
    qkv.subarray(token * width + head * headDim, token * width + (head + 1) * headDim);

  const cacheOf = (count: number): Cache => {
    const keys = new Float32Array(numKvHeads * capacity * headDim).fill(NaN);
    const values = keys.slice();
    for (let head = 0; head < numKvHeads; head++) {
      for (let token = 0; token < count; token++) {
        const at = (head * capacity + token) * headDim;
        keys.set(rounded(new Float32Array(rotate(headOf(token, numHeads + head), cos, sin, token)), type), at);
        values.set(rounded(new Float32Array(headOf(token, numHeads + numKvHeads + head)), type), at);
      }
    }
    return { keys, values };
  };
  const after = cacheOf(total);
  const splits = chunk === undefined ? 1 : Math.ceil(total / chunk);
  const query = (token: number, head: number): Float32Array =>
    rotate(headOf(past + token, head), cos, sin, past + token);
  const attending: Attending = { problem, after, query };
  return {
    inputs: [
      { data: paddedRows(qkv.subarray(past * width), width, paddedWidth(width)) },
      { data: stored(cos, type) },
      { data: stored(sin, type) },
    ],
    before: cacheOf(past),
    after,
    params: { data: paramWords({ tokens, past, capacity, splits, chunk: chunk ?? capacity }) },
    splits,
    results:
      splits === 1
        ? [{ expected: outputOf(attending) }, { data: new Float32Array(4) }]
        : [{ data: new Float32Array(4) }, { expected: partialsOf(attending, splits, chunk ?? capacity) }],
  };
}

/** The cache as buffers, read only or also written. */
export function cacheBuffers(
  { before, after }: AttentionRun,
  problem: AttentionProblem,
  isWritten: boolean,
): readonly CaseBuffer[] {
  const { stored: type, headDim } = problem;
  return (['keys', 'values'] as const).map((name) => {
    if (!isWritten) return { data: stored(after[name], type) };
    return {
      data: stored(before[name], type),
      expected: { values: after[name], type, cols: headDim, stride: headDim },
    };
  });
}

interface Attending {
  readonly problem: AttentionProblem;
  readonly after: Cache;
  query(token: number, head: number): Float32Array;
}

/** f32 `[tokens, numHeads headDim]`, rows padded to a multiple of 32. */
function outputOf({ problem, after, query }: Attending): Expected {
  const { numHeads, numKvHeads, headDim, past, tokens, capacity } = problem;
  const values = new Float32Array(tokens * numHeads * headDim);
  for (let token = 0; token < tokens; token++) {
    for (let head = 0; head < numHeads; head++) {
      const kvHead = Math.floor(head / (numHeads / numKvHeads));
      const slot = (of: Float32Array) => (i: number) =>
        of.subarray((kvHead * capacity + i) * headDim, (kvHead * capacity + i + 1) * headDim);
      const at = (token * numHeads + head) * headDim;
      const out = values.subarray(at, at + headDim);
      attend({
        query: query(token, head),
        count: past + token + 1,
        key: slot(after.keys),
        value: slot(after.values),
        out,
      });
    }
  }
  return { values, type: 'f32', cols: numHeads * headDim, stride: roundUp(numHeads * headDim, 32) };
}

/** The largest score of a split with no visible key. */
const NEVER = -1e30;

/**
 * f32 `[splits, tokens, numHeads, headDim + 4]`: the sum of exp(score - largest) times value, then the largest score, the sum of
 * the weights and two zeros.
 */
function partialsOf({ problem, after, query }: Attending, splits: number, chunk: number): Expected {
  const { numHeads, numKvHeads, headDim, past, tokens, capacity } = problem;
  const cols = headDim + 4;
  const values = new Float32Array(splits * tokens * numHeads * cols);
  const scales = new Float32Array(values.length).fill(1);
  for (let split = 0; split < splits; split++) {
    for (let row = 0; row < tokens * numHeads; row++) {
      const [token, head] = [Math.floor(row / numHeads), row % numHeads];
      const kvHead = Math.floor(head / (numHeads / numKvHeads));
      const q = query(token, head);
      const scores: number[] = [];
      for (let slot = split * chunk; slot < Math.min((split + 1) * chunk, past + token + 1); slot++) {
        const at = (kvHead * capacity + slot) * headDim;
        scores.push(q.reduce((sum, value, j) => sum + value * (after.keys[at + j] ?? 0), 0) / Math.sqrt(headDim));
      }
      const most = Math.max(NEVER, ...scores);
      const weights = scores.map((score) => Math.exp(score - most));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const out = (split * tokens * numHeads + row) * cols;
      for (let j = 0; j < headDim; j++) {
        const first = (kvHead * capacity + split * chunk) * headDim + j;
        values[out + j] = weights.reduce(
          (sum, weight, i) => sum + weight * (after.values[first + i * headDim] ?? 0),
          0,
        );
        scales[out + j] = weights.reduce(
          (sum, weight, i) => sum + weight * Math.abs(after.values[first + i * headDim] ?? 0),
          1e-3,
        );
      }
      values.set([most, total], out + headDim);
      scales.set([Math.max(1, Math.abs(most)), Math.max(1, total)], out + headDim);
    }
  }
  return { values, scales, type: 'f32', cols, stride: cols };
}
