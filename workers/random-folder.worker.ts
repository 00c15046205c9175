/** The worker that makes folders of random weights: exposes its host over Comlink, and nothing else. */
import { expose } from 'comlink';
import { installErrorTransfer } from '../src/protocol/thrown-errors.ts';
import { RandomFolderHost } from './random-folder-host.ts';

installErrorTransfer();
expose(new RandomFolderHost());
