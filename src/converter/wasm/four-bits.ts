/** Quantising to four bits, with a search for each block's best scale. */
import { QUANT_BLOCK } from '../../onnx/precision.ts';
import {
  type Code,
  doWhile,
  f32,
  f32x4,
  get,
  i16x8,
  i32,
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
  splat,
  vectorAt,
  VECTORS,
} from './blocks.ts';

/**
 * Values that the candidate scales map the block's extreme to, besides -8. Measured: twice as many gain a thousandth of the
 * error and cost two thirds more time; mapping the extreme to positive values gains nothing.
 */
export const TARGETS = [-9.1, -8.8, -8.5, -8.1, -7.8, -7.4, -7];

/** Where the first function's table of targets lies, four lanes each. */
export const TABLE = 0;
const TABLE_END = TABLE + 16 * (1 + TARGETS.length);

/**
 * Four bits. The numbers x are divided by their extreme; each target k gives quantized values c = round(k x) and their
 * best-fitting scale sum(x c) / sum(c c), rounded as it will be stored. A scale t reduces the squared error of all-zero values by
 * 2 t sum(x c) - t^2 sum(c c). The best scale's nearest quantized values are stored.
 */
export function searchFourBits(): FunctionBody {
  const locals = new Locals(PARAMETERS);
  const v = (): number => locals.add('v128');
  const [extreme, best] = [locals.add('f32'), locals.add('f32')];
  const [gain, entry] = [locals.add('f32'), locals.add('i32')];
  const [inverse, original, x, c] = [v(), v(), v(), v()];
  const [lowest, highest] = [v(), v()];
  const [targets, products, squares] = [
    [v(), v(), v(), v()],
    [v(), v(), v(), v()],
    [v(), v(), v(), v()],
  ] as const;
  const [product, square, scale, scaled, saved, bestScale, bestSaved, better] = [
    v(),
    v(),
    v(),
    v(),
    v(),
    v(),
    v(),
    v(),
  ];

  /** Sums four vectors horizontally, one sum per lane. */
  const sums = ([a, b, c2, d]: readonly number[]): Code => {
    const pair = (first = 0, second = 0): Code =>
      f32x4.add(
        v128.shuffle(get(first), get(second), [0, 4, 1, 5]),
        v128.shuffle(get(first), get(second), [2, 6, 3, 7]),
      );
    const [left, right] = [set(scaled, pair(a, b)), set(saved, pair(c2, d))];
    return sequence(
      left,
      right,
      f32x4.add(
        v128.shuffle(get(scaled), get(saved), [0, 1, 4, 5]),
        v128.shuffle(get(scaled), get(saved), [2, 3, 6, 7]),
      ),
    );
  };
  /** The reduction of the squared error by a scale; `scaled` is the scale in units of the extreme. */
  const savedBy = (candidate: number): Code =>
    sequence(
      set(scaled, f32x4.mul(get(candidate), get(inverse))),
      set(
        saved,
        f32x4.mul(get(scaled), f32x4.sub(f32x4.add(get(product), get(product)), f32x4.mul(get(scaled), get(square)))),
      ),
    );
  const clamped = (value: Code): Code => f32x4.pmin(f32x4.pmax(value, get(lowest)), get(highest));

  const tryFour = sequence(
    ...targets.map((target, j) => set(target, v128.load(get(entry), 16 * j))),
    ...[...products, ...squares].map((sum) => set(sum, splat(0))),
    ...VECTORS.map((i) =>
      sequence(
        set(x, f32x4.mul(vectorAt(i), get(inverse))),
        ...targets.map((target, j) => {
          const [p = 0, q = 0] = [products[j], squares[j]];
          return sequence(
            set(c, clamped(f32x4.nearest(f32x4.mul(get(x), get(target))))),
            set(p, f32x4.add(get(p), f32x4.mul(get(x), get(c)))),
            set(q, f32x4.add(get(q), f32x4.mul(get(c), get(c)))),
          );
        }),
      ),
    ),
    set(product, sums(products)),
    set(square, sums(squares)),
    when(
      i32.eq(get(entry), i32.const(TABLE)),
      // The first target is round-to-nearest's; its original scale competes, too.
      sequence(
        savedBy(original),
        set(bestSaved, v128.shuffle(get(saved), get(saved), [0, 0, 0, 0])),
        set(bestScale, get(original)),
      ),
    ),
    set(scale, f32x4.mul(f32x4.div(get(product), get(square)), f32x4.splat(get(extreme)))),
    roundScale(locals, scale),
    savedBy(scale),
    set(better, f32x4.gt(get(saved), get(bestSaved))),
    set(bestSaved, v128.select(get(saved), get(bestSaved), get(better))),
    set(bestScale, v128.select(get(scale), get(bestScale), get(better))),
    set(entry, i32.add(get(entry), i32.const(64))),
  );

  // Adding 2^23 * 1.5 to a float rounds it, and leaves it in the low bits of its pattern; 8 more make it unsigned.
  const quantizedAt = (i: number): Code =>
    v128.and(
      f32x4.add(clamped(f32x4.mul(f32x4.mul(vectorAt(i), get(inverse)), get(targets[0]))), splat(2 ** 23 * 1.5 + 8)),
      i32x4.const(15),
    );
  const bytesAt = (i: number): Code =>
    i8x16.narrow_i16x8_u(
      i16x8.narrow_i32x4(quantizedAt(i), quantizedAt(i + 1)),
      i16x8.narrow_i32x4(quantizedAt(i + 2), quantizedAt(i + 3)),
    );
  /** Packs two neighbouring quantized values (16 bits in all) into one byte, the first in its low half. */
  const packed = (local: number): Code =>
    v128.and(v128.or(get(local), i16x8.shr_u(get(local), i32.const(4))), i16x8.const(0x00ff));

  const search = sequence(
    set(inverse, f32x4.splat(f32.div(f32.const(1), get(extreme)))),
    v128.store(
      i32.const(TABLE),
      0,
      f32x4.div(f32x4.splat(get(extreme)), get(original)), // what round-to-nearest maps the extreme to
    ),
    set(entry, i32.const(TABLE)),
    doWhile(tryFour, i32.sub(get(entry), i32.const(TABLE_END))),
    set(best, f32x4.extract(get(bestScale), 0)),
    set(gain, f32x4.extract(get(bestSaved), 0)),
    ...[1, 2, 3].map((j) =>
      when(
        f32.gt(f32x4.extract(get(bestSaved), j), get(gain)),
        sequence(set(best, f32x4.extract(get(bestScale), j)), set(gain, f32x4.extract(get(bestSaved), j))),
      ),
    ),
    set(targets[0], f32x4.splat(f32.div(get(extreme), get(best)))), // what the best scale maps the extreme to
    set(x, bytesAt(0)),
    set(c, bytesAt(4)),
    v128.store(get(QUANTIZED), 0, i8x16.narrow_i16x8_u(packed(x), packed(c))),
    f32.store(get(SCALES), 0, get(best)),
  );
  const zeros = sequence(v128.store(get(QUANTIZED), 0, i16x8.const(0x8888)), f32.store(get(SCALES), 0, f32.const(0)));

  const body = sequence(
    set(lowest, splat(-8)),
    set(highest, splat(7)),
    eachBlock(
      QUANT_BLOCK / 2,
      sequence(
        findExtreme(locals, extreme),
        set(original, f32x4.splat(f32.mul(get(extreme), f32.const(-1 / 8)))),
        roundScale(locals, original),
        // A block whose scale rounds to zero, or whose extreme is subnormal, becomes zeros.
        when(
          f32.eq(f32x4.extract(get(original), 0), f32.const(0)),
          zeros,
          when(f32.lt(f32.abs(get(extreme)), f32.const(2 ** -126)), zeros, search),
        ),
      ),
    ),
  );
  return { locals: locals.types, body };
}
