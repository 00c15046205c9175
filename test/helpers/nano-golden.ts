/** The bundled model's golden questions: what transformers answers, round by round. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('../golden/nano/', import.meta.url);

/** A question about an image, with the reference's answer. */
export interface NanoQuestion {
  readonly id: number;
  readonly question: string;
  /** Path of the image. */
  readonly file: string;
  /** The image's file name. */
  readonly imageName: string;
  /** The answer, as the page shows it. */
  readonly answer: string;
  /** The text of each round, special tokens kept. */
  readonly rounds: readonly string[];
}

/** The question with this id. Throws when there is none. */
export function nanoQuestion(id: number): NanoQuestion {
  for (const line of readFileSync(new URL('questions.jsonl', FOLDER), 'utf8').trim().split('\n')) {
    const entry = JSON.parse(line) as {
      id: number;
      image: string;
      question: string;
      reference: { answer: string; rounds: string[] };
    };
    if (entry.id !== id) continue;
    const { image, question, reference } = entry;
    const file = fileURLToPath(new URL(image, FOLDER));
    return { id, question, file, imageName: image.replace(/^.*\//, ''), ...reference };
  }
  throw new Error(`questions.jsonl has no question ${id}`);
}
