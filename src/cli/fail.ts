/** How the command-line tools end when something went wrong: the error's name and message, and exit code 1. */
import { messageOf } from '../shared/errors.ts';

/** Prints what was thrown (as JSON on stdout too, when asked) and sets the exit code. */
export function failWith(thrown: unknown, json: boolean): void {
  const name = thrown instanceof Error ? thrown.name : 'Error';
  console.error(`${name}: ${messageOf(thrown)}`);
  if (json) console.log(JSON.stringify({ error: { name, message: messageOf(thrown) } }));
  process.exitCode = 1;
}
