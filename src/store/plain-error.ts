/** Errors as the store keeps them: plain data with a name to recognise and a message to show. */
import { messageOf } from '../shared/errors.ts';

/** What is left of an error in the store. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
}

/** The name and message of anything that was thrown. */
export function plainError(thrown: unknown): PlainError {
  return { name: thrown instanceof Error ? thrown.name : 'Error', message: messageOf(thrown) };
}
