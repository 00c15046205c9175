/**
 * `npm run check:kernels`: our own kernels with the sizes the app uses, in SwiftShader, against onnxruntime on the CPU. The tests run
 * the same with smaller ones, which compile in less time. Then the command line in SwiftShader through Dawn.
 */
import { ensureChromium } from './chromium.mjs';
import { installMissing } from './install.mjs';
import { fail, runNode } from './run.mjs';

try {
  await installMissing();
  const env = { KERNELS: 'real', CHROMIUM_PATH: await ensureChromium() };
  const files = ['test/browser/kernels.test.ts', 'test/cli/webgpu.test.ts'];
  const args = ['run', '--project', 'browser', '--project', 'gpu', ...files];
  const { code } = await runNode('node_modules/vitest/vitest.mjs', args, { env });
  process.exitCode = code;
} catch (error) {
  fail(error);
}
