/** The frames of a video in Chromium: a canvas that faded from black to white, as Chromium recorded it, and a file that is none. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { bundle } from '../helpers/bundle.ts';
import { launchChromium } from '../helpers/chromium.ts';

/** 64 x 48 pixels, 1.6 seconds, without a length in its header, as recorders write. */
const VIDEO = readFileSync(new URL('./fade.webm', import.meta.url));

interface Looked {
  readonly type: string;
  readonly width: number;
  readonly height: number;
  readonly level: number;
}

declare const framesOfRecording: () => Promise<readonly Looked[]>;
declare const framesOfNonsense: () => Promise<string>;

it('takes eight frames of a video from its beginning to its end, and refuses what is none', async () => {
  const script = await bundle(new URL('./video-frames.page.ts', import.meta.url));
  const server = createServer((request, response) => {
    const { url } = request;
    if (url === '/fade.webm') return response.setHeader('content-type', 'video/webm').end(VIDEO);
    response.setHeader('content-type', url === '/page.js' ? 'text/javascript; charset=utf-8' : 'text/html');
    return response.end(
      url === '/page.js' ? script : '<!doctype html><title>video</title><script src="page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const frames = await page.evaluate(() => framesOfRecording());
    expect(frames.map(({ type, width, height }) => [type, width, height])).toEqual(
      Array.from({ length: 8 }, () => ['image/png', 64, 48]),
    );
    const levels = frames.map(({ level }) => level);
    expect(levels).toEqual(levels.toSorted((a, b) => a - b));
    expect(levels[0]).toBeLessThan(80);
    expect(levels.at(-1)).toBeGreaterThan(170);
    expect(new Set(levels).size).toBe(8);
    expect(await page.evaluate(() => framesOfNonsense())).toMatch(/^VideoError: The video cannot be played here/);
  } finally {
    await browser.close();
    server.close();
  }
});
