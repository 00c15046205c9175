/** The benchmark page's entry. `?run` starts at once; `?post=URL` sends every result there, and at last `DONE` with the report. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { planFrom } from '../../evaluation/plan.ts';
import { createBenchStore } from '../../store/bench-store.ts';
import { browserEnvironment } from '../../store/bench-environment.ts';
import { readTheme, watchTheme } from '../../store/theme-slice.ts';
import { showTheme } from '../show-theme.ts';
import { BenchPage } from './bench-page.tsx';
import { BenchContext } from './bench-context.ts';
import '../styles/tokens.css';
import '../styles/base.css';
import '../styles/layout.css';
import '../styles/controls.css';
import '../styles/messages.css';
import '../styles/bench.css';

const search = new URLSearchParams(location.search);
const address = search.get('post');
const post = async (body: string): Promise<void> => {
  if (address !== null) await fetch(new URL(address, document.baseURI), { method: 'POST', body });
};
const store = createBenchStore(planFrom(search), browserEnvironment(document.baseURI), post);

showTheme(readTheme());
watchTheme(showTheme);
const element = document.querySelector('#app');
if (element === null) throw new Error('The page has no element to mount on.');
createRoot(element).render(
  <StrictMode>
    <BenchContext value={store}>
      <BenchPage />
    </BenchContext>
  </StrictMode>,
);
if (search.has('run')) void store.getState().run();
