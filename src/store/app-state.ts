/** Everything the page knows and can do: the state and the actions of every slice. Their code is in the slices. */
import type { BackendChoice, BackendOption, EngineInfo, ImageInfo } from '../protocol/engine-api.ts';
import type { Diagnostics } from '../protocol/diagnostics.ts';
import type { LoadProgress } from '../protocol/events.ts';
import type { Mode } from '../protocol/turn.ts';
import type { PixelRegion } from '../shared/image-request.ts';
import type { Rate } from '../shared/rate-meter.ts';
import type { PlainError } from './plain-error.ts';
import type { NumberFieldName, SettingsForm, SwitchName } from './settings-form.ts';
import type { TurnView } from './turn-state.ts';

/** The engine's status. */
export type EngineState =
  | { readonly status: 'loading'; readonly progress: LoadProgress | null }
  | { readonly status: 'ready'; readonly info: EngineInfo }
  | { readonly status: 'failed'; readonly error: PlainError };

/** The engine's part of the state. */
export interface EngineSlice {
  readonly engine: EngineState;
  /** Rate of the current loading phase. */
  readonly loadRate: Rate;
  /** Why the engine was restarted, while the notice is shown. */
  readonly engineNotice: string | null;
  readonly backendChoice: BackendChoice;
  /** What may be chosen beside `auto`; empty until the engine's worker has said. */
  readonly backendOptions: readonly BackendOption[];
  /** Starts a worker and loads the model, ending the worker before. */
  loadEngine: () => Promise<void>;
  /** Chooses an execution provider and loads again. */
  setBackendChoice: (choice: BackendChoice) => void;
  /** The engine broke: starts another one, unless it broke a moment ago. */
  recoverEngine: (error: PlainError) => void;
  /** The backend's diagnostics for `?debug`; null while there is no engine. */
  diagnose: () => Promise<Diagnostics | null>;
  /** Switches the timing of every kernel on or off, from the next question on. */
  setKernelTiming: (on: boolean) => Promise<void>;
}

/** The image on the page. */
export interface ImageState {
  readonly id: number;
  readonly name: string;
  readonly blob: Blob;
  /** The further frames of a video; empty for a picture. */
  readonly frames: readonly Blob[];
  /** Object URL of its preview. */
  readonly url: string;
  /** Size and cost; null until the engine has seen the image. */
  readonly info: ImageInfo | null;
  /** Suggested questions, for an example. */
  readonly suggestions: readonly string[];
}

/** A file that was offered and not accepted. */
export interface ImageError extends PlainError {
  readonly fileName: string;
}

/** The image's part of the state. */
export interface ImageSlice {
  readonly image: ImageState | null;
  /** The file being looked at right now. */
  readonly imagePending: string | null;
  readonly imageError: ImageError | null;
  /** Files that were offered together with the image and left out. */
  readonly filesLeftOut: number;
  /**
   * Makes `file` the image, or the frames of a video the images, ending a running turn, and resolves to whether it became the image: not when something later was
   * chosen meanwhile; on failure everything stays and `imageError` says why.
   */
  chooseImage: (file: Blob | Promise<Blob>, name: string, suggestions?: readonly string[]) => Promise<boolean>;
  /** Makes the first image of several files the image, the first file where none claims to be one; `name` where it has none. */
  chooseImageOf: (files: readonly File[], name: string) => Promise<void>;
  /** Reports that something other than a file was offered. */
  rejectImage: (name: string, message: string) => void;
  dismissImageError: () => void;
  /** Gives the engine the image if it does not hold it yet. Never throws; a refusal becomes `imageError`. */
  syncImage: () => Promise<void>;
}

/** The drawn region's part of the state. */
export interface RegionSlice {
  /** In pixels of the picture; null: questions are about all of it. */
  readonly region: PixelRegion | null;
  /** Whether a question shows all of the picture, too. */
  readonly besideWhole: boolean;
  setRegion: (region: PixelRegion | null) => void;
  setBesideWhole: (besideWhole: boolean) => void;
}

/** An image that ships with the page, and questions that suit it. */
export interface Example {
  readonly file: string;
  readonly title: string;
  readonly questions: readonly string[];
  readonly note: string;
}

/** The examples' part of the state. */
export interface ExamplesSlice {
  readonly examples: readonly Example[];
  loadExamples: () => Promise<void>;
  /** Makes an example the image and puts its first question into the question box. */
  chooseExample: (example: Example) => Promise<void>;
}

/** The question's and the settings' part of the state. */
export interface SettingsSlice {
  readonly question: string;
  readonly form: SettingsForm;
  setQuestion: (question: string) => void;
  setMode: (mode: Mode) => void;
  setSwitch: (name: SwitchName, on: boolean) => void;
  /** Chooses a tool by its name; an empty one stands for the model's own. A tool that is chosen is offered. */
  setTool: (toolName: string) => void;
  setField: (field: NumberFieldName, text: string) => void;
}

/** The turns' part of the state. */
export interface TurnSlice {
  readonly turns: readonly TurnView[];
  /** The user has pressed Stop and the engine has not stopped yet. */
  readonly stopping: boolean;
  /** Asks the question in the box; does nothing while `askObstacle` names an obstacle. */
  ask: () => void;
  /** Forgets the turns and, in the engine, everything but the model; the image stays on the page. */
  newChat: () => Promise<void>;
  /** Ends every waiting or running turn; resolves when none is left. */
  stop: () => Promise<void>;
  /** Starts the turn that has waited for the model. */
  runQueued: () => void;
  /** Ends the turn that has waited for the model with an error. */
  failQueued: (error: PlainError) => void;
}

/** The comparison's part of the state. */
export interface CompareSlice {
  /** One turn for each of smart, half and full mode, in that order; null before the first comparison. */
  readonly comparison: readonly TurnView[] | null;
  /** Asks the question in the box in every mode, with the other settings as they are. */
  compare: () => void;
  /** Runs the comparison's waiting turns. Called by `runQueued`. */
  runComparison: () => Promise<void>;
}

/** The selected model. */
export type ModelSelection =
  | { readonly kind: 'bundled' }
  | { readonly kind: 'url'; readonly url: string }
  /** One of the library on this device. */
  | { readonly kind: 'stored'; readonly key: string; readonly name: string };

/** The choice of a model. The library itself has a store of its own, made when it is first shown. */
export interface ModelSlice {
  readonly selection: ModelSelection;
  /** Loads another model, and remembers it for the next session. */
  selectModel: (selection: ModelSelection) => void;
  /** Whether the library is on show. */
  readonly isLibraryOpen: boolean;
  showLibrary: (open: boolean) => void;
  /** The library's progress in a few words, shown while its screen is closed. */
  readonly libraryWork: string | null;
  setLibraryWork: (work: string | null) => void;
}

/** The theme on show. */
export type Theme = 'light' | 'dark';

/** The theme's part of the state. */
export interface ThemeSlice {
  /** The person's choice; null: the system's. */
  readonly theme: Theme | null;
  setTheme: (theme: Theme) => void;
  /** Adopts the choice of another tab. */
  followTheme: (theme: Theme | null) => void;
}

/** Everything the page knows. */
export type AppState = EngineSlice &
  ModelSlice &
  ImageSlice &
  RegionSlice &
  ExamplesSlice &
  SettingsSlice &
  TurnSlice &
  CompareSlice &
  ThemeSlice;
