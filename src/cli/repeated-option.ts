/** Options that may be given several times: citty keeps the last value only. */

/** Every value of `--name VALUE` and `--name=VALUE`, in order. */
export function repeatedOption(rawArgs: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i < rawArgs.length; i++) {
    const arg = rawArgs[i] ?? '';
    if (arg === '--') break;
    if (arg.startsWith(`--${name}=`)) values.push(arg.slice(name.length + 3));
    else if (arg === `--${name}`) values.push(rawArgs[++i] ?? '');
  }
  return values;
}
