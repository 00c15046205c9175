/**
 * Reads the literals in a model's calls as the references' Python does: `json.loads`, or a lenient reading for the references
 * that use `eval` or JSON5. Keeps what Python tells apart and JavaScript does not, 1 and 1.0, because errors quote values.
 */
import { isNamed, messageOf, type NamedError } from '../../shared/errors.ts';
import { callError } from './boxes.ts';

/** A number, with how Python writes it. */
export interface NumberLiteral {
  readonly number: number;
  readonly repr: string;
}

/** A value. A tuple is a list that is not `list` to Python. */
export type Literal =
  | null
  | boolean
  | string
  | NumberLiteral
  | { readonly list: readonly Literal[]; readonly isTuple: boolean }
  | { readonly object: ReadonlyMap<string, Literal> };

/** What was read, or Python's message about what is wrong. */
export type Reading = { readonly value: Literal } | { readonly error: string };

/** Deepest nesting that is read: far more than any call has, far less than the stack allows. */
const MAX_DEPTH = 60;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const LENIENT_NUMBER = /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/y;
const NAME = /[A-Za-z_$][\w$]*/y;
const SPACE = { json: /[ \t\n\r]*/y, lenient: /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y };
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Reads text as Python's `json.loads` does: strict JSON, and NaN, Infinity and -Infinity. Errors are those of Python 3.10. */
export function readJson(text: string): Reading {
  return new Reader(text, 'json').read();
}

/** Reads JSON, Python literals and JSON5 alike. Every error is that of Python's `eval`. */
export function readLenient(text: string): Reading {
  return new Reader(text, 'lenient').read();
}

/** A value as Python's `repr` writes it. */
export function reprOf(value: Literal): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return stringRepr(value);
  if ('number' in value) return value.repr;
  if ('object' in value) {
    return `{${[...value.object].map(([key, item]) => `${stringRepr(key)}: ${reprOf(item)}`).join(', ')}}`;
  }
  const items = value.list.map(reprOf).join(', ');
  return value.isTuple ? `(${items}${value.list.length === 1 ? ',' : ''})` : `[${items}]`;
}

/** The items of a list or tuple; null for anything else. */
export function itemsOf(value: Literal | undefined): readonly Literal[] | null {
  return typeof value === 'object' && value !== null && 'list' in value ? value.list : null;
}

/** An object's value under a key; undefined where there is none. */
export function valueAt(value: Literal | undefined, key: string): Literal | undefined {
  return typeof value === 'object' && value !== null && 'object' in value ? value.object.get(key) : undefined;
}

/** A number as Python computes with it, where True is 1; null for anything else. */
export function numberOf(value: Literal | undefined): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'object' && value !== null && 'number' in value ? value.number : null;
}

