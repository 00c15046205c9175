/** The built page and the network: without isolation headers, offline, and no requests to other hosts. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../helpers/chromium.ts';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { AppPage, serveSite, type Site } from '../helpers/site.ts';

let site: Site;
let browser: Browser;

beforeAll(async () => {
  site = await serveSite();
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

/** The same site as a simple host serves it: with a content type and no other header. */
async function servePlainly(): Promise<Site> {
  const server = createServer((request, response) => {
    void fetch(new URL(request.url ?? '/', site.url)).then(async (answer) => {
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
      response.end(new Uint8Array(await answer.arrayBuffer()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

describe('without isolation headers', () => {
  it('answers on one thread, and says why', async () => {
    const simple = await servePlainly();
    const app = await AppPage.open(browser, `${simple.url}?backend=wasm`);
    const why = await app.ready();
    expect(await app.page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(why).toContain('The page is not cross-origin isolated, so WASM runs on one thread.');
    expect(why).toContain('Running on WebAssembly with 1 thread.');
    const { file, question, answer } = nanoQuestion(17);
    await app.choose(file);
    expect(await app.askFor(question)).toBe(answer);
    await app.close();
    await simple.close();
  });
});

describe('once the engine is ready', () => {
  it('answers without a network, and has sent requests to its own host only', async () => {
    const app = await AppPage.open(browser, site.url);
    expect(await app.ready()).toMatch(/Running on WebAssembly with \d+ threads?\.|WebGPU/);
    await app.page.getByRole('button', { name: 'Poster', exact: true }).click();
    await app.picture.getByAltText('Chosen: Poster').waitFor();
    await app.page.context().setOffline(true);
    const before = app.requested.length;
    expect(await app.askFor('What is the price?')).toBe('$65.70');
    const { file, question, answer } = nanoQuestion(20);
    await app.choose(file);
    expect(await app.askFor(question)).toBe(answer);

    const addresses = app.requested.filter((url) => !/^(blob|data):/.test(url));
    expect(addresses.slice(before)).toEqual([]);
    expect(addresses.filter((url) => !url.startsWith(site.url))).toEqual([]);
    for (const part of ['decoder_model_merged', '.wasm', 'examples.json']) {
      expect(addresses.some((url) => url.includes(part))).toBe(true); // the worker's requests were counted
    }
    expect(app.uncaught).toEqual([]);
    await app.close();
  });
});
