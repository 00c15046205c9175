/** Runs another program: waits for it, streams or captures its output, and kills it after a limit. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The repository's root folder, with a slash at the end. */
export const ROOT = fileURLToPath(new URL('../', import.meta.url));

/**
 * @typedef {object} RunOptions
 * @property {'inherit' | 'stderr' | 'capture'} [output] where the program's stdout goes; default `inherit`
 * @property {number} [limitMs] kill the program after this long
 * @property {NodeJS.ProcessEnv} [env] variables to add
 * @property {string} [cwd] default: the repository's root
 *
 * @typedef {object} RunResult
 * @property {number} code the exit status; 1 when a signal ended it
 * @property {boolean} timedOut
 * @property {string} output its output, when captured
 */

/**
 * Runs a program and resolves when it has ended. Never rejects for a bad exit status.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export function run(command, args, options = {}) {
  const output = options.output ?? 'inherit';
  const stdout = output === 'capture' ? 'pipe' : output === 'stderr' ? 2 : 'inherit';
  // With a limit the program gets its own process group, so that its children (browsers, servers) end with it.
  const detached = options.limitMs !== undefined && process.platform !== 'win32';
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: ['inherit', stdout, output === 'capture' ? 'pipe' : 'inherit'],
      detached,
    });
    let text = '';
    let timedOut = false;
    child.stdout?.on('data', (/** @type {Buffer} */ chunk) => (text += chunk.toString()));
    child.stderr?.on('data', (/** @type {Buffer} */ chunk) => (text += chunk.toString()));

    const end = () => {
      try {
        if (detached && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
        else child.kill('SIGKILL');
      } catch {
        // it has already ended
      }
    };
    /** @type {NodeJS.SignalsListener} */
    const passOn = (signal) => {
      end();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    };
    const timer =
      options.limitMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            end();
          }, options.limitMs);
    // In our process group the program receives Ctrl+C itself; give it time to save and to report.
    /** @type {NodeJS.SignalsListener} */
    const waitFor = (signal) => void (signal === 'SIGTERM' && child.kill(signal));
    const onSignal = detached ? passOn : waitFor;
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, onSignal);
    const tidy = () => {
      clearTimeout(timer);
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    };
    child.on('error', (error) => {
      tidy();
      reject(error);
    });
    child.on('close', (code) => {
      tidy();
      resolve({ code: code ?? 1, timedOut, output: text });
    });
  });
}

/**
 * Runs a Node script of the repository or of a package.
 * @param {string} script
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export function runNode(script, args, options) {
  return run(process.execPath, [script, ...args], options);
}

/**
 * Ends this process with a message a person can act on instead of a stack trace.
 * @param {unknown} thrown
 * @returns {never}
 */
export function fail(thrown) {
  console.error(messageOf(thrown));
  process.exit(1);
}

/**
 * The message of anything that was thrown.
 * @param {unknown} thrown
 */
export function messageOf(thrown) {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
