/** The Models screen's store, as its components reach it. */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { ModelsState } from '../../store/models-state.ts';
import type { ModelsStore } from '../../store/models-store.ts';

/** Holds the screen's store. */
export const ModelsContext = createContext<ModelsStore | null>(null);

/** A part of the state; the component renders again when it changes. */
export function useModels<Part>(select: (state: ModelsState) => Part): Part {
  const store = useContext(ModelsContext);
  if (store === null) throw new Error('A component was used outside the Models screen.');
  return useStore(store, select);
}
