/** The engine worker's interface, as the page sees it through Comlink. */
import type { FolderFile } from '../shared/files.ts';
import type { ChatContext } from './chat.ts';
import type { ResponseTags } from '../shared/response-tags.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { LoadEvent, TurnEvent } from './events.ts';
import type { SizeLimits, TurnResult, TurnSettings } from './turn.ts';

/** A model folder outside the library. URLs are absolute or relative to the page. */
export type FolderSource =
  | { readonly kind: 'url'; readonly url: string }
  /** Given files, the manifest among them. They are trusted: sizes are checked, hashes are not. */
  | { readonly kind: 'files'; readonly name: string; readonly files: readonly FolderFile[] };

/** Where a model folder lies. `stored`: in the library on this device; its hashes are checked if a file has changed since the last check. */
export type ModelSource = FolderSource | { readonly kind: 'stored'; readonly key: string; readonly name: string };

/** What to run on: `auto`, or the id of one of the {@link BackendOption}s of this place. */
export type BackendChoice = string;

/** Something that a person may choose to run on. */
export interface BackendOption {
  /** `webgpu`, as in an address or on a command line. */
  readonly id: string;
  /** `WebGPU`, for display. */
  readonly label: string;
  /** What computes. */
  readonly device: 'gpu' | 'cpu';
}

/** The backend in use and how it was chosen. Only whoever lists the backends knows which there are. */
export interface BackendInfo {
  /** The id of the option that it serves: `webgpu`. */
  readonly backend: string;
  /** Its name for display: `WebGPU`. */
  readonly title: string;
  /** A few words for a report: `webgpu, own kernels`. */
  readonly summary: string;
  /** The name of the backend, by which the benchmark asks for it: `ours`. */
  readonly implementation: string;
  /** Whose kernels compute, for display: `our own`. */
  readonly kernels: string;
  /** Which build of a runtime runs, for display: `jspi`; null where there is but one. */
  readonly build: string | null;
  /** Type of the activations. */
  readonly activations: 'f32' | 'f16';
  readonly threads: number;
  /** The adapter's vendor, architecture and description, where the browser says. */
  readonly adapter: string;
  /** One plain sentence each: why this backend, build and dtype, and why not the better ones. */
  readonly reasons: readonly string[];
}

/** How the page speaks of a model's tool. */
export interface ToolWords {
  /** What it is in a sentence: `resize tool`. */
  readonly label: string;
  /** What a call asks for, one thing: `the full image`. */
  readonly asksFor: string;
  /** The same in a sentence that begins with the full resolution which round 1 shows already: `it a second time`. */
  readonly asksAgainFor: string;
  /** Whether the first image is shown at full resolution whatever the settings say, because the model was trained so. */
  readonly opensFull?: boolean;
}

/** A model's tool. */
export interface ToolInfo extends ToolWords {
  /** Its name in prompts.json: `resize`. */
  readonly name: string;
}

/** The loaded model's info for the page. */
export interface ModelInfo {
  readonly name: string;
  /** dtype of the weights, as the converter names it. */
  readonly dtype: string;
  /** Bytes of all files of the folder. */
  readonly bytes: number;
  /** Parameters of the checkpoint. */
  readonly parameters: number;
  /** Longest context in tokens. */
  readonly contextLength: number;
  /** The tool that the model's prompts offer; null: none. */
  readonly tool: ToolInfo | null;
  /** The tools that a question may choose, the model's own among them. */
  readonly tools: readonly ToolInfo[];
  /** What marks the kinds of text in its responses. */
  readonly tags: ResponseTags;
  /** The pixel budget the worker uses when the settings name none; null: none. Set for models trained on small images. */
  readonly defaultPixelBudget: number | null;
}

/** What `load` resolves to. */
export interface EngineInfo {
  readonly backend: BackendInfo;
  readonly model: ModelInfo;
  /** Milliseconds the whole load took. */
  readonly loadMs: number;
}

/** What `setImage` resolves to. */
export interface ImageInfo {
  /** Pixels, EXIF orientation applied. */
  readonly width: number;
  readonly height: number;
  /** Visual tokens at half and at full resolution with the current model, within a pixel budget: the model's default, unless one was asked for. */
  readonly halfTokens: number;
  readonly fullTokens: number;
}

/** What `addImage` resolves to. */
export interface AddedImage extends ImageInfo {
  /** The number under which questions name it. */
  readonly image: number;
}

/** The engine behind the worker. One turn at a time: a second `ask` while one runs throws BusyError. */
export interface EngineApi {
  /** What a person may choose to run on here, beside `auto`. */
  backends(): Promise<readonly BackendOption[]>;
  /** Loads a model folder, releasing the one before. Throws ModelFolderError, RuntimeUnavailableError, and BusyError for a stored model that is being written. */
  load(source: ModelSource, backend: BackendChoice, onEvent: (event: LoadEvent) => void): Promise<EngineInfo>;
  /** Decodes an image and keeps it for the questions to come. Throws ImageDecodeError, ImageTooLargeError, ImageShapeError; the image before is kept then. */
  setImage(file: Blob): Promise<ImageInfo>;
  /** Decodes an image and adds it beside those of the conversation. Throws what `setImage` throws, and BusyError during a turn. */
  addImage(file: Blob): Promise<AddedImage>;
  /** The cost of the first image within size limits; a pixel budget of null stands for the model's default. Throws QuestionError when there is no image, ImageShapeError. */
  planImage(limits: SizeLimits): Promise<ImageInfo>;
  /** Speculative prefill for a question with these settings: encodes the current image and prefills everything before the question. Resolves when it ends, even if it fails; never throws. */
  prefetch(settings: TurnSettings, chat?: ChatContext): Promise<void>;
  /** Asks about the current image, or in a conversation: its own images and the messages before it; a pixel budget of null stands for the model's default. Throws QuestionError, ContextLengthError, BusyError, DeviceLostError, RuntimeCrashedError; never throws for stop. */
  ask(
    question: string,
    settings: TurnSettings,
    onEvent: (event: TurnEvent) => void,
    chat?: ChatContext,
  ): Promise<TurnResult>;
  /** Ends what runs, and frees everything but the model: images, cache, what was computed for them. */
  newChat(): Promise<void>;
  /** Discards everything cached from earlier turns, so that the next one starts cold; keeps model and image. Throws BusyError during a turn. */
  resetCaches(): Promise<void>;
  /** Ends the running turn as soon as possible; resolves when the session is usable again. No-op when nothing runs. */
  stop(): Promise<void>;
  /** Diagnostics of the backend and its kernel times; null before a model is loaded. */
  diagnose(): Promise<Diagnostics | null>;
  /** Times every kernel from now on, or no longer. Does nothing where nothing can be timed. */
  setKernelTiming(on: boolean): Promise<void>;
}
