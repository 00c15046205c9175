/** Mounts the app on an element of the page. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { AppStore } from '../store/app-store.ts';
import { App } from './app.tsx';
import { StoreContext } from './store-context.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/controls.css';
import './styles/messages.css';
import './styles/engine.css';
import './styles/image.css';
import './styles/overlay.css';
import './styles/composer.css';
import './styles/answer.css';
import './styles/history.css';
import './styles/visual-tokens.css';
import './styles/comparison.css';
// The Models screen's styles come with the page: a style sheet that could not be fetched is not asked for again.
import './styles/models.css';
import './styles/consider-model.css';

/** Shows the app, backed by `store`, inside `element`. */
export function mountApp(store: AppStore, element: Element | null): void {
  if (element === null) throw new Error('The page has no element to mount the app on.');
  createRoot(element).render(
    <StrictMode>
      <StoreContext value={store}>
        <App />
      </StoreContext>
    </StrictMode>,
  );
}
