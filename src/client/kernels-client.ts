/** The kernels page's worker, wrapped. */
import { proxy } from 'comlink';
import type { KernelsApi } from '../protocol/kernels-api.ts';
import { connectWorker } from './worker-connection.ts';

/** Starts the worker. It runs as long as the page. */
export function startKernels(): KernelsApi {
  const worker = new Worker(new URL('../../workers/kernels.worker.ts', import.meta.url), { type: 'module' });
  const { remote, orEnd } = connectWorker<KernelsApi>(worker, 'kernels');
  return {
    open: () => orEnd(remote.open()),
    runCases: (onLine) => orEnd(remote.runCases(proxy(onLine))),
    timeVariants: (onLine) => orEnd(remote.timeVariants(proxy(onLine))),
  };
}
