/**
 * Whether the one scan of a sequential JPEG holds every block, by walking its Huffman codes without decoding pixels. It
 * settles files that lost the EOI marker at their end; decoders would fill missing blocks with grey.
 * Source: ITU-T T.81, annex F (codes) and A.2 (order of blocks).
 */
import { type Bytes, CutShort } from './bytes.ts';

const SOF0 = 0xc0;
const SOF1 = 0xc1;
const HUFFMAN_TABLES = 0xc4;
const RESTART_INTERVAL = 0xdd;
const START_OF_SCAN = 0xda;

/** A canonical Huffman table: by code length, the first code, the first symbol's index and the number of codes. */
interface HuffmanTable {
  readonly lengths: readonly { readonly code: number; readonly index: number; readonly count: number }[];
  readonly symbols: Uint8Array;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: readonly { readonly id: number; readonly across: number; readonly down: number }[];
}

/** Collects what a scan needs while the segments of a file pass by. */
export class JpegScan {
  readonly #bytes: Bytes;
  readonly #tables = new Map<number, HuffmanTable>();
  #frame: Frame | undefined;
  #interval = 0;
  #scans: { readonly header: number; readonly data: number }[] = [];

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  /** Notes one segment, whose content lies at `[start, end)`. */
  readSegment(marker: number, start: number, end: number): void {
    if (marker === SOF0 || marker === SOF1) this.#frame = this.#readFrame(start);
    else if (marker === HUFFMAN_TABLES) this.#readTables(start, end);
    else if (marker === RESTART_INTERVAL) this.#interval = this.#bytes.u16be(start);
    else if (marker === START_OF_SCAN) this.#scans.push({ header: start, data: end });
  }

  /** Whether a sequential file's one scan reaches its last block. False for progressive files and for several scans. */
  holdsEveryBlock(): boolean {
    const [scan, ...others] = this.#scans;
    if (scan === undefined || others.length > 0 || this.#frame === undefined) return false;
    try {
      return this.#walk(this.#frame, scan);
    } catch (thrown) {
      if (thrown instanceof CutShort) return false;
      throw thrown;
    }
  }

  #readFrame(start: number): Frame {
    const bytes = this.#bytes;
    const components = Array.from({ length: bytes.u8(start + 5) }, (_, i) => {
      const at = start + 6 + i * 3;
      return { id: bytes.u8(at), across: bytes.u8(at + 1) >> 4, down: bytes.u8(at + 1) & 15 };
    });
    return { width: bytes.u16be(start + 3), height: bytes.u16be(start + 1), components };
  }

  #readTables(start: number, end: number): void {
    let at = start;
    while (at + 17 <= end) {
      const id = this.#bytes.u8(at); // class in the high half (0 DC, 1 AC), number in the low half
      let code = 0;
      let index = 0;
      const lengths = Array.from({ length: 16 }, (_, i) => {
        const count = this.#bytes.u8(at + 1 + i);
        const length = { code, index, count };
        code = (code + count) << 1;
        index += count;
        return length;
      });
      this.#tables.set(id, { lengths, symbols: this.#bytes.view(at + 17, at + 17 + index) });
      at += 17 + index;
    }
  }

  /** Reads every code of the scan. Throws CutShort where the data ends before the last block. */
  #walk(frame: Frame, scan: { readonly header: number; readonly data: number }): boolean {
    const inScan = this.#bytes.u8(scan.header);
    if (inScan === 0 || inScan !== frame.components.length) return false;
    const mostAcross = Math.max(...frame.components.map(({ across }) => across));
    const mostDown = Math.max(...frame.components.map(({ down }) => down));
    const isSingle = inScan === 1; // a single component's blocks are not interleaved: one a unit
    const units =
      Math.ceil(frame.width / (8 * (isSingle ? 1 : mostAcross))) *
      Math.ceil(frame.height / (8 * (isSingle ? 1 : mostDown)));
    const blocks: { dc: HuffmanTable; ac: HuffmanTable }[] = []; // of one unit
    for (let i = 0; i < inScan; i++) {
      const at = scan.header + 1 + i * 2;
      const component = frame.components.find(({ id }) => id === this.#bytes.u8(at));
      const dc = this.#tables.get(this.#bytes.u8(at + 1) >> 4);
      const ac = this.#tables.get(0x10 | (this.#bytes.u8(at + 1) & 15));
      if (component === undefined || dc === undefined || ac === undefined) return false;
      const count = isSingle ? 1 : component.across * component.down;
      for (let block = 0; block < count; block++) blocks.push({ dc, ac });
    }

    const bits = new ScanBits(this.#bytes, scan.data);
    for (let unit = 0; unit < units; unit++) {
      if (this.#interval > 0 && unit > 0 && unit % this.#interval === 0) bits.skipRestart();
      for (const { dc, ac } of blocks) {
        bits.skip(bits.symbol(dc));
        for (let k = 1; k < 64; k++) {
          const symbol = bits.symbol(ac);
          const zeros = symbol >> 4;
          if ((symbol & 15) === 0 && zeros < 15) break; // end of block
          k += zeros;
          bits.skip(symbol & 15);
        }
      }
    }
    return true;
  }
}

/** The bits of a scan, highest first, without the zero bytes stuffed after FF. Every read past them throws CutShort. */
class ScanBits {
  readonly #bytes: Bytes;
  #at: number;
  #byte = 0;
  #left = 0;

  constructor(bytes: Bytes, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  symbol({ lengths, symbols }: HuffmanTable): number {
    let code = 0;
    for (const { code: first, index, count } of lengths) {
      code = (code << 1) | this.#bit();
      const symbol = code < first + count ? symbols[index + code - first] : undefined;
      if (symbol !== undefined) return symbol;
    }
    throw new CutShort(); // no code of this table: damaged
  }

  skip(count: number): void {
    for (let i = 0; i < count; i++) this.#bit();
  }

  /** Moves past the restart marker that follows the current byte. */
  skipRestart(): void {
    this.#left = 0;
    while (this.#bytes.u8(this.#at) === 0xff && this.#bytes.u8(this.#at + 1) === 0xff) this.#at++;
    const marker = this.#bytes.u8(this.#at + 1);
    if (this.#bytes.u8(this.#at) !== 0xff || marker < 0xd0 || marker > 0xd7) throw new CutShort();
    this.#at += 2;
  }

  #bit(): number {
    if (this.#left === 0) {
      this.#byte = this.#bytes.u8(this.#at++);
      if (this.#byte === 0xff && this.#bytes.u8(this.#at++) !== 0) throw new CutShort(); // a marker inside the scan
      this.#left = 8;
    }
    this.#left--;
    return (this.#byte >> this.#left) & 1;
  }
}
