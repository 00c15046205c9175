/** Puts the chosen theme on the document, and tells which one is in effect. */
import { useEffect, useSyncExternalStore } from 'react';
import type { Theme } from '../store/app-state.ts';
import { useApp } from './store-context.ts';

const darkQuery = '(prefers-color-scheme: dark)';

/** Keeps the document's theme in step with the store. Once per page. */
export function useTheme(): void {
  const theme = useApp((state) => state.theme);
  useEffect(() => {
    if (theme === null) delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  }, [theme]);
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
