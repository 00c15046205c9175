/**
 * Reads fields from untrusted parsed JSON. Every error names the file, the field, the value found and what was expected.
 * Knows nothing about the fields' meaning.
 */
import { type ErrorName, NamedError } from '../shared/errors.ts';
import { isObject } from '../shared/json.ts';

/** What a number must be. */
export interface NumberRule {
  /** The field's name in config.json; absent for fields that only a manifest has. */
  readonly config?: string;
  /** Used if config.json lacks the field (or has null). Without it the field is required. */
  readonly fallback?: number;
  readonly min: number;
  readonly max: number;
  /** Whether fractions are allowed; false by default. */
  readonly fractional?: boolean;
}

/** One JSON object, its name for messages, and the error to throw when a field is wrong. */
export class JsonFields {
  readonly where: string;
  readonly #errorName: ErrorName;
  readonly #values: ReadonlyMap<string, unknown>;

  /** @throws the named error when `value` is not an object. */
  constructor(value: unknown, where: string, errorName: ErrorName) {
    this.where = where;
    this.#errorName = errorName;
    if (!isObject(value)) throw this.wrong(`is ${shown(value)}, not an object`);
    this.#values = new Map(Object.entries(value));
  }

  /** The raw field; undefined if it is absent or null. */
  get(key: string): unknown {
    return this.#values.get(key) ?? undefined;
  }

  /** The field as an object; undefined when it is absent or null. */
  object(key: string): JsonFields | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : new JsonFields(value, `${this.where}: ${key}`, this.#errorName);
  }

  /** The field as an object, which must be there. */
  requiredObject(key: string): JsonFields {
    const object = this.object(key);
    if (object === undefined) throw this.wrong(`has no ${key}`);
    return object;
  }

  /** The field as a number within its rule. */
  number(key: string, rule: NumberRule): number {
    const value = this.get(key) ?? rule.fallback;
    return this.#inRule(key, value, rule);
  }

  /** The field as a list of numbers, each within the rule. */
  numbers(key: string, rule: NumberRule, fallback?: readonly number[]): readonly number[] {
    const value: unknown = this.get(key) ?? fallback;
    if (!Array.isArray(value)) throw this.wrong(`has ${key} ${shown(value)}, not a list of numbers`);
    return value.map((entry: unknown, index) => this.#inRule(`${key}[${index}]`, entry, rule));
  }

  /** The field as true or false. */
  flag(key: string, fallback?: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'boolean') throw this.wrong(`has ${key} ${shown(value)}, not true or false`);
    return value;
  }

  /** The field as text, which must be one of `supported`; undefined when it is absent or null. */
  oneOf(key: string, supported: readonly string[]): string | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && supported.includes(value)) return value;
    throw this.wrong(`has ${key} ${shown(value)}; supported: ${supported.join(', ')}`);
  }

  /** The error for this object: `what` continues the sentence that its name begins. */
  wrong(what: string): NamedError {
    return new NamedError(this.#errorName, `${this.where} ${what}`);
  }

  #inRule(key: string, value: unknown, { min, max, fractional = false }: NumberRule): number {
    const fits = typeof value === 'number' && value >= min && value <= max;
    if (fits && (fractional || Number.isInteger(value))) return value;
    const kind = fractional ? 'a number' : 'a whole number';
    throw this.wrong(`has ${key} ${shown(value)}, not ${kind} from ${min} to ${max}`);
  }
}

/**
 * Reads one number for every rule.
 * @param spelling whether the fields have config.json's names (with fallbacks) or the rules' names (all required)
 * @returns the numbers under the rules' names
 */
export function readNumbers<Key extends string>(
  fields: JsonFields,
  rules: Readonly<Record<Key, NumberRule>>,
  spelling: 'config' | 'manifest',
): Record<Key, number> {
  const read = Object.entries<NumberRule>(rules).map(([key, { fallback, ...limits }]) => {
    if (spelling === 'manifest') return [key, fields.number(key, limits)];
    return [key, fields.number(limits.config ?? key, fallback === undefined ? limits : { ...limits, fallback })];
  });
  return Object.fromEntries(read) as Record<Key, number>;
}

/** A value of unknown kind, short enough for a message. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
