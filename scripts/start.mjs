/** `npm start`: installs what is missing, builds when needed, serves the site. PORT and HOST are honoured. */
import { createServer } from 'node:net';
import { installMissing } from './install.mjs';
import { buildWhenStale, DIST } from './build.mjs';
import { fail } from './run.mjs';
import { serve } from './serve.mjs';

const DEFAULT_PORT = 5173;
const DEFAULT_HOST = '127.0.0.1';

try {
  const port = portFromEnvironment();
  const host = process.env['HOST'] || DEFAULT_HOST;
  await assertFree(port, host); // before the long steps
  await installMissing();
  await buildWhenStale();
  const { url } = await serve({ root: DIST, port, host }).catch((error) => {
    throw cannotListen(error, port, host);
  });
  console.log('The site is served at');
  console.log(url);
  console.log('Press Ctrl+C to stop.');
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
} catch (error) {
  fail(error);
}

function portFromEnvironment() {
  const text = process.env['PORT'] || String(DEFAULT_PORT);
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) {
    throw new Error(
      `PORT is "${text}", which is not a port number: set it to a number from 1 to 65535, or to 0 for any free port.`,
    );
  }
  return port;
}

/**
 * Throws when another program listens. Checks ::1 as well: a browser resolves localhost to it first.
 * @param {number} port
 * @param {string} host
 */
async function assertFree(port, host) {
  for (const address of host === DEFAULT_HOST ? [host, '::1'] : [host]) {
    const error = await new Promise((done) => {
      const probe = createServer();
      probe.once('error', done);
      probe.listen(port, address, () => probe.close(() => done(undefined)));
    });
    const unusable = error?.code === 'EADDRINUSE' || (error !== undefined && address === host);
    if (unusable) throw cannotListen(error, port, host);
  }
}

/**
 * @param {NodeJS.ErrnoException} error
 * @param {number} port
 * @param {string} host
 */
function cannotListen(error, port, host) {
  if (error.code === 'EADDRINUSE') {
    return new Error(
      `Port ${port} is taken by another program: choose another one, for example PORT=${port + 1} npm start`,
    );
  }
  if (error.code === 'EACCES') return new Error(`Port ${port} may not be used by this account: choose one above 1023.`);
  return new Error(`Cannot listen on ${host}:${port} (${error.message}): set HOST to an address of this machine.`);
}
