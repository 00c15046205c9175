/** Two projects: `unit` runs side by side, `browser` (test/browser, drives Chromium) runs after it, two files at a time. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const TESTS = ['test/**/*.test.ts', 'test/**/*.test.tsx'];
const BROWSER_TESTS = ['test/browser/**'];

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [react()],
        test: {
          name: 'unit',
          environment: 'node',
          include: TESTS,
          exclude: BROWSER_TESTS,
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'browser',
          environment: 'node',
          include: BROWSER_TESTS.flatMap((folder) => [`${folder}/*.test.ts`]),
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 180_000,
          maxConcurrency: 2, // browsers at a time, where a file has several
          retry: 2, // a browser on a busy machine; the summary names what needed it
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
