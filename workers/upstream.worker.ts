/** The worker of unmodified transformers.js for comparisons: exposes its host over Comlink, with an eye on memory. */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/protocol/thrown-errors.ts';
import { watchMemory } from './memory-watch.ts';
import { UpstreamHost } from './upstream-host.ts';

const memory = watchMemory();
installErrorTransfer();
expose(new UpstreamHost(memory));
