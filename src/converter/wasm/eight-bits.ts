/** Quantising to eight bits. */
import { QUANT_BLOCK } from '../../onnx/precision.ts';
import {
  type Code,
  f32,
  f32x4,
  f64,
  f64x2,
  get,
  i16x8,
  i32x4,
  i8x16,
  Locals,
  sequence,
  set,
  v128,
  when,
} from '../../shared/wasm-assembler.ts';
import {
  QUANTIZED,
  eachBlock,
  findExtreme,
  type FunctionBody,
  PARAMETERS,
  roundScale,
  SCALES,
  vectorAt,
} from './blocks.ts';

/** Eight bits: round to nearest in f64, ties up, as Math.round does. */
export function roundEightBits(): FunctionBody {
  const locals = new Locals(PARAMETERS);
  const [extreme, scale] = [locals.add('f32'), locals.add('v128')];
  const [inverse, y, up] = [locals.add('v128'), locals.add('v128'), locals.add('v128')];
  const [values, low] = [locals.add('v128'), locals.add('v128')];
  const twice = (value: number): Code => f64x2.splat(f64.const(value));
  /** Quantizes the low two values into the low two lanes. */
  const two = (pair: Code): Code =>
    sequence(
      set(y, f64x2.mul(f64x2.promote_low(pair), get(inverse))),
      set(up, f64x2.ceil(get(y))),
      i32x4.trunc_f64x2_zero(
        f64x2.add(f64x2.sub(get(up), v128.and(f64x2.gt(f64x2.sub(get(up), twice(0.5)), get(y)), twice(1))), twice(128)),
      ),
    );
  const four = (i: number): Code =>
    sequence(
      set(values, vectorAt(i)),
      set(low, two(get(values))),
      v128.shuffle(get(low), two(v128.shuffle(get(values), get(values), [2, 3, 0, 1])), [0, 1, 4, 5]),
    );
  // Both narrowings saturate to 0..255.
  const sixteen = (i: number): Code =>
    i8x16.narrow_i16x8_u(i16x8.narrow_i32x4(four(i), four(i + 1)), i16x8.narrow_i32x4(four(i + 2), four(i + 3)));
  const round = sequence(
    set(inverse, f64x2.splat(f64.div(f64.const(1), f64.promote(f32x4.extract(get(scale), 0))))),
    v128.store(get(QUANTIZED), 0, sixteen(0)),
    v128.store(get(QUANTIZED), 16, sixteen(4)),
  );
  const middles = i16x8.const(0x8080);
  const body = eachBlock(
    QUANT_BLOCK,
    sequence(
      findExtreme(locals, extreme),
      set(scale, f32x4.splat(f32.mul(get(extreme), f32.const(-1 / 128)))),
      roundScale(locals, scale),
      f32.store(get(SCALES), 0, f32x4.extract(get(scale), 0)),
      when(
        f32.eq(f32x4.extract(get(scale), 0), f32.const(0)),
        sequence(v128.store(get(QUANTIZED), 0, middles), v128.store(get(QUANTIZED), 16, middles)),
        round,
      ),
    ),
  );
  return { locals: locals.types, body };
}
