/** `--backend` without a graphics card: the chosen backend and the messages. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Ended, startCli } from '../helpers/cli.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TESTSET = join(ROOT, 'test/golden/nano');
const BUNDLED = join(ROOT, 'public/models/visionthink-nano');

/** Vulkan's loader finds no driver. */
const NO_DRIVER = { VK_DRIVER_FILES: join(ROOT, 'no-driver.json'), VK_ICD_FILENAMES: join(ROOT, 'no-driver.json') };

/** A resolution hook under which the package `webgpu` is missing, as after `npm ci --omit=optional`. */
const HOOK = `export const resolve = (name, context, next) => {
  if (name === 'webgpu') throw Object.assign(new Error("Cannot find package 'webgpu'"), { code: 'ERR_MODULE_NOT_FOUND' });
  return next(name, context);
};`;
const REGISTER = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(HOOK))});`;
const NO_PACKAGE = { NODE_OPTIONS: `--import=${dataUrl(REGISTER)}` };

function dataUrl(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** One question of the test set. */
function check(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended> {
  return startCli('check-answers', [TESTSET, '--limit', '1', '--json', ...args], env).ended;
}

function backendLines({ stderr }: Ended): readonly string[] {
  return stderr.split('\n').filter((line) => line.startsWith('Backend: '));
}

describe.concurrent('--backend', { timeout: 60_000 }, () => {
  it('auto computes on the CPU where the package is missing, and says why and what to do', async () => {
    const ended = await check(NO_PACKAGE);
    expect(ended.json).toMatchObject({ questions: 1, identical: 1 });
    expect(backendLines(ended)).toEqual([
      expect.stringMatching(/^Backend: onnxruntime on the CPU .*"webgpu".*npm install --include=optional/),
    ]);
  });

  it('auto computes on the CPU where there is no driver, and says so', async () => {
    const ended = await check(NO_DRIVER, '--backend', 'auto');
    expect(ended.json).toMatchObject({ questions: 1, identical: 1 });
    expect(backendLines(ended)).toEqual([expect.stringMatching(/^Backend: onnxruntime on the CPU /)]);
  });

  it('cpu looks for no card and prints nothing', async () => {
    const ended = await check(NO_PACKAGE, '--backend', 'cpu');
    expect(ended.json).toMatchObject({ questions: 1, identical: 1 });
    expect(ended.stderr).not.toMatch(/Backend: |webgpu/);
  });

  it('webgpu ends with advice to install the package where it is missing', async () => {
    const { code, json, stderr } = await check(NO_PACKAGE, '--backend', 'webgpu');
    const message = expect.stringMatching(/"webgpu".*npm install --include=optional/);
    expect([code, json]).toEqual([1, { error: { name: 'RuntimeUnavailableError', message } }]);
    expect(stderr).toContain('RuntimeUnavailableError: ');
  });

  it.runIf(process.platform === 'linux')(
    'webgpu ends with the driver that Dawn needs where there is none',
    async () => {
      const { code, json } = await check(NO_DRIVER, '--backend', 'webgpu');
      const message = expect.stringMatching(
        /WebGPU found no graphics adapter.*libvulkan1|npm install --include=optional/,
      );
      expect([code, json]).toEqual([1, { error: { name: 'RuntimeUnavailableError', message } }]);
    },
  );

  it.each([
    ['check-answers', [TESTSET]],
    ['ask', ['--image', 'x.png', '--question', 'Why?']],
    ['compare-models', [TESTSET, BUNDLED, '--models', BUNDLED]],
    ['bench-node', []],
  ])('%s refuses a backend it does not know', async (name, args) => {
    const { code, json } = await startCli(name, [...args, '--backend', 'cuda', '--json']).ended;
    const message = expect.stringMatching(/--backend is "cuda"/);
    expect([code, json]).toEqual([1, { error: { name: 'UsageError', message } }]);
  });
});
