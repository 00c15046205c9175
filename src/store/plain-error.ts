/** Errors as the store keeps them: plain data with a name to recognise and a message to show. */
import { type ErrorName, messageOf } from '../shared/errors.ts';

/** An error as plain data. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
}

/** Errors after which only a new worker helps. */
const ENDS_ENGINE: readonly string[] = ['DeviceLostError', 'RuntimeCrashedError'] satisfies ErrorName[];

/** Whether an engine that failed with this error is unusable. */
export function endsEngine({ name }: PlainError): boolean {
  return ENDS_ENGINE.includes(name);
}

/** The name and message of anything that was thrown. */
export function plainError(thrown: unknown): PlainError {
  return { name: thrown instanceof Error ? thrown.name : 'Error', message: messageOf(thrown) };
}
