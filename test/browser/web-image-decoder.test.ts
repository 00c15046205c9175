/** The browser's decoder in a real worker of Chromium, against Pillow. Goldens: test/golden/make/images.py. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../helpers/bundle.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { imageCases, tolerance, worstDifference } from '../helpers/image-goldens.ts';

type Answer = { width?: number; height?: number; rgb?: number[]; error?: string; message?: string };

let server: Server;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  const files = new Map([
    ['/', '<!doctype html><title>decoder</title><script src="page.js"></script>'],
    ['/page.js', await bundle(new URL('./web-image-decoder.page.ts', import.meta.url))],
    ['/worker.js', await bundle(new URL('./web-image-decoder.worker.ts', import.meta.url))],
  ]);
  server = createServer((request, response) => {
    const path = request.url ?? '/';
    const name = /^\/images\/([\w.-]+)$/.exec(path)?.[1];
    response.setHeader(
      'content-type',
      path.endsWith('.js') ? 'text/javascript; charset=utf-8' : name ? 'image/png' : 'text/html',
    );
    response.end(name ? readFileSync(new URL(`../golden/images/${name}`, import.meta.url)) : (files.get(path) ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** Calls one of the page's functions. */
function call(
  name: 'decodeFile' | 'decodePreview' | 'decodeSvg' | 'decodeDrawn',
  ...args: (string | number)[]
): Promise<Answer> {
  return page.evaluate(`${name}(...${JSON.stringify(args)})`);
}

describe('the web image decoder', () => {
  const decodable = imageCases.filter(({ name }) => !name.endsWith('.tiff'));

  it.each(decodable)('reads $name as Pillow does', async (image) => {
    const { width, height, rgb } = await call('decodeFile', image.name);
    expect([width, height]).toEqual([image.width, image.height]);
    expect(worstDifference(image, rgb ?? [])).toBeLessThanOrEqual(tolerance(image.name));
  });

  it.each([
    'empty.png',
    'text.png',
    'truncated.jpg',
    'truncated.png',
    'truncated.webp',
    'truncated.gif',
    'corrupt.png',
    'rgb.tiff',
    'drawing.svg',
  ])('refuses %s with an ImageDecodeError', async (name) => {
    expect(await call('decodeFile', name)).toMatchObject({ error: 'ImageDecodeError' });
  });

  it.each([
    'orientation-6.webp',
    'orientation-3.png',
    'hidden-default.png',
    'part-frame.gif',
    'no-iend.png',
    'rgb.bmp',
    'rgb.png',
  ])('previews %s as the model sees it', async (name) => {
    const image = imageCases.find((candidate) => candidate.name === name);
    if (image === undefined) throw new Error(`there is no golden of ${name}`);
    const { width, height, rgb } = await call('decodePreview', name);
    expect([width, height]).toEqual([image.width, image.height]);
    expect(worstDifference(image, rgb ?? [])).toBeLessThanOrEqual(tolerance(name));
  });

  it('refuses 20000 x 20000 pixels before decoding', async () => {
    expect(await call('decodeFile', 'huge.png')).toMatchObject({ error: 'ImageTooLargeError' });
  });

  it('reads images larger than one tile, whatever their shape', async () => {
    expect(await call('decodeDrawn', 5000, 3000)).toMatchObject({ width: 5000, height: 3000 });
    expect(await call('decodeDrawn', 16384, 1)).toMatchObject({ width: 16384, height: 1 });
  });

  it('decodes what the page made of an SVG', async () => {
    const drawing = await call('decodeSvg', 'drawing.svg');
    expect(drawing).toMatchObject({ width: 24, height: 16 });
    expect(drawing.rgb?.slice(0, 3)).toEqual([255, 0, 0]);
    expect(drawing.rgb?.slice(-3)).toEqual([255, 255, 255]);
    expect(await call('decodeSvg', 'viewbox-only.svg')).toMatchObject({ width: 48, height: 32 });
    expect(await call('decodeSvg', 'huge.svg')).toMatchObject({ width: 2048, height: 2048 });
    await expect(call('decodeSvg', 'broken.svg')).rejects.toThrow(/SVG file could not be drawn/);
  });
});
