/**
 * `npm run check:resume -- 100`: kills that many conversions at random points and sees what becomes of them
 * (test/converter/resume.test.ts).
 */
import { join } from 'node:path';
import { installMissing } from './install.mjs';
import { fail, ROOT, runNode } from './run.mjs';

try {
  const kills = process.argv[2] ?? '100';
  if (!/^[1-9]\d*$/.test(kills)) throw new Error(`"${kills}" is no number of kills. Give one, like 100.`);
  await installMissing({ output: 'stderr' });
  const args = ['run', '--project', 'unit', 'test/converter/resume.test.ts'];
  const { code } = await runNode(join(ROOT, 'node_modules/vitest/vitest.mjs'), args, { env: { RESUME_KILLS: kills } });
  process.exitCode = code;
} catch (error) {
  fail(error);
}
