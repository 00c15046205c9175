/** The engine's worker: exposes the host over Comlink, and nothing else. */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/protocol/thrown-errors.ts';
import { EngineHost } from './engine-host.ts';

installErrorTransfer();
expose(new EngineHost());
