/**
 * Three projects: `unit` runs side by side; `gpu` (kernels through Dawn on Vulkan drivers that compute on the CPU) and `browser`
 * (test/browser, drives Chromium) run after it, because they keep a machine busy by themselves.
 */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const TESTS = ['test/**/*.test.ts', 'test/**/*.test.tsx'];
const BROWSER_TESTS = ['test/browser/**'];
const GPU_TESTS = ['test/backends/webgpu/cases*.test.ts', 'test/cli/webgpu.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [react()],
        test: {
          name: 'unit',
          environment: 'node',
          include: TESTS,
          exclude: [...BROWSER_TESTS, ...GPU_TESTS],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'gpu',
          environment: 'node',
          include: GPU_TESTS,
          pool: 'forks',
          maxWorkers: 1, // its tests start processes of their own, one a driver
          testTimeout: 60_000,
          hookTimeout: 600_000, // compiling every kernel, on a busy machine
          sequence: { groupOrder: 1 },
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
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
