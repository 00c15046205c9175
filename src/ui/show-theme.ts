/** Puts a theme on the document. */
import type { Theme } from '../store/app-state.ts';

/** Shows `theme`; null: the system's. */
export function showTheme(theme: Theme | null): void {
  if (theme === null) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}
