/** The benchmark's store, as components reach it. */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { BenchState, BenchStore } from '../../store/bench-store.ts';

/** Holds the page's store. */
export const BenchContext = createContext<BenchStore | null>(null);

/** A part of the state; the component renders again when it changes. */
export function useBench<Part>(select: (state: BenchState) => Part): Part {
  const store = useContext(BenchContext);
  if (store === null) throw new Error('A component was used outside the benchmark.');
  return useStore(store, select);
}
