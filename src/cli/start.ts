/**
 * Start and end of the command-line tools: arguments are checked strictly, and errors are reported by
 * name and message (as JSON on stdout too, with --json) and exit code 1.
 */
import { type ArgsDef, type CommandDef, parseArgs, runCommand, runMain } from 'citty';
import { messageOf, NamedError } from '../shared/errors.ts';

/** Runs a command with the process's arguments. */
export async function start<Args extends ArgsDef>(command: CommandDef<Args>): Promise<void> {
  const rawArgs = process.argv.slice(2);
  if (rawArgs.includes('--help') || rawArgs.includes('-h')) return runMain(command, { rawArgs });
  try {
    checkArguments(rawArgs, (await (typeof command.args === 'function' ? command.args() : command.args)) ?? {});
    await runCommand(command, { rawArgs });
  } catch (thrown) {
    failWith(thrown, rawArgs.includes('--json'));
  }
}

/** Throws UsageError for options and words the command does not know. */
function checkArguments(rawArgs: string[], known: ArgsDef): void {
  const optional = Object.entries(known).map(([name, definition]) => [name, { ...definition, required: false }]);
  const { _: words, ...given } = parseArgs<ArgsDef>(rawArgs, Object.fromEntries(optional));
  // citty gives every option under its camelCase name, too.
  const normalized = (name: string): string => name.replaceAll('-', '').toLowerCase();
  const names = new Set(Object.keys(known).map(normalized));
  const unknown = Object.keys(given).find((name) => !names.has(normalized(name)));
  if (unknown !== undefined) {
    const options = Object.keys(known).filter((name) => known[name]?.type !== 'positional');
    throw new NamedError(
      'UsageError',
      `There is no option --${unknown}. Use: ${options.map((name) => `--${name}`).join(', ')}.`,
    );
  }
  const expected = Object.values(known).filter(({ type }) => type === 'positional').length;
  if (words.length > expected) {
    throw new NamedError(
      'UsageError',
      `"${words[expected]}" is one word too many. Put quotes around text with spaces.`,
    );
  }
}

function failWith(thrown: unknown, json: boolean): void {
  const message = messageOf(thrown);
  // citty's own complaints: a required argument is missing.
  const isUsage = thrown instanceof Error && thrown.name === 'CLIError';
  const error = isUsage
    ? { name: 'UsageError', message: `${message}. --help shows all arguments.` }
    : { name: thrown instanceof Error ? thrown.name : 'Error', message };
  console.error(`${error.name}: ${error.message}`);
  if (json) console.log(JSON.stringify({ error }));
  process.exitCode = 1;
}
