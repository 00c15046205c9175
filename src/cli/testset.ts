/** A test set's folder: `questions.jsonl`, one question a line, and the images it names. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openFileBlob } from '../io/node/file-blob.ts';
import { MODE_SWITCHES, type Mode } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';

/** A question of a test set. */
export interface Question {
  readonly id: number;
  /** Path inside the folder. */
  readonly image: string;
  readonly question: string;
  readonly answer: string;
  /** What transformers answered, where that was recorded. */
  readonly reference?: { readonly rounds: readonly string[] };
}

/** The first `limit` questions of the test set in `directory`. */
export async function readQuestions(directory: string, limit: number): Promise<Question[]> {
  const text = await readFile(join(directory, 'questions.jsonl'), 'utf8');
  const lines = text.trim().split('\n').slice(0, limit);
  return lines.map((line) => JSON.parse(line) as Question);
}

/** The image of a question. Throws UsageError when it is missing. */
export async function readImage(directory: string, { image }: Question): Promise<Blob> {
  const path = join(directory, image);
  const file = await openFileBlob(path);
  if (file === undefined) throw new NamedError('UsageError', `The test set has no ${path}.`);
  return file;
}

/** Whether an answer is right. The judge of training/nano/reward.py: NFKC, lower case, single spaces, no punctuation around it. */
export function isRight(answer: string, expected: string): boolean {
  return normalise(answer) === normalise(expected);
}

function normalise(text: string): string {
  const normalized = text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ');
  return normalized.replace(/^[\s.,;:!?"'()[\]]+|[\s.,;:!?"'()[\]]+$/g, '');
}

/** Parses `--limit`; all questions where absent. Throws UsageError. */
export function parseLimit(value: string | undefined): number {
  const limit = value === undefined ? Infinity : Number(value);
  if (limit >= 1) return limit;
  throw new NamedError('UsageError', `--limit is "${value}"; use a whole number of at least 1.`);
}

/** Parses `--mode`. Throws UsageError. */
export function parseMode(mode: string): Mode {
  if (mode === 'smart' || mode === 'half' || mode === 'full') return mode;
  throw new NamedError('UsageError', `--mode is "${mode}"; use ${Object.keys(MODE_SWITCHES).join(', ')}.`);
}
