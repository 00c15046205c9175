/** Kernels in a process of their own on a Vulkan driver. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { VulkanDriver } from '../../scripts/llvmpipe.mjs';
import type { CasesReport } from '../backends/webgpu/run-cases.ts';

const CASES = new URL('../backends/webgpu/run-cases.ts', import.meta.url);

/** Why nothing runs on Dawn where it is not installed. */
export const NO_DAWN = 'The optional package "webgpu" (Dawn) is not installed: "npm ci" installs it.';

/** Whether Dawn for Node, an optional package, is installed. */
export function hasDawn(): boolean {
  return existsSync(fileURLToPath(new URL('../../node_modules/webgpu', import.meta.url)));
}

/** Runs the cases whose names contain `part`. Rejects with the process's output when it fails. */
export function runCasesOn(driver: VulkanDriver, part = ''): Promise<CasesReport> {
  return runScriptOn(driver, CASES, part);
}

/** Runs a script that writes JSON to the file it is given, in a process that finds the driver. Rejects as {@link runCasesOn} does. */
export async function runScriptOn<T>({ env }: VulkanDriver, script: URL, ...args: readonly string[]): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'kernel-cases-'));
  try {
    const out = join(folder, 'report.json');
    await promisify(execFile)(process.execPath, ['--import', 'tsx', fileURLToPath(script), out, ...args], {
      env: { ...process.env, ...env },
      maxBuffer: 1 << 24,
    });
    return JSON.parse(readFileSync(out, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
