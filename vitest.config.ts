/**
 * Three projects: `unit` runs in Node alone, `browser` (test/browser) drives Chromium, and `slow` (test/slow) holds what takes
 * minutes and is run by `npm run test:slow` only. Files of `unit` and `browser` share the workers, so that both cores are busy.
 *
 * No test is retried: one that fails now and then is mended. The limits only end what hangs, on a machine many times slower too.
 */
import { availableParallelism } from 'node:os';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const HANGS_AFTER_MS = 15 * 60_000;

/** Everything a project has in common with the others. */
const SHARED = {
  environment: 'node',
  pool: 'forks',
  maxWorkers: Math.min(8, availableParallelism() + 1), // one more than cores: a test of the page often waits
  testTimeout: HANGS_AFTER_MS,
  hookTimeout: HANGS_AFTER_MS,
} as const;

/** Starts files that drive a browser first: they take longest, and one that begins last would run alone. */
class BrowserFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isBrowser = ({ project }: TestSpecification): boolean => project.name === 'browser';
    return [...sorted.filter(isBrowser), ...sorted.filter((file) => !isBrowser(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: BrowserFirst },
    projects: [
      {
        plugins: [react()],
        test: {
          ...SHARED,
          name: 'unit',
          isolate: false, // a process for each file would read the same packages 80 times
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: ['test/browser/**', 'test/slow/**'],
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
