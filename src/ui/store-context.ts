/** The store, as components reach it. */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { AppState } from '../store/app-state.ts';
import type { AppStore } from '../store/app-store.ts';

/** Holds the page's store. */
export const StoreContext = createContext<AppStore | null>(null);

/** The store itself, for event handlers. */
export function useAppStore(): AppStore {
  const store = useContext(StoreContext);
  if (store === null) throw new Error('A component was used outside the app.');
  return store;
}

/** A part of the state; the component renders again when it changes. */
export function useApp<Part>(select: (state: AppState) => Part): Part {
  return useStore(useAppStore(), select);
}
