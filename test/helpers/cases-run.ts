/** Kernel cases in a process of their own on a Vulkan driver. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { VulkanDriver } from '../../scripts/llvmpipe.mjs';
import type { CasesReport } from '../backends/webgpu/run-cases.ts';

const SCRIPT = fileURLToPath(new URL('../backends/webgpu/run-cases.ts', import.meta.url));

/** Whether Dawn for Node, an optional package, is installed. */
export function hasDawn(): boolean {
  return existsSync(fileURLToPath(new URL('../../node_modules/webgpu', import.meta.url)));
}

/** Runs the cases whose names contain `part`. Rejects with what the process says when it fails. */
export async function runCasesOn({ env }: VulkanDriver, part = ''): Promise<CasesReport> {
  const folder = mkdtempSync(join(tmpdir(), 'kernel-cases-'));
  try {
    const out = join(folder, 'report.json');
    await promisify(execFile)(process.execPath, ['--import', 'tsx', SCRIPT, out, part], {
      env: { ...process.env, ...env },
      maxBuffer: 1 << 24,
    });
    return JSON.parse(readFileSync(out, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
