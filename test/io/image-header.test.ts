/** Headers of image files, read before decoding. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readImageHeader } from '../../src/io/image-header.ts';
import { MAX_DECODED_PIXELS, checkDecodedSize, checkImageFile } from '../../src/io/image-decoder.ts';

const WHOLE = [
  ['rgb.png', 'png'],
  ['baseline.jpg', 'jpeg'],
  ['progressive.jpg', 'jpeg'],
  ['orientation-6.jpg', 'jpeg'],
  ['cmyk.jpg', 'jpeg'],
  ['interlaced.gif', 'gif'],
  ['animated.gif', 'gif'],
  ['animated.webp', 'webp'],
  ['lossless.webp', 'webp'],
  ['lossy.webp', 'webp'],
  ['photo.avif', 'avif'],
  ['rgb.bmp', 'bmp'],
] as const;

function fixture(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../golden/images/${name}`, import.meta.url)));
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

describe('readImageHeader', () => {
  it.each(WHOLE)('reads type and size of %s', (name, type) => {
    expect(readImageHeader(fixture(name))).toMatchObject({ type, size: { width: 24, height: 16 }, complete: true });
  });

  /** Bytes at the end of a file that hold no pixels: end markers, checksums, padding. */
  const UNNEEDED = new Map([
    ['rgb.png', 20],
    ['baseline.jpg', 2],
    ['orientation-6.jpg', 2],
    ['cmyk.jpg', 2],
  ]);
  const checkedHere = WHOLE.filter(([, type]) => type !== 'gif'); // only decoding shows where a GIF ends

  it.each(checkedHere)('counts a truncated %s as complete exactly when no pixel is lost', (name) => {
    const whole = fixture(name);
    const needed = whole.length - (UNNEEDED.get(name) ?? 0);
    for (let length = 0; length < whole.length; length++) {
      const isComplete = readImageHeader(whole.subarray(0, length))?.complete ?? false;
      expect({ length, isComplete }).toEqual({ length, isComplete: length >= needed });
    }
  });

  it('reads the orientation of every container', () => {
    for (let orientation = 2; orientation <= 8; orientation++) {
      expect(readImageHeader(fixture(`orientation-${orientation}.jpg`))?.orientation).toBe(orientation);
      expect(readImageHeader(fixture(`orientation-${orientation}.webp`))?.orientation).toBe(orientation);
    }
    for (const name of ['orientation-6.png', 'orientation-6.tiff', 'exif-as-text.png', 'exif-after-pixels.png']) {
      expect(readImageHeader(fixture(name))?.orientation).toBe(6);
    }
    for (const type of ['png', 'jpg', 'webp', 'avif']) {
      expect(readImageHeader(fixture(`xmp.${type}`))?.orientation).toBe(6);
    }
    expect(readImageHeader(fixture('rgb.png'))?.orientation).toBeUndefined();
  });

  it('does not mistake the end of an embedded thumbnail for the end of a JPEG', () => {
    const thumbnail = [0xff, 0xe1, 0, 8, 0xff, 0xd8, 0xff, 0xd9, 0, 0];
    const frame = [0xff, 0xc0, 0, 11, 8, 0, 16, 0, 24, 1, 1, 0x11, 0];
    const scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 0xff, 0, 0xff, 0xd0, 3];
    const cut = Uint8Array.from([0xff, 0xd8, ...thumbnail, ...frame, ...scan]);
    expect(readImageHeader(cut)).toEqual({ type: 'jpeg', size: { width: 24, height: 16 }, complete: false });
    expect(readImageHeader(Uint8Array.from([...cut, 0xff, 0xd9]))?.complete).toBe(true);
  });

  it('accepts bytes after the end of an image', () => {
    for (const name of ['rgb.png', 'baseline.jpg', 'lossy.webp']) {
      expect(readImageHeader(Uint8Array.from([...fixture(name), 1, 2, 3]))?.complete).toBe(true);
    }
  });

  it.each([
    ['avif', 'avif'],
    ['heic', 'heic'],
    ['xxxx', 'heic'],
  ])('of a file that says no more than "image" reads the type from its other brands: %s', (brand, type) => {
    const file = fixture('photo.avif');
    file.set(text('mif1'), 8);
    file.set(text(brand), 16);
    expect(readImageHeader(file)?.type).toBe(type);
  });

  it('distinguishes SVG from other text', () => {
    expect(readImageHeader(fixture('drawing.svg'))?.type).toBe('svg');
    expect(readImageHeader(text('\ufeff<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">\n<svg>'))?.type).toBe(
      'svg',
    );
    expect(readImageHeader(text('<html><svg/></html>'))).toBeUndefined();
    expect(readImageHeader(text('svg'))).toBeUndefined();
  });

  it('never throws, whatever the bytes', () => {
    const starts = WHOLE.map(([name]) => [...fixture(name).subarray(0, 40)]);
    const rest = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 200 });
    fc.assert(
      fc.property(fc.constantFrom([], ...starts), fc.nat(40), rest, (start, kept, bytes) => {
        readImageHeader(Uint8Array.from([...start.slice(0, kept), ...bytes]));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('checkImageFile', () => {
  it('says that HEIC has to be converted', async () => {
    const heic = new Blob([Uint8Array.from([0, 0, 0, 16]), 'ftypheic', Uint8Array.from([0, 0, 0, 0])]);
    await expect(checkImageFile(heic)).rejects.toMatchObject({
      name: 'ImageDecodeError',
      message: expect.stringMatching(/HEIC.*JPEG or PNG/),
    });
  });

  it('says so when the file vanished after it was chosen', async () => {
    const gone = new Blob(['x']);
    gone.arrayBuffer = () => Promise.reject(new DOMException('gone', 'NotReadableError'));
    await expect(checkImageFile(gone)).rejects.toMatchObject({ name: 'ImageDecodeError', cause: { message: 'gone' } });
  });

  it('allows exactly the stated number of pixels', () => {
    expect(() => checkDecodedSize(16384, MAX_DECODED_PIXELS / 16384)).not.toThrow();
    expect(() => checkDecodedSize(16384, 16385)).toThrow(expect.objectContaining({ name: 'ImageTooLargeError' }));
    expect(() => checkDecodedSize(0, 5)).toThrow(expect.objectContaining({ name: 'ImageDecodeError' }));
  });
});
