/** Keeps the document in step with the chosen theme, and returns the one in effect. */
import { useEffect, useSyncExternalStore } from 'react';
import type { Theme } from '../store/app-state.ts';
import { watchTheme } from '../store/theme-slice.ts';
import { showTheme } from './show-theme.ts';
import { useApp } from './store-context.ts';

const darkQuery = '(prefers-color-scheme: dark)';

/** Keeps the document's theme in step with the store, and the store with other tabs. Once per page. */
export function useTheme(): void {
  const theme = useApp((state) => state.theme);
  const followTheme = useApp((state) => state.followTheme);
  useEffect(() => showTheme(theme), [theme]);
  useEffect(() => watchTheme(followTheme), [followTheme]);
}

/** The theme that is shown: the chosen one, or else the system's. */
export function useEffectiveTheme(): Theme {
  const chosen = useApp((state) => state.theme);
  const systemIsDark = useSyncExternalStore(subscribeToSystem, () => matchMedia(darkQuery).matches);
  return chosen ?? (systemIsDark ? 'dark' : 'light');
}

function subscribeToSystem(onChange: () => void): () => void {
  const query = matchMedia(darkQuery);
  query.addEventListener('change', onChange);
  return () => query.removeEventListener('change', onChange);
}
