/** Nonsense read by every tool: no call makes reading fail, or slow. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reprOf, readJson, readLenient } from '../../../src/conversation/tools/literal.ts';
import { TOOLS } from '../../../src/conversation/tools/registry.ts';

const PIECES = [
  '<tool_call>',
  '</tool_call>',
  '<grounding>',
  '<grounding>{"bbox_2d": ',
  '</grounding>',
  ', "source": "original_image"}</grounding>',
  'GET_CROPS',
  ': [',
  "'0'",
  '{"name": "request_local_region", "arguments": {"bbox_2d": ',
  '{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": ',
  '{"name": "search_coordinate", "arguments": {"coordinate": ',
  '[1, 2, 3, 4]',
  '[NaN, 1e999, -Infinity, null]',
  '[',
  ']',
  '{',
  '}}',
  '</think>',
  '<answer>',
  '"',
  "'",
  ',',
  ' ',
  '\n',
];

describe.each(TOOLS.map((tool) => [tool.name, tool] as const))('%s', (_, tool) => {
  it('never throws on any text, and says why a call is not valid', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }), (pieces) => {
        const call = tool.parse(pieces.join(''));
        expect(call === null || call.valid || typeof call.error === 'string').toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('reads 100,000 characters of nonsense quickly', () => {
    const start = performance.now();
    for (const piece of PIECES) tool.parse(piece.repeat(Math.ceil(100_000 / piece.length)));
    tool.parse(`<tool_call>${'['.repeat(100_000)}</tool_call>`);
    tool.parse(`<grounding>{"bbox_2d": ${'['.repeat(50_000)}, "source": "original_image"}</grounding>`);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('a literal', () => {
  it('is what JSON is, with the numbers as Python writes them', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const read of [readJson, readLenient]) expect(read(JSON.stringify(value))).toHaveProperty('value');
      }),
    );
    const written = (text: string): string => {
      const reading = readLenient(text);
      return 'value' in reading ? reprOf(reading.value) : reading.error;
    };
    for (const [text, repr] of [
      ['[1, 1.0, 1e2, 0.1, -0.0]', '[1, 1.0, 100.0, 0.1, -0.0]'],
      ['[1e-5, 1e16, 123456789.125, 1e22, 5e-324]', '[1e-05, 1e+16, 123456789.125, 1e+22, 5e-324]'],
      ['[0.0001, 1234567890123456.0, 100000000000000000000]', '[0.0001, 1234567890123456.0, 100000000000000000000]'],
      ['{"a": (1,), \'b\': [true, None, NaN, -Infinity]}', "{'a': (1,), 'b': [True, None, nan, -inf]}"],
      ['"it\'s"', '"it\'s"'],
      ['1, 2', '(1, 2)'],
      ['(1)', '1'],
      ['[1', 'invalid syntax (<string>, line 1)'],
    ]) {
      expect(written(text ?? '')).toBe(repr);
    }
  });
});
