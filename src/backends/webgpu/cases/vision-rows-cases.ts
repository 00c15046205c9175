/** Cases of the vision tower's row kernels (rows/vision-rows.ts): patches, rotary positions, features. */
import { rotate } from '../../../model/reference-attention.ts';
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import type { Stored } from '../attention/cache-format.ts';
import { paramWords } from '../gpu/kernel.ts';
import { featureKernel, packedRotaryKernel, patchKernel, rotaryKernel } from '../rows/vision-rows.ts';
import { guardedRows, madeUpRows, paddedRows } from './case-inputs.ts';
import type { Expected, KernelCase } from './kernel-case.ts';
import { paddedWidth } from '../rows/row-layout.ts';

const TOLERANCE = 1e-6;
const TOLERANCE_F16 = 6e-4;

/** Every case of these kernels. */
export function visionRowsCases(): readonly KernelCase[] {
  return [
    ...PATCHES.map(patchCase),
    ...ROTARIES.flatMap((one) => [rotaryCase(one), packedRotaryCase(one)]),
    ...(['f16', 'f32'] as const).flatMap((type) => FEATURES.map((one) => featureCase(one, type))),
  ];
}

interface Patches {
  readonly what: string;
  /** Side of a patch, patches of a token along one side, tokens down and across. */
  readonly side: number;
  readonly merge: number;
  readonly down: number;
  readonly across: number;
  /** The image position of each token in window order. */
  readonly order: readonly number[];
}

const PATCHES: readonly Patches[] = [
  { what: 'one token', side: 14, merge: 2, down: 1, across: 1, order: [0] },
  {
    what: 'tokens in another order, rows with padding',
    side: 3,
    merge: 2,
    down: 2,
    across: 3,
    order: [3, 0, 5, 1, 4, 2],
  },
  {
    what: 'merged by three, more numbers than a workgroup takes',
    side: 5,
    merge: 3,
    down: 1,
    across: 2,
    order: [1, 0],
  },
];

function patchCase({ what, side, merge, down, across, order }: Patches): KernelCase {
  return {
    name: `vision patches: ${what}`,
    needs: {},
    tolerance: 0,
    make() {
      const random = pseudoRandom();
      const columns = across * merge;
      const width = columns * side;
      const pixels = Uint8Array.from(random(down * merge * side * width * 3), (value) => Math.floor((value + 1) * 128));
      const normalised = random(3 * 256);
      const tokens = order.length * merge ** 2;
      const [channels, frames] = [3, 2];
      const cols = channels * frames * side ** 2;
      const stride = paddedWidth(cols);
      const values = new Float32Array(tokens * stride);
      for (let row = 0; row < tokens; row++) {
        const token = order[Math.floor(row / merge ** 2)] ?? 0;
        const patch = row % merge ** 2;
        const top = (Math.floor(token / across) * merge + Math.floor(patch / merge)) * side;
        const left = ((token % across) * merge + (patch % merge)) * side;
        let at = row * stride;
        for (let channel = 0; channel < channels; channel++) {
          for (let frame = 0; frame < frames; frame++) {
            for (let y = top; y < top + side; y++) {
              for (let x = left; x < left + side; x++) {
                values[at++] = normalised[channel * 256 + (pixels[(y * width + x) * 3 + channel] ?? 0)] ?? NaN;
              }
            }
          }
        }
      }
      const shape = { patchSize: side, temporalPatchSize: frames, inChannels: channels, spatialMergeSize: merge };
      const { kernel, groups } = patchKernel(shape);
      const expected: Expected = { values, type: 'f32', cols: stride, stride };
      return {
        kernel,
        buffers: [
          { data: pixels },
          { data: normalised },
          { data: Uint32Array.from(order) },
          { expected },
          { data: paramWords({ tokens, columns }) },
        ],
        grid: [groups, tokens],
      };
    },
  };
}

interface Rotary {
  readonly what: string;
  readonly numHeads: number;
  readonly headDim: number;
  readonly tokens: number;
  readonly extremes?: boolean;
}

