import { expect, it } from 'vitest';
import { fillerQuestion, fillerText } from '../../src/evaluation/filler-text.ts';
import { TOKENIZER } from '../helpers/scripted-engine.ts';

it.each([16, 100, 512, 4000])('text of %i tokens has that many, or one word fewer', (tokens) => {
  const count = TOKENIZER.encode(fillerText(tokens, (text) => TOKENIZER.encode(text).length)).length;
  expect(count).toBeLessThanOrEqual(tokens);
  expect(count).toBeGreaterThan(tokens - 12);
});

it('a question leaves space for new tokens where the context is short', () => {
  const count = (text: string): number => TOKENIZER.encode(text).length;
  const question = (contextLength: number): number =>
    count(fillerQuestion({ cachedTokens: 512, newTokens: 32 }, contextLength, count));
  expect(question(4096)).toBeLessThanOrEqual(512);
  expect(question(4096)).toBeGreaterThan(460);
  expect(question(300)).toBeLessThan(300 - 32);
});
