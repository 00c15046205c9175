/** The worker of the kernels page: exposes its host over Comlink. */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/protocol/thrown-errors.ts';
import { KernelsHost } from './kernels-host.ts';

installErrorTransfer();
expose(new KernelsHost());
