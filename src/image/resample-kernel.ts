/**
 * The inner loops of resample.ts as WebAssembly SIMD: one row of a horizontal or a vertical pass over 8-bit RGB, in Pillow's
 * fixed point: wrapping 32-bit sums, an arithmetic shift, then a clip to 0..255. Nothing else rounds.
 *
 * Both may read and write up to 15 bytes past a row, at the beginning of the next one; memory extends beyond that.
 * Source: ImagingResampleHorizontal_8bpc and ImagingResampleVertical_8bpc in Pillow's src/libImaging/Resample.c.
 */
import {
  assemble,
  type Code,
  doWhile,
  get,
  i16x8,
  i32,
  i32x4,
  i8x16,
  Locals,
  sequence,
  set,
  v128,
  type WasmFunction,
} from '../shared/wasm-assembler.ts';
import { PRECISION_BITS } from './resample-weights.ts';

/** Bytes that must follow the last row. */
export const SLACK_BYTES = 16;

/** A page of WebAssembly memory. */
const PAGE_BYTES = 65_536;

/** Half of the last bit that the final shift keeps: sums start here, so that the shift rounds. */
const ROUNDING = i32x4.const(1 << (PRECISION_BITS - 1));

/** The kernel with its own memory. All arguments are addresses or byte counts. */
export interface ResampleKernel {
  readonly memory: WebAssembly.Memory;
  /**
   * Fills `[out, outEnd)` with pixels: for each, `spans` holds the offset of its first input pixel from `row` and the bytes of
   * its weights (both i32); its weights (i32) lie `stride` bytes after the previous pixel's.
   */
  horizontal(row: number, out: number, outEnd: number, spans: number, weights: number, stride: number): void;
  /** Fills `[out, outEnd)` with sums of rows: the first begins at `rows`, each further one `rowBytes` later, one for each of the weights in `[weights, weightsEnd)`. */
  vertical(rows: number, rowBytes: number, out: number, outEnd: number, weights: number, weightsEnd: number): void;
}

let module: WebAssembly.Module | null = null;

/** Makes a kernel with at least this many bytes of its own memory: calls share nothing. */
export function openResampleKernel(bytes: number): ResampleKernel {
  module ??= new WebAssembly.Module(assemble([horizontal(), vertical()], 1));
  const { exports } = new WebAssembly.Instance(module);
  const kernel = exports as unknown as ResampleKernel;
  const pages = Math.ceil(bytes / PAGE_BYTES);
  if (pages > 1) kernel.memory.grow(pages - 1);
  return kernel;
}

const PARAMETERS = 6;
const step = (local: number, by: Code): Code => set(local, i32.add(get(local), by));
/** Four sums as bytes, clipped. */
const bytesOf = (low: Code, high: Code, third: Code, fourth: Code): Code =>
  i8x16.narrow_i16x8_u(i16x8.narrow_i32x4(low, high), i16x8.narrow_i32x4(third, fourth));
const shifted = (sums: Code): Code => i32x4.shr_s(sums, i32.const(PRECISION_BITS));

/** A pixel's three channels are summed in three lanes; the fourth is the next pixel's first channel and is ignored. */
function horizontal(): WasmFunction {
  const [ROW, OUT, OUT_END, SPANS, WEIGHTS, STRIDE] = [0, 1, 2, 3, 4, 5];
  const locals = new Locals(PARAMETERS);
  const [from, weight, weightEnd] = [locals.add('i32'), locals.add('i32'), locals.add('i32')];
  const [sums, done] = [locals.add('v128'), locals.add('v128')];
  const channels = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(get(from), 0)));
  const body = doWhile(
    sequence(
      set(from, i32.add(get(ROW), i32.load(get(SPANS), 0))),
      set(weight, get(WEIGHTS)),
      set(weightEnd, i32.add(get(WEIGHTS), i32.load(get(SPANS), 4))),
      set(sums, ROUNDING),
      doWhile(
        sequence(
          set(sums, i32x4.add(get(sums), i32x4.mul(channels, i32x4.splat(i32.load(get(weight), 0))))),
          step(from, i32.const(3)),
          step(weight, i32.const(4)),
        ),
        i32.ne(get(weight), get(weightEnd)),
      ),
      set(done, shifted(get(sums))),
      v128.store32_first(get(OUT), 0, bytesOf(get(done), get(done), get(done), get(done))),
      step(OUT, i32.const(3)),
      step(SPANS, i32.const(8)),
      step(WEIGHTS, get(STRIDE)),
    ),
    i32.ne(get(OUT), get(OUT_END)),
  );
  return { name: 'horizontal', parameters: PARAMETERS, locals: locals.types, body };
}

/** Sixteen bytes of a row at a time, regardless of pixels and channels. */
function vertical(): WasmFunction {
  const [ROWS, ROW_BYTES, OUT, OUT_END, WEIGHTS, WEIGHTS_END] = [0, 1, 2, 3, 4, 5];
  const locals = new Locals(PARAMETERS);
  const [from, weight] = [locals.add('i32'), locals.add('i32')];
  const [bytes, factor] = [locals.add('v128'), locals.add('v128')];
  const sums = [locals.add('v128'), locals.add('v128'), locals.add('v128'), locals.add('v128')] as const;
  const [low, high] = [i16x8.extend_low_i8x16_u(get(bytes)), i16x8.extend_high_i8x16_u(get(bytes))];
  const quarters = [
    i32x4.extend_low_i16x8_u(low),
    i32x4.extend_high_i16x8_u(low),
    i32x4.extend_low_i16x8_u(high),
    i32x4.extend_high_i16x8_u(high),
  ] as const;
  const add = (quarter: 0 | 1 | 2 | 3): Code =>
    set(sums[quarter], i32x4.add(get(sums[quarter]), i32x4.mul(quarters[quarter], get(factor))));
  const sum = (quarter: 0 | 1 | 2 | 3): Code => shifted(get(sums[quarter]));
  const body = doWhile(
    sequence(
      set(from, get(ROWS)),
      set(weight, get(WEIGHTS)),
      ...sums.map((local) => set(local, ROUNDING)),
      doWhile(
        sequence(
          set(bytes, v128.load(get(from), 0)),
          set(factor, i32x4.splat(i32.load(get(weight), 0))),
          add(0),
          add(1),
          add(2),
          add(3),
          step(from, get(ROW_BYTES)),
          step(weight, i32.const(4)),
        ),
        i32.ne(get(weight), get(WEIGHTS_END)),
      ),
      v128.store(get(OUT), 0, bytesOf(sum(0), sum(1), sum(2), sum(3))),
      step(OUT, i32.const(16)),
      step(ROWS, i32.const(16)),
    ),
    i32.lt_u(get(OUT), get(OUT_END)),
  );
  return { name: 'vertical', parameters: PARAMETERS, locals: locals.types, body };
}
