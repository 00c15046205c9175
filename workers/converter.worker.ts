/** The converter's worker: exposes the host over Comlink, and nothing else. */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/protocol/thrown-errors.ts';
import { ConverterHost } from './converter-host.ts';

installErrorTransfer();
expose(new ConverterHost());
