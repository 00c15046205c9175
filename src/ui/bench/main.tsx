/** The benchmark page's entry. `?run` starts at once; `?post=URL` sends every result there, and at last `DONE` with the report. */
import { planFrom } from '../../evaluation/plan.ts';
import { createBenchStore } from '../../store/bench-store.ts';
import { browserEnvironment } from '../../store/bench-environment.ts';
import { mountToolPage } from '../mount-tool-page.tsx';
import { BenchPage } from './bench-page.tsx';
import '../styles/bench-form.css';
import { BenchContext } from './bench-context.ts';

const search = new URLSearchParams(location.search);
const address = search.get('post');
const post = async (body: string): Promise<void> => {
  if (address !== null) await fetch(new URL(address, document.baseURI), { method: 'POST', body });
};
const store = createBenchStore(planFrom(search), browserEnvironment(document.baseURI), post);

mountToolPage(
  <BenchContext value={store}>
    <BenchPage />
  </BenchContext>,
);
if (search.has('run')) void store.getState().run();
