/** Files of the origin private file system that are read in place, in a real worker of Chromium. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { bundle } from '../helpers/bundle.ts';
import { launchChromium } from '../helpers/chromium.ts';

it('several readers read a file in place at once, but not while it is written, and never beyond its end', async () => {
  const worker = await bundle(new URL('./directory-folder.worker.ts', import.meta.url));
  const server = createServer((request, response) => {
    response.setHeader('content-type', request.url === '/worker.js' ? 'text/javascript' : 'text/html');
    response.end(request.url === '/worker.js' ? worker : '<!doctype html><title>folder</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const found = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const looking = new Worker('worker.js');
          looking.onmessage = ({ data }) => resolve(data);
          looking.postMessage(null);
        }),
    );
    expect(found).toEqual({
      part: true,
      whole: true,
      blob: true,
      beyond: expect.stringMatching(/^StorageError: a\/weights ends at byte 100000, before byte 100500/),
      meanwhile: true,
      afterwards: true,
      missing: true,
    });
  } finally {
    await browser.close();
    server.close();
  }
});
