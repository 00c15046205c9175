/**
 * The project's errors. Every error a person may meet is a `NamedError` of one of the names below; its message says what
 * was wrong, the value, the limit, and what to do. Errors are recognised by `name`, which survives every thread boundary;
 * `instanceof` does not.
 */

/** Every name an error of this project may carry. */
export const ERROR_NAMES = [
  // images
  'ImageDecodeError', // the bytes are not an image we can decode, or are truncated
  'ImageTooLargeError', // more pixels than can be decoded or processed
  'ImageShapeError', // sides or aspect ratio outside what the model's image processor accepts
  'ImageRegionError', // a region that does not lie in its image, or an image that the conversation does not have
  // questions
  'QuestionError', // empty, too long for the model's context, or about more images than it may have
  'ChatError', // messages that are no conversation: not JSON, an unknown role, no question last, an image that is not there
  'VideoError', // a file that is no video we can take frames from
  // model folders
  'ModelFolderError', // missing, altered or unreadable file; unknown manifest version
  'ModelNotLoadedError', // asked before a model was loaded
  // checkpoints
  'CheckpointError', // not a checkpoint of a known architecture, missing or misshapen tensor, unusable setting
  'SafetensorsError', // a corrupt or inconsistent safetensors header
  'HubError', // the hub could not be reached, refuses, or sends other bytes than it announced
  'ResumeError', // a half-done conversion is of another checkpoint, revision or dtype
  'StorageError', // the disk or the browser's quota is full, or a file cannot be written
  // machines
  'RuntimeUnavailableError', // no execution provider could be started
  'NumericCheckError', // the driver computed a kernel wrongly
  'DeviceLostError', // the GPU went away, or ran out of memory
  'RuntimeCrashedError', // the runtime's WebAssembly has trapped and can compute nothing more
  'ContextLengthError', // the conversation does not fit the KV cache
  // control flow
  'ToolCallError', // a well-formed tool call that cannot be carried out; reported to the model
  'BusyError', // a turn is already running
  'StoppedError', // stopped by the user
  'UsageError', // wrong command-line arguments
] as const;

/** One of {@link ERROR_NAMES}. */
export type ErrorName = (typeof ERROR_NAMES)[number];

/** An error with a name from {@link ERROR_NAMES}; `cause` keeps what lay underneath. */
export class NamedError extends Error {
  override readonly name: ErrorName;

  constructor(name: ErrorName, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = name;
  }
}

/** Whether `value` is an error carrying `name`, whichever thread or realm made it. */
export function isNamed(value: unknown, name: ErrorName): boolean {
  return value instanceof Error && value.name === name;
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What was thrown, its message beginning with what it is about where it has a name of ours: one of several files says which. */
export function about(subject: string, thrown: unknown): unknown {
  return thrown instanceof NamedError
    ? new NamedError(thrown.name, `${subject}: ${thrown.message}`, { cause: thrown })
    : thrown;
}
