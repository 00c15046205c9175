/** The kernels page's entry. `?run` runs the cases at once. */
import { startKernelsStore } from '../../store/kernels-store.ts';
import { mountToolPage } from '../mount-tool-page.tsx';
import { KernelsPage } from './kernels-page.tsx';
import '../styles/kernels.css';

const store = startKernelsStore();
mountToolPage(<KernelsPage store={store} />);
if (new URLSearchParams(location.search).has('run')) void store.getState().runCases();
