import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serve } from '../../scripts/serve.mjs';

describe('the file server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'serve-test-'));
  let server: Awaited<ReturnType<typeof serve>>;

  beforeAll(async () => {
    mkdirSync(join(folder, 'site/assets'), { recursive: true });
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    writeFileSync(join(folder, 'site/index.html'), '<!doctype html>');
    writeFileSync(join(folder, 'site/data.onnx'), '0123456789');
    writeFileSync(join(folder, 'site/empty.txt'), '');
    writeFileSync(join(folder, 'site/assets/a-1a2b.js'), 'export {};');
    server = await serve({ root: join(folder, 'site'), port: 0 });
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(new URL(path, server.url), { headers });

  /** The status of a path sent as it is, which fetch would normalize. */
  const statusOfRaw = (path: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port: server.port, path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });

  it('isolates every answer from other origins', async () => {
    for (const path of ['', 'data.onnx', 'missing']) {
      const { headers } = await get(path);
      expect(headers.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
      expect(headers.get('Cross-Origin-Embedder-Policy')).toBe('require-corp');
    }
  });

  it('serves index.html for a folder', async () => {
    const response = await get('');
    expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(await response.text()).toBe('<!doctype html>');
    expect((await get('assets/')).status).toBe(404);
  });

  it.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=0-0,5-5', 200, '0123456789', null],
    ['bytes=4-2', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
    ['bytes=10-', 416, 'The file has 10 bytes.\n', 'bytes */10'],
    ['bytes=-0', 416, 'The file has 10 bytes.\n', 'bytes */10'],
  ])('answers Range %s with %i', async (range, status, body, contentRange) => {
    const response = await get('data.onnx', { Range: range });
    expect(response.status).toBe(status);
    expect(response.headers.get('Content-Range')).toBe(contentRange);
    expect(await response.text()).toBe(body);
  });

  it('answers 304 when the client already has the file, and serves a range only of the same version', async () => {
    const etag = (await get('data.onnx')).headers.get('ETag') ?? '';
    expect((await get('data.onnx', { 'If-None-Match': etag })).status).toBe(304);
    expect((await get('data.onnx', { 'If-None-Match': '"other"' })).status).toBe(200);
    expect((await get('data.onnx', { Range: 'bytes=0-1', 'If-Range': etag })).status).toBe(206);
    expect((await get('data.onnx', { Range: 'bytes=0-1', 'If-Range': '"other"' })).status).toBe(200);
  });

  it('lets browsers keep hashed assets and revalidate the rest', async () => {
    expect((await get('assets/a-1a2b.js')).headers.get('Cache-Control')).toContain('immutable');
    expect((await get('')).headers.get('Cache-Control')).toBe('no-cache');
  });

  it('serves an empty file, and HEAD without a body', async () => {
    expect(await (await get('empty.txt')).text()).toBe('');
    const head = await fetch(new URL('data.onnx', server.url), { method: 'HEAD' });
    expect(head.headers.get('Content-Length')).toBe('10');
    expect(await head.text()).toBe('');
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/%00',
    '/%zz',
    '//etc/passwd',
  ])('serves nothing for %s', async (path) => {
    expect([400, 404]).toContain(await statusOfRaw(path));
  });

  it('refuses other methods', async () => {
    expect((await fetch(server.url, { method: 'POST' })).status).toBe(405);
  });

  it('rejects when the port is taken', async () => {
    await expect(serve({ root: folder, port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
