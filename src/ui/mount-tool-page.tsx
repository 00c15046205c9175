/** Shows a page beside the app: benchmark, kernels. */
import { type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { readTheme, watchTheme } from '../store/theme-slice.ts';
import { showTheme } from './show-theme.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/controls.css';
import './styles/messages.css';
import './styles/results.css';

/** Renders `page` in the document's `#app`, in the theme that the app was given. Throws Error when there is no such element. */
export function mountToolPage(page: ReactNode): void {
  showTheme(readTheme());
  watchTheme(showTheme);
  const element = document.querySelector('#app');
  if (element === null) throw new Error('The page has no element to mount on.');
  createRoot(element).render(<StrictMode>{page}</StrictMode>);
}
