/** Our engine's worker for comparisons: exposes its host over Comlink, with an eye on memory. */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/protocol/thrown-errors.ts';
import { watchMemory } from './memory-watch.ts';
import { OursHost } from './ours-host.ts';

const memory = watchMemory();
installErrorTransfer();
expose(new OursHost(memory));
