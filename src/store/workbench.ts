/** What the slices are given to work with, and what they share that is no state. */
import type { StateCreator } from 'zustand/vanilla';
import type { EngineConnection } from '../client/engine-client.ts';
import type { AppState, ModelSelection } from './app-state.ts';

/** What the store needs from outside; tests and the development page give their own. */
export interface AppDeps {
  readonly startEngine: () => EngineConnection;
  readonly checkImage: (file: Blob) => Promise<void>;
  readonly rasterizeSvg: (file: Blob) => Promise<Blob>;
  /** Reads a file that lies beside the page. */
  readonly fetchFile: (path: string) => Promise<Blob>;
  /** Where the page lies: a worker does not know it. */
  readonly pageUrl: string;
  /** The model that the page's address names. Whether its own address is one shows when it is loaded. */
  readonly model?: ModelSelection;
}

/** What slices share and what is no state: the worker at hand and the work in flight. */
export interface Workbench {
  readonly deps: AppDeps;
  connection: EngineConnection | null;
  /** Which image the worker holds. */
  engineImageId: number | null;
  /** Settles when the running turn or comparison has ended; null when nothing runs. */
  activeRun: Promise<void> | null;
  /** Image changes, one after another. */
  imageChain: Promise<void>;
  /** Counts image choices; only the latest one counts. */
  imageTicket: number;
  /** The last number given to a turn or an image. */
  lastId: number;
}

/** How a slice is made. */
export type SliceOf<Slice> = StateCreator<AppState, [], [], Slice>;
