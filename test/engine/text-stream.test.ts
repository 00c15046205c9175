/** Streaming detokenization with Qwen's own tokenizer: the pieces join to the whole, and no character is cut in two. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TextStream } from '../../src/engine/text-stream.ts';
import { qwenTokenizer } from '../helpers/qwen-tokenizer.ts';

const tokenizer = qwenTokenizer();

function stream(ids: readonly number[]): string[] {
  const text = new TextStream(tokenizer);
  return [...ids.map((id) => text.push(id)), text.end()];
}

const TEXTS = {
  emoji: '👩‍👩‍👧‍👦🇨🇭👍🏽 and 🏴󠁧󠁢󠁳󠁣󠁴󠁿, 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 🀄🃏',
  chinese: '图中的招牌上写着什么？这是一家很有名的餐馆，龘靐齉爩。',
  mixed: 'naïve café — ما هو السعر؟ कितने लोग हैं? ①½ Å',
  'rare characters': '\u{2A6D6}\u{1F9FF}\u{10FFFD}\u{E000}ꙮ﷽',
  'line breaks': 'a\n\n\r\n图\n👍\n\n',
  'replacement characters': 'a \uFFFD b \uFFFD\uFFFD',
  'byte order marks': '\uFEFFa\uFEFF\n\uFEFFb',
  'special tokens': '<|im_start|>user\n图<|vision_start|>👍<tool_call>{}</tool_call><|im_end|>',
};

describe('TextStream', () => {
  it.each(Object.entries(TEXTS))('gives %s in pieces that join to the whole', (_, text) => {
    for (const repeated of [text, text.repeat(20)]) {
      const ids = tokenizer.encode(repeated);
      expect(stream(ids).join('')).toBe(tokenizer.decode(ids));
    }
  });

  it('never cuts a character', () => {
    const { 'replacement characters': _, ...valid } = TEXTS;
    for (const text of Object.values(valid)) {
      for (const piece of stream(tokenizer.encode(text.repeat(20)))) {
        expect(piece).not.toContain('\uFFFD');
        expect(Buffer.from(piece).toString()).toBe(piece); // no half of a surrogate pair
      }
    }
  });

  it('gives the whole for any text', () => {
    const piece = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\n', '👩‍👩‍👧‍👦', '图', ' the', '<|im_end|>'));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (parts) => {
        const ids = tokenizer.encode(parts.join(''));
        expect(stream(ids).join('')).toBe(tokenizer.decode(ids));
      }),
      { numRuns: 60 },
    );
  });

  it('gives the whole for any ids, partial characters included', () => {
    // The 256 single bytes are the first ids of Qwen's vocabulary.
    const id = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 151_700 }));
    fc.assert(
      fc.property(fc.array(id, { maxLength: 250 }), (ids) => {
        expect(stream(ids).join('')).toBe(tokenizer.decode(ids));
      }),
      { numRuns: 60 },
    );
  });

  it('sends a character as soon as its last byte is there', () => {
    const text = new TextStream(tokenizer);
    const ids = tokenizer.encode('\u{10FFFD}');
    expect(ids.length).toBeGreaterThan(1);
    expect(ids.map((id) => text.push(id))).toEqual([...ids.slice(1).map(() => ''), '\u{10FFFD}']);
  });

  it('gives a partial character at the end as a replacement character', () => {
    const ids = tokenizer.encode('a\u{10FFFD}').slice(0, -1);
    expect(stream(ids).join('')).toBe(tokenizer.decode(ids));
  });

  it('processes 5,000 tokens quickly', () => {
    const ids = tokenizer.encode('The bars are 图 high. '.repeat(800)).slice(0, 5000);
    const start = performance.now();
    stream(ids);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
