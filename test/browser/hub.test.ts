/** The hub's client in Chromium, from another origin: no request of it needs the server's permission beforehand (CORS preflight). */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../helpers/bundle.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { HubServer } from '../helpers/hub-server.ts';

const ID = 'someone/A-model';
const large = randomBytes(300_000);
const small = Buffer.from('{}');

let site: Server;
let hub: HubServer;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  const script = await bundle(new URL('./hub.page.ts', import.meta.url));
  site = createServer((request, response) => {
    response.setHeader('content-type', request.url === '/page.js' ? 'text/javascript' : 'text/html');
    response.end(
      request.url === '/page.js' ? script : '<!doctype html><title>hub</title><script src="page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  hub = await HubServer.start();
  hub.commit(
    ID,
    new Map([
      ['model.safetensors', large],
      ['config.json', small],
    ]),
  );
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
});

afterAll(async () => {
  await browser?.close();
  site?.close();
  await hub?.stop();
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function read(id: string, path: string, first: number, end: number): Promise<unknown> {
  return page.evaluate(`readHub(...${JSON.stringify([hub.endpoint, id, path, first, end])})`);
}

describe('a hub on another origin', () => {
  it('serves files whole and by ranges, through its redirects, without preflights', async () => {
    // Only once: the browser may discard bytes that arrive together with a broken connection, and then the file is requested again.
    let cuts = 0;
    hub.fault = ({ server }) => (server === 'storage' && cuts++ === 0 ? { kind: 'cut', after: 70_000 } : undefined);
    expect(await read(ID, 'model.safetensors', 1000, 200_000)).toEqual({
      whole: sha256(large),
      part: sha256(large.subarray(1000, 200_000)),
      files: ['model.safetensors', 'config.json'],
    });
    expect(await read(ID, 'config.json', 0, 1)).toMatchObject({ whole: sha256(small) });
    expect(hub.preflights).toEqual([]);
  });

  it('reports a named error for a missing file', async () => {
    expect(await read('someone/else', 'config.json', 0, 1)).toMatchObject({
      error: 'HubError',
      message: expect.stringContaining('no model "someone/else"'),
    });
  });
});
