/** A trial allocation in Chromium, on SwiftShader, whose memory is this machine's. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SWIFTSHADER } from '../../scripts/chromium.mjs';
import { bundle } from '../helpers/bundle.ts';
import { launchChromium } from '../helpers/chromium.ts';

let server: Server;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  const script = await bundle(new URL('./trial-allocation.page.ts', import.meta.url));
  server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><title>trial</title><script src="page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await launchChromium(SWIFTSHADER);
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

describe('a trial allocation', () => {
  it('takes the bytes and gives them back, again and again', async () => {
    for (let i = 0; i < 5; i++) {
      const trial = await page.evaluate('tryBytes(100e6)');
      expect(trial).toEqual({ takenBytes: 100e6, refusal: null });
    }
  });
});
