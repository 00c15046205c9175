/** What the quantising functions share: their parameters, the loop over blocks, a block's extreme, rounding scales to f16. */
import { QUANT_BLOCK } from '../../onnx/precision.ts';
import {
  choose,
  type Code,
  doWhile,
  f32,
  f32x4,
  get,
  i32,
  i32x4,
  type Locals,
  sequence,
  set,
  v128,
  type ValueType,
  when,
} from '../../shared/wasm-assembler.ts';

/** Vectors per block. */
export const VECTORS = Array.from({ length: QUANT_BLOCK / 4 }, (_, i) => i);

/** Parameters of both functions. */
export const [VALUES, END, QUANTIZED, SCALES, HALF] = [0, 1, 2, 3, 4] as const;
/** Number of parameters. */
export const PARAMETERS = 5;

/** Locals and code of a function. */
export interface FunctionBody {
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** The same number in four lanes. */
export const splat = (value: number): Code => f32x4.const(value, value, value, value);
/** Vector i of the block. */
export const vectorAt = (i: number): Code => v128.load(get(VALUES), 16 * i);

/** Calls `body` for every block, `quantizedBytes` being the bytes of a block's quantized values. */
export function eachBlock(quantizedBytes: number, body: Code): Code {
  return doWhile(
    sequence(
      body,
      set(VALUES, i32.add(get(VALUES), i32.const(4 * QUANT_BLOCK))),
      set(QUANTIZED, i32.add(get(QUANTIZED), i32.const(quantizedBytes))),
      set(SCALES, i32.add(get(SCALES), i32.const(4))),
    ),
    i32.sub(get(END), get(VALUES)),
  );
}

/** Sets `result` (f32) to the block's first element of largest magnitude, sign kept. */
export function findExtreme(locals: Locals, result: number): Code {
  const [high, low] = [locals.add('v128'), locals.add('v128')];
  const [most, least] = [locals.add('f32'), locals.add('f32')];
  const address = locals.add('i32');
  const across = (local: number, pick: (...operands: Code[]) => Code): Code =>
    sequence(
      set(local, pick(get(local), v128.shuffle(get(local), get(local), [2, 3, 0, 1]))),
      set(local, pick(get(local), v128.shuffle(get(local), get(local), [1, 0, 3, 2]))),
    );
  return sequence(
    set(high, vectorAt(0)),
    set(low, get(high)),
    ...VECTORS.slice(1).map((i) =>
      sequence(set(high, f32x4.pmax(get(high), vectorAt(i))), set(low, f32x4.pmin(get(low), vectorAt(i)))),
    ),
    across(high, f32x4.pmax),
    across(low, f32x4.pmin),
    set(most, f32x4.extract(get(high), 0)),
    set(least, f32x4.extract(get(low), 0)),
    set(result, choose(f32.gt(get(most), f32.neg(get(least))), get(most), get(least))),
    when(
      f32.eq(get(most), f32.neg(get(least))), // the same magnitude with both signs: take the first
      sequence(
        set(address, i32.sub(get(VALUES), i32.const(4))),
        doWhile(
          sequence(set(address, i32.add(get(address), i32.const(4))), set(result, f32.load(get(address), 0))),
          f32.ne(f32.abs(get(result)), get(most)),
        ),
      ),
    ),
  );
}

/** Rounds the v128 local `scale` to f16 where the mask is set: to nearest, ties to even. Values too large for f16 stay too large. */
export function roundScale(locals: Locals, scale: number): Code {
  const [magnitude, rounded] = [locals.add('v128'), locals.add('v128')];
  const odd = v128.and(i32x4.shr_u(get(magnitude), i32.const(13)), i32x4.const(1));
  const normal = v128.and(i32x4.add(i32x4.add(get(magnitude), i32x4.const(0x0fff)), odd), i32x4.const(~0x1fff));
  // Under 2^-14 an f16 is a multiple of 2^-24, as an f32 from 0.5 to 1 is: the addition rounds.
  const subnormal = f32x4.sub(f32x4.add(get(magnitude), splat(0.75)), splat(0.75));
  return sequence(
    set(magnitude, v128.and(get(scale), i32x4.const(0x7fffffff))),
    set(rounded, v128.select(subnormal, normal, f32x4.lt(get(magnitude), splat(2 ** -14)))),
    set(rounded, v128.or(get(rounded), v128.and(get(scale), i32x4.const(0x80000000)))),
    set(scale, v128.select(get(rounded), get(scale), i32x4.splat(get(HALF)))),
  );
}
