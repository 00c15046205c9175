/**
 * A static file server with what this site needs: cross-origin isolation (for WASM threads), the right MIME types, byte
 * ranges, and validation by ETag. Knows nothing about the site itself.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** @type {Record<string, string>} */
const MIME_TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.gif': 'image/gif',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.onnx': 'application/octet-stream',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

const HEADERS_OF_ALL = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Accept-Ranges': 'bytes',
};

/**
 * Serves a folder. Rejects when it cannot listen on the port.
 * @param {{ root: string, port: number, host?: string }} options port 0: any free one; host: default 127.0.0.1
 * @returns {Promise<{ url: string, port: number, close: () => Promise<void> }>} `url` ends with a slash
 */
export async function serve({ root, port, host = '127.0.0.1' }) {
  const folder = resolve(root);
  const server = createServer((request, response) => {
    answer(folder, request, response).catch((error) => {
      // A client that disconnects midway is not an error.
      if (!response.headersSent) refuse(response, 500, `Cannot read the file: ${String(error)}`);
      else response.destroy();
    });
  });
  await /** @type {Promise<void>} */ (
    new Promise((done, reject) => {
      server.once('error', reject);
      server.listen(port, host, done);
    })
  );
  const address = server.address();
  const bound = address !== null && typeof address === 'object' ? address.port : port;
  return {
    url: `http://${nameOf(host)}:${bound}/`,
    port: bound,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/**
 * The host to show in a URL: loopback and wildcard addresses are `localhost`.
 * @param {string} host
 */
function nameOf(host) {
  if (['127.0.0.1', '::1', '0.0.0.0', '::', 'localhost'].includes(host)) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * @param {string} folder
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function answer(folder, request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405, 'Only GET and HEAD are served.');
  }
  const path = safePath(folder, request.url ?? '/');
  if (path === undefined) return refuse(response, 400, 'This is not a path.');
  const file = await findFile(path);
  if (file === undefined) return refuse(response, 404, 'There is no such file.');

  const etag = `"${file.size.toString(36)}-${Math.floor(file.mtimeMs).toString(36)}"`;
  const headers = {
    ...HEADERS_OF_ALL,
    'Content-Type': MIME_TYPES[extname(file.path).toLowerCase()] ?? 'application/octet-stream',
    // Vite puts a hash of the content into every name below assets/.
    'Cache-Control': file.path.startsWith(join(folder, 'assets') + sep)
      ? 'public, max-age=31536000, immutable'
      : 'no-cache',
    'Last-Modified': new Date(file.mtimeMs).toUTCString(),
    ETag: etag,
  };
  if (matches(request.headers['if-none-match'], etag)) {
    response.writeHead(304, headers).end();
    return;
  }

  const ifRange = request.headers['if-range'];
  const range =
    ifRange === undefined || ifRange === etag
      ? parseRange(request.headers.range, file.size)
      : /** @type {const} */ ('all');
  if (range === 'none') {
    response.setHeader('Content-Range', `bytes */${file.size}`);
    return refuse(response, 416, `The file has ${file.size} bytes.`);
  }
  const { start, end } = range === 'all' ? { start: 0, end: file.size - 1 } : range;
  response.writeHead(range === 'all' ? 200 : 206, {
    ...headers,
    'Content-Length': end - start + 1,
    ...(range === 'all' ? {} : { 'Content-Range': `bytes ${start}-${end}/${file.size}` }),
  });
  if (request.method === 'HEAD' || file.size === 0) response.end();
  else await pipeline(createReadStream(file.path, { start, end }), response);
}

/**
 * The file system path a URL stands for, or undefined when it is malformed or leads out of the folder.
 * @param {string} folder
 * @param {string} url
 */
function safePath(folder, url) {
  /** @type {string} */
  let path;
  try {
    path = decodeURIComponent(url.split(/[?#]/, 1)[0] ?? '');
  } catch {
    return undefined;
  }
  if (!path.startsWith('/') || path.includes('\0') || path.includes('\\')) return undefined;
  const full = resolve(folder, `.${path}`);
  return full === folder || full.startsWith(folder + sep) ? full : undefined;
}

/**
 * @param {string} path
 * @returns {Promise<{ path: string, size: number, mtimeMs: number } | undefined>}
 */
async function findFile(path) {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return findFile(join(path, 'index.html'));
  return found?.isFile() ? { path, size: found.size, mtimeMs: found.mtimeMs } : undefined;
}

/**
 * @param {string | undefined} header If-None-Match
 * @param {string} etag
 */
function matches(header, etag) {
  if (header === undefined) return false;
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}

/**
 * The bytes a Range header asks for. `all` without a header or for a form that a server may ignore (several ranges),
 * `none` when it contains no byte of the file.
 * @param {string | undefined} header
 * @param {number} size
 * @returns {{ start: number, end: number } | 'all' | 'none'}
 */
function parseRange(header, size) {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  const [first = '', last = ''] = found?.slice(1) ?? [];
  if (first === '' && last === '') return 'all';
  if (first === '') {
    const length = Math.min(Number(last), size); // bytes=-n: the last n
    return length === 0 ? 'none' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return 'all'; // malformed: to be ignored
  return start >= size ? 'none' : { start, end };
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 * @param {string} message
 */
function refuse(response, status, message) {
  response.writeHead(status, { ...HEADERS_OF_ALL, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}
