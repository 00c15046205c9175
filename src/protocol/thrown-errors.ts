/**
 * How errors cross threads. Comlink copies an error's name, message and stack, but makes an ordinary `Error` of it and drops
 * its cause. This module replaces Comlink's handler for throws by one that keeps a `NamedError` a `NamedError`, and the
 * whole chain of causes. Both sides of a worker call `installErrorTransfer()` before anything else.
 */
import { transferHandlers } from 'comlink';
import type { TransferHandler } from 'comlink';
import { ERROR_NAMES, NamedError } from '../shared/errors.ts';
import type { ErrorName } from '../shared/errors.ts';

/** An error as plain data. */
export interface PackedError {
  readonly kind: 'error';
  readonly name: string;
  readonly message: string;
  readonly stack: string | null;
  readonly cause: Packed | null;
}

/** Anything that was thrown, as plain data: an error, or the text of any other value. */
export type Packed = PackedError | { readonly kind: 'other'; readonly text: string };

/** Drops deeper causes: deep enough for every real chain of causes, and a bound for circular ones. */
const MAX_CAUSES = 8;

/** Turns anything thrown into plain data that every thread can receive. */
export function packThrown(thrown: unknown, depth = 0): Packed {
  if (!(thrown instanceof Error)) return { kind: 'other', text: String(thrown) };
  const hasCause = thrown.cause !== undefined && thrown.cause !== null && depth < MAX_CAUSES;
  return {
    kind: 'error',
    name: thrown.name,
    message: thrown.message,
    stack: thrown.stack ?? null,
    cause: hasCause ? packThrown(thrown.cause, depth + 1) : null,
  };
}

/** Turns packed data back into an error: a `NamedError` where the name is one of the project's. */
export function unpackThrown(packed: Packed): Error {
  if (packed.kind === 'other') return new Error(packed.text);
  const options = packed.cause === null ? undefined : { cause: unpackThrown(packed.cause) };
  const error = isErrorName(packed.name)
    ? new NamedError(packed.name, packed.message, options)
    : Object.assign(new Error(packed.message, options), { name: packed.name });
  if (packed.stack !== null) error.stack = packed.stack;
  return error;
}

/** Makes Comlink carry thrown errors as this module packs them. Safe to call more than once. */
export function installErrorTransfer(): void {
  const previous = transferHandlers.get('throw');
  if (previous === undefined) throw new Error('Comlink has no handler for throws; its version has changed');
  const handler: TransferHandler<{ value: unknown }, Packed> = {
    canHandle: (value): value is { value: unknown } => previous.canHandle(value),
    serialize: ({ value }) => [packThrown(value), []],
    deserialize: (packed) => {
      throw unpackThrown(packed);
    },
  };
  transferHandlers.set('throw', handler);
}

function isErrorName(name: string): name is ErrorName {
  return ERROR_NAMES.some((known) => known === name);
}
