/** The worker of stock transformers.js for comparisons: exposes its host over Comlink, with an eye on memory. */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/protocol/thrown-errors.ts';
import { watchMemory } from './memory-watch.ts';
import { StockHost } from './stock-host.ts';

const memory = watchMemory();
installErrorTransfer();
expose(new StockHost(memory));
