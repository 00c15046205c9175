/**
 * Five projects: `unit` runs in Node alone, `cli` (test/cli) starts commands as a person does, `gpu` runs kernels through Dawn on
 * Vulkan drivers that compute on the CPU, `browser` (test/browser) drives Chromium, and `slow` (test/slow) holds what takes minutes
 * and is run by `npm run test:slow` only. Files of the others share the workers, so that both cores are busy.
 *
 * No test is retried: one that fails now and then is mended. The limits only end what hangs, on a machine many times slower too.
 */
import { availableParallelism } from 'node:os';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const GPU_TESTS = [
  'test/backends/webgpu/cases*.test.ts',
  'test/backends/webgpu/models.test.ts',
  'test/cli/webgpu.test.ts',
];
const HANGS_AFTER_MS = 15 * 60_000;

/** Everything a project has in common with the others. */
const SHARED = {
  environment: 'node',
  pool: 'forks',
  isolate: false, // a process for each file would read the same packages 130 times
  maxWorkers: Math.min(8, availableParallelism() + 1), // one more than cores: a test of the page often waits
  testTimeout: HANGS_AFTER_MS,
  hookTimeout: HANGS_AFTER_MS,
} as const;

/** The projects by how long their files take, longest first. */
const BY_LENGTH = ['gpu', 'browser', 'slow', 'cli', 'unit'];

/** Starts the longest files first, also in a fresh clone, which remembers no durations: one that begins last would run alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return BY_LENGTH.flatMap((name) => sorted.filter(({ project }) => project.name === name));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        plugins: [react()],
        test: {
          ...SHARED,
          name: 'unit',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: ['test/browser/**', 'test/cli/**', 'test/slow/**', ...GPU_TESTS],
          globalSetup: 'test/helpers/build-cli.ts',
        },
      },
      {
        test: {
          ...SHARED,
          name: 'cli',
          include: ['test/cli/*.test.ts'],
          exclude: GPU_TESTS,
          globalSetup: 'test/helpers/build-cli.ts',
        },
      },
      {
        test: {
          ...SHARED,
          name: 'gpu',
          include: GPU_TESTS,
          globalSetup: 'test/helpers/build-cli.ts',
        },
      },
      {
        test: {
          ...SHARED,
          name: 'browser',
          include: ['test/browser/*.test.ts'],
          setupFiles: 'test/helpers/screenshots.ts',
          globalSetup: 'test/helpers/build-site.ts',
          maxConcurrency: 2, // browsers at a time, where a file has several
        },
      },
      {
        test: {
          ...SHARED,
          name: 'slow',
          include: ['test/slow/*.test.ts'],
          setupFiles: 'test/helpers/screenshots.ts',
          globalSetup: ['test/helpers/build-cli.ts', 'test/helpers/build-site.ts'],
          maxConcurrency: 2,
        },
      },
    ],
  },
});
