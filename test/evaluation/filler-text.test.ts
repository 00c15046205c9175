import { expect, it } from 'vitest';
import { fillerText } from '../../src/evaluation/filler-text.ts';
import { TOKENIZER } from '../helpers/scripted-engine.ts';

it.each([16, 100, 512, 4000])('text of %i tokens has as many, or a word less', (tokens) => {
  const count = TOKENIZER.encode(fillerText(tokens, (text) => TOKENIZER.encode(text).length)).length;
  expect(count).toBeLessThanOrEqual(tokens);
  expect(count).toBeGreaterThan(tokens - 12);
});
