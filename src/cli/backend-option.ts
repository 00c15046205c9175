/** `--backend`: the option of every command that runs a model. */
import { backendOption, backendOptions } from '../backends/registry.ts';
import type { BackendChoice } from '../protocol/engine-api.ts';
import { NamedError } from '../shared/errors.ts';

/** The values it takes. */
function values(): readonly string[] {
  return ['auto', ...backendOptions().map(({ id }) => id)];
}

/** As the commands declare it. */
export const BACKEND_OPTION = {
  type: 'string',
  default: 'auto',
  description: `${values().join(' | ')}: what computes; auto takes a graphics card where there is one`,
} as const;

/** Parses `--backend`. Throws UsageError. */
export function parseBackend(value: string): BackendChoice {
  if (value === 'auto' || backendOption(value) !== null) return value;
  throw new NamedError('UsageError', `--backend is "${value}"; use ${values().join(', ')}.`);
}
