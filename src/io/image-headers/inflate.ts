/**
 * Inflates a zlib stream that may be cut short, piece by piece in constant memory. `DecompressionStream` gives an error for
 * such a stream and discards what it had inflated. Source: RFC 1950 (zlib), RFC 1951 (deflate).
 */

const WINDOW = 32768;

/** The extent of a stream. */
export interface Inflated {
  /** Bytes that came out. */
  readonly length: number;
  /** Adler-32 of those bytes. */
  readonly adler: number;
  /** Offset after the last block where the stream reached it; undefined where it was cut short, is damaged or was stopped. */
  readonly end: number | undefined;
}

/** A canonical Huffman code: how many codes each length has, and the symbols in order. */
interface Code {
  readonly counts: readonly number[];
  readonly symbols: readonly number[];
}

/** Ends reading inside this file: the data is cut short, damaged or longer than expected. */
class Ended extends Error {}

/** Inflates until the stream ends, breaks or has given `most` bytes. `onBytes` must not keep a piece: the buffer is reused. */
export function inflate(
  zlib: Uint8Array,
  most: number,
  onBytes: (piece: Uint8Array) => void = () => undefined,
): Inflated {
  const inflater = new Inflater(zlib, most, onBytes);
  let end: number | undefined;
  try {
    end = inflater.run();
  } catch (thrown) {
    if (!(thrown instanceof Ended)) throw thrown;
  }
  inflater.flush();
  return { length: inflater.length, adler: inflater.adler(), end };
}

class Inflater {
  length = 0;
  readonly #input: Uint8Array;
  readonly #most: number;
  readonly #onBytes: (piece: Uint8Array) => void;
  readonly #window = new Uint8Array(WINDOW);
  #flushed = 0;
  #sums: [number, number] = [1, 0]; // of Adler-32
  #at = 2; // past the zlib header
  #bits = 0;
  #bitCount = 0;

  constructor(input: Uint8Array, most: number, onBytes: (piece: Uint8Array) => void) {
    this.#input = input;
    this.#most = most;
    this.#onBytes = onBytes;
  }

  /** Inflates block after block. Returns the offset after the last. Throws Ended. */
  run(): number {
    for (;;) {
      const isLast = this.#take(1) === 1;
      const kind = this.#take(2);
      if (kind === 0) this.#stored();
      else if (kind === 1) this.#compressed(FIXED.literals, FIXED.distances);
      else if (kind === 2) this.#compressed(...this.#readCodes());
      else throw new Ended();
      if (isLast) return this.#at;
    }
  }

  /** Passes on the window's bytes and adds them to the checksum. */
  flush(): void {
    for (; this.#flushed < this.length;) {
      const from = this.#flushed % WINDOW;
      const piece = this.#window.subarray(from, Math.min(WINDOW, from + this.length - this.#flushed));
      let [a, b] = this.#sums;
      for (const byte of piece) {
        a = (a + byte) % 65521;
        b = (b + a) % 65521;
      }
      this.#sums = [a, b];
      this.#onBytes(piece);
      this.#flushed += piece.length;
    }
  }

  adler(): number {
    return this.#sums[1] * 65536 + this.#sums[0];
  }

  #stored(): void {
    this.#bits = 0;
    this.#bitCount = 0;
    const length = this.#take(16);
    if ((this.#take(16) ^ length) !== 0xffff) throw new Ended();
    for (let i = 0; i < length; i++) this.#put(this.#take(8));
  }

  #compressed(literals: Code, distances: Code): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === 256) return;
      if (symbol < 256) {
        this.#put(symbol);
        continue;
      }
      const length = this.#extended(LENGTHS[symbol - 257]);
      const distance = this.#extended(DISTANCES[this.#symbol(distances)]);
      if (distance > this.length) throw new Ended();
      for (let i = 0; i < length; i++) this.#put(this.#window[(this.length - distance) % WINDOW] ?? 0);
    }
  }

  #extended(base: readonly [number, number] | undefined): number {
    if (base === undefined) throw new Ended();
    return base[0] + this.#take(base[1]);
  }

  /** The two codes of a dynamic block. */
  #readCodes(): [Code, Code] {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const lengths = Array.from({ length: 19 }, () => 0);
    const given = this.#take(4) + 4;
    for (let i = 0; i < given; i++) lengths[ORDER[i] ?? 0] = this.#take(3);
    const code = codeOf(lengths);
    const all: number[] = [];
    while (all.length < literals + distances) {
      const symbol = this.#symbol(code);
      if (symbol < 16) all.push(symbol);
      else {
        const value = symbol === 16 ? all.at(-1) : 0;
        if (value === undefined) throw new Ended();
        const times = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
        for (let i = 0; i < times; i++) all.push(value);
      }
    }
    return [codeOf(all.slice(0, literals)), codeOf(all.slice(literals, literals + distances))];
  }

  /** One symbol, bit by bit: codes are packed highest bit first. */
  #symbol({ counts, symbols }: Code): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= 15; length++) {
      code |= this.#take(1);
      const count = counts[length] ?? 0;
      const symbol = code - first < count ? symbols[index + code - first] : undefined;
      if (symbol !== undefined) return symbol;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new Ended();
  }

  #take(count: number): number {
    while (this.#bitCount < count) {
      const byte = this.#input[this.#at];
      if (byte === undefined) throw new Ended();
      this.#at++;
      this.#bits |= byte << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  #put(byte: number): void {
    if (this.length >= this.#most) throw new Ended();
    this.#window[this.length % WINDOW] = byte;
    this.length++;
    if (this.length % WINDOW === 0) this.flush();
  }
}

/** Where the order of code lengths puts each length. Source: RFC 1951, 3.2.7. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Base value and extra bits of length symbols 257 to 285. Source: RFC 1951, 3.2.5. */
const LENGTHS: readonly (readonly [number, number])[] = [...bases(8, 4, 3, 28), [258, 0]];

/** Base value and extra bits of distance symbols 0 to 29. Source: RFC 1951, 3.2.5. */
const DISTANCES: readonly (readonly [number, number])[] = bases(4, 2, 1, 30);

/** `count` ranges from `start` on: `plain` of them without extra bits, then one bit more after every `step`. */
function bases(plain: number, step: number, start: number, count: number): [number, number][] {
  let base = start;
  return Array.from({ length: count }, (_, i) => {
    const bits = i < plain ? 0 : Math.floor((i - plain) / step) + 1;
    const range: [number, number] = [base, bits];
    base += 2 ** bits;
    return range;
  });
}

function codeOf(lengths: readonly number[]): Code {
  const counts = Array.from({ length: 16 }, () => 0);
  for (const length of lengths) if (length > 0) counts[length] = (counts[length] ?? 0) + 1;
  const symbols = lengths
    .map((length, symbol) => ({ length, symbol }))
    .filter(({ length }) => length > 0)
    .toSorted((a, b) => a.length - b.length || a.symbol - b.symbol)
    .map(({ symbol }) => symbol);
  return { counts, symbols };
}

const FIXED = {
  literals: codeOf(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))),
  distances: codeOf(Array.from({ length: 30 }, () => 5)),
};