const ROTARIES: readonly Rotary[] = [
  { what: 'one token', numHeads: 2, headDim: 16, tokens: 1 },
  { what: 'rows with padding, more numbers than a workgroup takes', numHeads: 3, headDim: 80, tokens: 3 },
  { what: 'zero, large and small rows', numHeads: 1, headDim: 32, tokens: 4, extremes: true },
];

/** A run's inputs, and the expected queries, keys and values `[tokens, 3 numHeads headDim]`. */
function rotaryRun({ numHeads, headDim, tokens, extremes }: Rotary) {
  const random = pseudoRandom();
  const width = 3 * numHeads * headDim;
  const qkv = madeUpRows(tokens, width, random, extremes);
  const angles = random((tokens * headDim) / 2).map((turn) => turn * Math.PI);
  const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)];
  const values = qkv.slice();
  for (let token = 0; token < tokens; token++) {
    for (let head = 0; head < 2 * numHeads; head++) {
      const at = token * width + head * headDim;
      const scale = head < numHeads ? Math.LOG2E / Math.sqrt(headDim) : 1;
      values.set(
        rotate(qkv.subarray(at, at + headDim), cos, sin, token).map((value) => value * scale),
        at,
      );
    }
  }
  return { qkv, cos, sin, values, width, stride: paddedWidth(width) };
}

function rotaryCase(one: Rotary): KernelCase {
  return {
    name: `vision rotary: ${one.what}`,
    needs: {},
    tolerance: TOLERANCE,
    make() {
      const { qkv, cos, sin, values, width, stride } = rotaryRun(one);
      const { kernel, groups } = rotaryKernel(one);
      const expected: Expected = { values, type: 'f32', cols: width, stride };
      return {
        kernel,
        buffers: [
          { data: guardedRows(qkv, width, stride), expected },
          { data: cos },
          { data: sin },
          { data: paramWords({ tokens: one.tokens }) },
        ],
        grid: [groups, one.tokens],
      };
    },
  };
}

function packedRotaryCase(one: Rotary): KernelCase {
  return {
    name: `vision rotary to packed f16: ${one.what}`,
    needs: {},
    tolerance: TOLERANCE_F16,
    make() {
      const { qkv, cos, sin, values, width, stride } = rotaryRun(one);
      const { kernel, groups } = packedRotaryKernel(one);
      const expected: Expected = { values, type: 'f16', cols: width, stride: width };
      return {
        kernel,
        buffers: [
          { data: paddedRows(qkv, width, stride) },
          { data: cos },
          { data: sin },
          { expected },
          { data: paramWords({ tokens: one.tokens }) },
        ],
        grid: [groups, one.tokens],
      };
    },
  };
}

const FEATURES = [
  { what: 'one token', cols: 64, order: [0], extremes: false },
  { what: 'back into image order, rows with padding', cols: 150, order: [2, 0, 3, 1], extremes: false },
  { what: 'zero, large and small rows', cols: 34, order: [1, 0, 2], extremes: true },
] as const;

function featureCase({ what, cols, order, extremes }: (typeof FEATURES)[number], type: Stored): KernelCase {
  return {
    name: `vision features to ${type}: ${what}`,
    needs: {},
    tolerance: type === 'f16' ? TOLERANCE_F16 : 0,
    make() {
      const features = madeUpRows(order.length, cols, pseudoRandom(), extremes);
      const values = new Float32Array(features.length);
      order.forEach((to, from) => values.set(features.subarray(from * cols, (from + 1) * cols), to * cols));
      const { kernel, groups } = featureKernel(cols, type);
      const expected: Expected = { values, type, cols, stride: cols };
      return {
        kernel,
        buffers: [
          { data: paddedRows(features, cols, paddedWidth(cols)) },
          { data: Uint32Array.from(order) },
          { expected },
          { data: paramWords({ tokens: order.length }) },
        ],
        grid: [groups, order.length],
      };
    },
  };
}
