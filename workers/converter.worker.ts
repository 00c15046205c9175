/** The converter's worker: exposes the library and the converter over Comlink, and nothing else. */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/protocol/thrown-errors.ts';
import { LibraryHost } from './library-host.ts';

installErrorTransfer();
expose(new LibraryHost());
