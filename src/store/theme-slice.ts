/** Light or dark: the system's choice until a person has made another, which is remembered. */
import type { Theme, ThemeSlice } from './app-state.ts';
import type { SliceOf } from './engine-session.ts';

const STORAGE_KEY = 'visionthink-theme';

/** The theme's slice. */
export const themeSlice: SliceOf<ThemeSlice> = (set) => ({
  theme: readTheme(),
  setTheme: (theme) => {
    writeTheme(theme);
    set({ theme });
  },
  followTheme: (theme) => set({ theme }),
});

/** Calls back with the theme whenever another tab has chosen one. Returns a function that stops it. */
export function watchTheme(onChange: (theme: Theme | null) => void): () => void {
  const onStorage = ({ key }: StorageEvent): void => {
    if (key === STORAGE_KEY || key === null) onChange(readTheme()); // null: all was cleared
  };
  addEventListener('storage', onStorage);
  return () => removeEventListener('storage', onStorage);
}

/** The theme a person has chosen; null: the system's. */
export function readTheme(): Theme | null {
  try {
    const stored = globalThis.localStorage.getItem(STORAGE_KEY);
    return stored === 'light' || stored === 'dark' ? stored : null;
  } catch {
    return null; // storage is disabled: use the system's choice
  }
}

function writeTheme(theme: Theme): void {
  try {
    globalThis.localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // storage is disabled: the choice lasts as long as the page
  }
}
