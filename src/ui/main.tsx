/** The page's entry: makes the store, starts it, and mounts the app. */
import { backendFrom, browserDeps, createAppStore, startApp } from '../store/app-store.ts';
import { mountApp } from './mount-app.tsx';

const search = new URLSearchParams(location.search);
const store = createAppStore(browserDeps(search, document.baseURI), backendFrom(search));
mountApp(store, document.querySelector('#app'));
startApp(store);
