/** Decoding in Node against Pillow, and every kind of file that must be refused. Goldens: test/golden/make/images.py. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createNodeImageDecoder } from '../../src/io/node/node-image-decoder.ts';
import { imageCases, tolerance, worstDifference } from '../helpers/image-goldens.ts';

const nodeImageDecoder = createNodeImageDecoder();

function fixture(name: string): Blob {
  return new Blob([readFileSync(new URL(`../golden/images/${name}`, import.meta.url))]);
}

describe('the Node image decoder', () => {
  it.each(imageCases)('reads $name as Pillow does', async (image) => {
    const { width, height, data } = await nodeImageDecoder.decode(fixture(image.name));
    expect([width, height]).toEqual([image.width, image.height]);
    expect(worstDifference(image, data)).toBeLessThanOrEqual(tolerance(image.name));
  });

  it('draws an SVG on white at its stated size', async () => {
    const image = await nodeImageDecoder.decode(fixture('drawing.svg'));
    expect([image.width, image.height]).toEqual([24, 16]);
    expect([...image.data.subarray(0, 3)]).toEqual([255, 0, 0]);
    expect([...image.data.subarray(-3)]).toEqual([255, 255, 255]);
  });

  it('draws an SVG that has only a viewBox', async () => {
    const image = await nodeImageDecoder.decode(fixture('viewbox-only.svg'));
    expect([image.width, image.height]).toEqual([48, 32]);
  });

  it.each([
    ['empty.png', /0 bytes/],
    ['text.png', /not an image/],
    ['truncated.jpg', /cut short/],
    ['truncated.png', /cut short/],
    ['truncated.webp', /cut short/],
    ['truncated.gif', /cut short/],
    ['corrupt.png', /damaged/],
    ['broken.svg', /damaged/],
  ])('refuses %s with an ImageDecodeError', async (name, message) => {
    await expect(nodeImageDecoder.decode(fixture(name))).rejects.toMatchObject({
      name: 'ImageDecodeError',
      message: expect.stringMatching(message),
    });
  });

  it.each(['huge.png', 'huge.svg'])('refuses %s with an ImageTooLargeError before decoding', async (name) => {
    await expect(nodeImageDecoder.decode(fixture(name))).rejects.toMatchObject({
      name: 'ImageTooLargeError',
      message: expect.stringMatching(/000 x .*268435456.*Scale it down/),
    });
  });

  it('reads a file whose name and type lie', async () => {
    const file = new File([fixture('baseline.jpg')], 'picture.png', { type: 'image/png' });
    expect(await nodeImageDecoder.decode(file)).toMatchObject({ width: 24, height: 16 });
  });
});
