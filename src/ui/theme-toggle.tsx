/** Switches between light and dark. */
import type { ReactElement } from 'react';
import { useApp } from './store-context.ts';
import { useEffectiveTheme } from './use-theme.ts';

/** A button that shows the other theme. */
export function ThemeToggle(): ReactElement {
  const setTheme = useApp((state) => state.setTheme);
  const isDark = useEffectiveTheme() === 'dark';
  return (
    <button
      type="button"
      className="icon-button"
      aria-label="Dark theme"
      aria-pressed={isDark}
      title={isDark ? 'Switch to light' : 'Switch to dark'}
      onClick={() => setTheme(isDark ? 'light' : 'dark')}
    >
      <svg viewBox="0 0 20 20" aria-hidden="true">
        <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" strokeWidth="1.6" />
        <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />
      </svg>
    </button>
  );
}
