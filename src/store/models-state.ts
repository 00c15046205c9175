/** The Models screen's state and actions. */
import type {
  Finding,
  Library,
  ModelOrigin,
  ModelProgress,
  ModelSurvey,
  StoredModel,
} from '../protocol/library-api.ts';
import type { FolderFile } from '../shared/files.ts';
import type { Rate } from '../shared/rate-meter.ts';
import type { PlainError } from './plain-error.ts';
import type { OriginForm } from './typed-origin.ts';

/** Work in progress. */
export interface LibraryJob {
  readonly kind: 'add' | 'verify' | 'export';
  /** The model's. */
  readonly key: string;
  readonly name: string;
  /** null: nothing has been reported yet. */
  readonly progress: ModelProgress | null;
  readonly rate: Rate;
  /** Whether it was asked to end and has not ended yet. */
  readonly isEnding: boolean;
}

/** A model that is being considered. */
export type Considered =
  | { readonly status: 'looking'; readonly origin: ModelOrigin }
  | { readonly status: 'failed'; readonly origin: ModelOrigin; readonly error: PlainError }
  | {
      readonly status: 'ready';
      readonly origin: ModelOrigin;
      readonly survey: ModelSurvey;
      readonly dtype: string;
      /** Result of the trial allocation on the graphics card; `running` while it runs; null: no trial. */
      readonly trial: Finding | 'running' | null;
    };

/** A message about a model, or about all. */
export interface LibraryMessage {
  /** null: about no model of the list. */
  readonly key: string | null;
  readonly kind: 'error' | 'notice';
  readonly text: string;
}

/** A picked folder. */
export interface PickedFolder {
  readonly name: string;
  readonly files: readonly FolderFile[];
}

/** The Models screen's state. */
export interface ModelsState {
  /** null: not read yet. */
  readonly library: Library | null;
  readonly job: LibraryJob | null;
  readonly considered: Considered | null;
  /** Keys of the models being deleted. */
  readonly removing: readonly string[];
  readonly message: LibraryMessage | null;
  /** Bytes a second of the last conversion of each kind; null: none was made here. */
  readonly measured: { readonly download: number | null; readonly local: number | null };
  /** The mirror of the hub that is preset; null: the hub itself. */
  readonly endpoint: string | null;
  /** The text in the fields that find a model, until one is added. */
  readonly form: OriginForm;
  fillIn: (fields: Partial<OriginForm>) => void;
  /** Reads the directories again. */
  refresh: () => Promise<void>;
  /** Whether this browser has a folder dialog of its own; a file input does where it has none. */
  readonly canPickFolders: boolean;
  /** Lets the person pick a folder to read; null: none was picked. */
  readonly pickFolder: () => Promise<PickedFolder | null>;
  /** The folder that was picked with a file input. */
  readonly folderOf: (list: FileList) => PickedFolder;
  /** Looks at a model before it is added. */
  consider: (origin: ModelOrigin) => Promise<void>;
  chooseDtype: (dtype: string) => void;
  /** Tries again whether the graphics card holds the model. */
  tryAgain: () => void;
  forget: () => void;
  /** Adds the model that is being considered. */
  add: () => Promise<void>;
  /** Resumes a model that was started. `files`: those it is made from, where it came from this device. */
  resume: (model: StoredModel, files: readonly FolderFile[] | null) => Promise<void>;
  /** Ends the work in progress; finished work stays. */
  pause: () => Promise<void>;
  /** Deletes a model, ending the work on it first. */
  remove: (model: StoredModel) => Promise<void>;
  verify: (model: StoredModel) => Promise<void>;
  /** Copies a model into a folder of the person's choice, or downloads it as an archive. */
  exportModel: (model: StoredModel) => Promise<void>;
  dismiss: () => void;
}
