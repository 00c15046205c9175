/** The kernels page's entry. `?run` runs the cases at once. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { startKernelsStore } from '../../store/kernels-store.ts';
import { readTheme, watchTheme } from '../../store/theme-slice.ts';
import { showTheme } from '../show-theme.ts';
import { KernelsPage } from './kernels-page.tsx';
import '../styles/tokens.css';
import '../styles/base.css';
import '../styles/layout.css';
import '../styles/controls.css';
import '../styles/messages.css';
import '../styles/bench.css';
import '../styles/kernels.css';

const store = startKernelsStore();
showTheme(readTheme());
watchTheme(showTheme);
const element = document.querySelector('#app');
if (element === null) throw new Error('The page has no element to mount on.');
createRoot(element).render(
  <StrictMode>
    <KernelsPage store={store} />
  </StrictMode>,
);
if (new URLSearchParams(location.search).has('run')) void store.getState().runCases();
