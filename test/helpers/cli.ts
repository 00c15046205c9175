/** The command-line tools in processes of their own, bundled by build-cli.ts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BUILT_CLI } from './build-cli.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The outcome of a tool. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout as JSON; null when it is not JSON. */
  readonly json: Readonly<Record<string, unknown>> | null;
}

/** Runs src/cli/NAME.ts. */
export function cli(name: string, ...args: readonly string[]): Promise<Ended> {
  return startCli(name, args).ended;
}

/** Starts src/cli/NAME.ts, with additional environment variables. */
export function startCli(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  return startScript(`${BUILT_CLI}${name}.mjs`, args, env);
}

/** Starts a Node script in the repository's root. */
export function startScript(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code: code ?? -1, stdout, stderr, json: parsed(stdout.trimEnd().split('\n').at(-1) ?? '') });
    });
  });
  return { child, ended };
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
}
