/**
 * The filter weights of Pillow-exact resampling along one axis, in fixed point. Knows sizes and filters, but no pixels.
 * The arithmetic follows Pillow's src/libImaging/Resample.c: weights computed and normalised in double precision, then
 * rounded half away from zero to 22 fractional bits.
 */
import type { ResampleFilter } from '../model/processor-settings.ts';

/** Fractional bits of a weight: 32 minus 8 for the pixel and 2 for the overshoot of negative lobes. */
export const PRECISION_BITS = 32 - 8 - 2;

/** For every output position along one axis: which input positions it reads and with what weights. */
export interface ResampleWeights {
  /** First input position read, `[outSize]`. */
  readonly starts: Int32Array;
  /** Input positions read, `[outSize]`. */
  readonly counts: Int32Array;
  /** Fixed-point weights, `[outSize, stride]`; only the first `counts[i]` of a row count. */
  readonly weights: Int32Array;
  readonly stride: number;
  /** One past the last input position any output reads. */
  readonly end: number;
}

interface Kernel {
  /** Half the width in input pixels at scale 1. */
  readonly support: number;
  weightAt(x: number): number;
}

/** Windowed sinc of three lobes. */
const LANCZOS: Kernel = {
  support: 3,
  weightAt: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0),
};

/** A triangle. */
const BILINEAR: Kernel = {
  support: 1,
  weightAt: (x) => Math.max(0, 1 - Math.abs(x)),
};

/** Cubic convolution with a = -0.5. */
const BICUBIC: Kernel = {
  support: 2,
  weightAt(signed) {
    const x = Math.abs(signed);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
  },
};

const KERNELS: Readonly<Record<ResampleFilter, Kernel>> = { lanczos: LANCZOS, bilinear: BILINEAR, bicubic: BICUBIC };

function sinc(x: number): number {
  if (x === 0) return 1;
  const radians = x * Math.PI;
  return Math.sin(radians) / radians;
}

/**
 * The weights that take `inSize` pixels to `outSize` pixels (both at least 1).
 * Source: precompute_coeffs and normalize_coeffs_8bpc in Pillow's src/libImaging/Resample.c.
 */
export function resampleWeights(inSize: number, outSize: number, filter: ResampleFilter): ResampleWeights {
  const kernel = KERNELS[filter];
  const scale = inSize / outSize;
  const filterScale = Math.max(scale, 1); // widening the kernel when shrinking antialiases
  const support = kernel.support * filterScale;
  const inverseScale = 1 / filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(outSize);
  const counts = new Int32Array(outSize);
  const weights = new Int32Array(outSize * stride);
  const exact = new Float64Array(stride);
  let end = 0;

  for (let out = 0; out < outSize; out++) {
    const center = (out + 0.5) * scale;
    const start = Math.max(Math.trunc(center - support + 0.5), 0);
    const count = Math.min(Math.trunc(center + support + 0.5), inSize) - start;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const weight = kernel.weightAt((i + start - center + 0.5) * inverseScale);
      exact[i] = weight;
      sum += weight;
    }
    for (let i = 0; i < count; i++) {
      const weight = exact[i] ?? 0;
      weights[out * stride + i] = toFixedPoint(sum === 0 ? weight : weight / sum);
    }
    starts[out] = start;
    counts[out] = count;
    end = Math.max(end, start + count);
  }
  return { starts, counts, weights, stride, end };
}

function toFixedPoint(weight: number): number {
  const scaled = weight * (1 << PRECISION_BITS);
  return Math.trunc(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}
