/** Files beside the page, with and without a network. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fetchFile } from '../../src/client/fetch-file.ts';

afterEach(() => vi.unstubAllGlobals());

/** The file's content under this `fetch`, or the message of its error. */
async function outcome(fetch: (url: URL) => Promise<Response>): Promise<string> {
  vi.stubGlobal('fetch', fetch);
  return fetchFile('examples/receipt.png', 'http://page/app/').then(
    (blob) => blob.text(),
    (thrown: unknown) => String(thrown),
  );
}

describe('a file beside the page', () => {
  it('is fetched from there', async () => {
    expect(await outcome(async (url) => new Response(url.href))).toBe('http://page/app/examples/receipt.png');
  });

  it('that cannot be fetched is named, with what to do', async () => {
    const offline = (): Promise<never> => Promise.reject(new TypeError('Failed to fetch'));
    expect(await outcome(offline)).toBe(
      'Error: examples/receipt.png could not be fetched. Check the connection, then try again.',
    );
    expect(await outcome(async () => new Response('', { status: 404 }))).toBe(
      'Error: examples/receipt.png could not be fetched: the server answered 404. Try again later.',
    );
  });
});