/** A float as Python writes it. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 16) return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  if (power >= 0) return Number.isInteger(value) ? `${BigInt(value)}.0` : String(value);
  return value.toFixed(Math.max(0, digits.replace(/[-.]/g, '').length - 1 - power));
}

function stringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, `\\${quote}`)
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return quote + body + quote;
}

class Reader {
  readonly #text: string;
  readonly #dialect: 'json' | 'lenient';
  #at = 0;

  constructor(text: string, dialect: 'json' | 'lenient') {
    this.#text = text;
    this.#dialect = dialect;
  }

  read(): Reading {
    try {
      this.#skipSpace();
      const value = this.#isLenient ? this.#bare() : this.#value(0);
      this.#skipSpace();
      if (this.#at < this.#text.length) throw this.#problem('Extra data');
      return { value };
    } catch (thrown) {
      if (!isNamed(thrown, 'ToolCallError')) throw thrown;
      return { error: messageOf(thrown) };
    }
  }

  /** A value, or a tuple without parentheses. */
  #bare(): Literal {
    const items = [this.#value(0)];
    for (this.#skipSpace(); this.#take(','); this.#skipSpace()) {
      this.#skipSpace();
      if (this.#at < this.#text.length) items.push(this.#value(0));
    }
    const [only] = items;
    return only !== undefined && this.#text.at(this.#at - 1) !== ',' && items.length === 1
      ? only
      : { list: items, isTuple: true };
  }

  #value(depth: number): Literal {
    if (depth > MAX_DEPTH) throw callError('maximum recursion depth exceeded');
    const next = this.#text[this.#at];
    if (next === '"' || (next === "'" && this.#isLenient)) return this.#string(next);
    if (next === '{') return this.#object(depth);
    if (next === '[') return { list: this.#items(']', depth).items, isTuple: false };
    if (next === '(' && this.#isLenient) return this.#parenthesised(depth);
    return this.#number() ?? this.#word();
  }

  get #isLenient(): boolean {
    return this.#dialect === 'lenient';
  }

  #object(depth: number): Literal {
    const object = new Map<string, Literal>();
    this.#advance(1);
    if (this.#take('}')) return { object };
    for (;;) {
      const key = this.#key();
      this.#skipSpace();
      if (!this.#take(':')) throw this.#problem("Expecting ':' delimiter");
      this.#skipSpace();
      object.set(key, this.#value(depth + 1));
      this.#skipSpace();
      if (this.#take('}')) return { object };
      if (!this.#take(',')) throw this.#problem("Expecting ',' delimiter");
      this.#skipSpace();
      if (this.#isLenient && this.#take('}')) return { object };
    }
  }

  #key(): string {
    const next = this.#text[this.#at];
    if (next === '"' || (next === "'" && this.#isLenient)) return this.#string(next);
    const name = this.#isLenient ? this.#match(NAME) : null;
    if (name === null) throw this.#problem('Expecting property name enclosed in double quotes');
    return name;
  }

  #parenthesised(depth: number): Literal {
    const { items, hasComma } = this.#items(')', depth);
    const [only] = items;
    return only !== undefined && items.length === 1 && !hasComma ? only : { list: items, isTuple: true };
  }

  /** The items up to the closing sign. */
  #items(close: ']' | ')', depth: number): { readonly items: readonly Literal[]; readonly hasComma: boolean } {
    const items: Literal[] = [];
    let hasComma = false;
    this.#advance(1);
    if (this.#take(close)) return { items, hasComma };
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#skipSpace();
      if (this.#take(close)) return { items, hasComma };
      if (!this.#take(',')) throw this.#problem("Expecting ',' delimiter");
      hasComma = true;
      this.#skipSpace();
      if (this.#isLenient && this.#take(close)) return { items, hasComma };
    }
  }

  #string(quote: string): string {
    const start = this.#at;
    let text = '';
    for (this.#at++; ;) {
      const next = this.#text[this.#at];
      if (next === undefined) throw this.#problem('Unterminated string starting at', start);
      if (next === quote) break;
      if (next < ' ') throw this.#problem('Invalid control character at');
      if (next === '\\') text += this.#escape(start);
      else {
        text += next;
        this.#at++;
      }
    }
    this.#at++;
    return text;
  }

  #escape(start: number): string {
    const sign = this.#text[this.#at + 1];
    if (sign === undefined) throw this.#problem('Unterminated string starting at', start);
    if (sign === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[\da-fA-F]{4}$/.test(digits)) throw this.#problem('Invalid \\uXXXX escape', this.#at + 1);
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const plain = ESCAPES[sign] ?? ('"\\/'.includes(sign) || this.#isLenient ? sign : null);
    if (plain === null) throw this.#problem('Invalid \\escape', this.#at);
    this.#at += 2;
    return plain;
  }

  #number(): NumberLiteral | null {
    const digits = this.#match(this.#isLenient ? LENIENT_NUMBER : NUMBER);
    if (digits === null) return null;
    const number = Number(digits);
    const isWhole = /^[-+]?\d+$/.test(digits);
    return { number, repr: isWhole ? String(BigInt(digits.replace('+', ''))) : floatRepr(number) };
  }

  #word(): Literal {
    const start = this.#at;
    const isNegative = this.#text[start] === '-' || (this.#isLenient && this.#text[start] === '+');
    if (isNegative) this.#at++;
    const name = this.#match(NAME) ?? '';
    const sign = this.#text[start] === '-' ? -1 : 1;
    if (name === 'Infinity') return { number: sign * Infinity, repr: floatRepr(sign * Infinity) };
    if (name === 'NaN' && !isNegative) return { number: NaN, repr: 'nan' };
    if (!isNegative && (name === 'null' || (name === 'None' && this.#isLenient))) return null;
    if (!isNegative && (name === 'true' || (name === 'True' && this.#isLenient))) return true;
    if (!isNegative && (name === 'false' || (name === 'False' && this.#isLenient))) return false;
    throw this.#problem('Expecting value', start);
  }

  /** Moves past `count` signs and the space behind them. */
  #advance(count: number): void {
    this.#at += count;
    this.#skipSpace();
  }

  /** Moves past this sign if it is next. */
  #take(sign: string): boolean {
    const isNext = this.#text[this.#at] === sign;
    if (isNext) this.#at++;
    return isNext;
  }

  #skipSpace(): void {
    this.#match(SPACE[this.#dialect]);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found === undefined || found === '') return null;
    this.#at += found.length;
    return found;
  }

  /** Python's message. Source: CPython 3.10, Lib/json/decoder.py. */
  #problem(what: string, at = this.#at): NamedError {
    if (this.#isLenient) return callError('invalid syntax (<string>, line 1)');
    const before = this.#text.slice(0, at);
    const line = before.split('\n').length;
    const column = at - before.lastIndexOf('\n');
    return callError(`${what}: line ${line} column ${column} (char ${at})`);
  }
}
