/** The kernels page's store: what its worker has reported so far. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import { startKernels } from '../client/kernels-client.ts';
import type { CaseLine, KernelsAdapter, KernelsApi, VariantLine } from '../protocol/kernels-api.ts';
import { messageOf } from '../shared/errors.ts';

/** The page's state. */
export interface KernelsState {
  readonly adapter: KernelsAdapter | null;
  readonly cases: readonly CaseLine[];
  readonly variants: readonly VariantLine[];
  /** The run in progress; null between runs. */
  readonly running: 'cases' | 'variants' | null;
  readonly error: string | null;
  runCases(): Promise<void>;
  timeVariants(): Promise<void>;
}

/** The page's store. */
export type KernelsStore = StoreApi<KernelsState>;

/** Makes the store over a worker; the device is opened by the first run. */
export function createKernelsStore(api: KernelsApi): KernelsStore {
  return createStore<KernelsState>((set, get) => {
    const run = async (running: 'cases' | 'variants', work: () => Promise<void>): Promise<void> => {
      if (get().running !== null) return;
      set({ running, error: null, [running]: [] });
      try {
        if (get().adapter === null) set({ adapter: await api.open() });
        await work();
      } catch (thrown) {
        set({ error: messageOf(thrown) });
      } finally {
        set({ running: null });
      }
    };
    return {
      adapter: null,
      cases: [],
      variants: [],
      running: null,
      error: null,
      runCases: () => run('cases', () => api.runCases((line) => set(({ cases }) => ({ cases: [...cases, line] })))),
      timeVariants: () =>
        run('variants', () => api.timeVariants((line) => set(({ variants }) => ({ variants: [...variants, line] })))),
    };
  });
}

/** The store of a page, over a worker of its own. */
export function startKernelsStore(): KernelsStore {
  return createKernelsStore(startKernels());
}
