/** Parsing a model's text, streamed in any pieces and complete; tools/ tests the content of calls. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractAnswer, ResponseSplitter } from '../../src/conversation/response.ts';
import type { ResponseTags } from '../../src/shared/response-tags.ts';

const CALL = '{"name": "resize_image", "arguments": {"action": "resize"}}';

const TAGS: ResponseTags = {
  thinking: ['<think>', '</think>'],
  answer: ['<answer>', '</answer>'],
  toolCall: ['<tool_call>', '</tool_call>'],
};

/** The text by kind, neighbours of one kind joined. */
function split(pieces: readonly string[]): [kind: string, text: string][] {
  const parts: [string, string][] = [];
  const splitter = new ResponseSplitter(TAGS, (kind, delta) => {
    const last = parts.at(-1);
    if (last?.[0] === kind) last[1] += delta;
    else parts.push([kind, delta]);
  });
  for (const piece of pieces) splitter.push(piece);
  splitter.end();
  return parts;
}

/** Cuts `text` at these places. */
function cut(text: string, places: readonly number[]): string[] {
  const bounds = [0, ...places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return bounds.slice(1).map((end, i) => text.slice(bounds[i], end));
}

describe('ResponseSplitter', () => {
  const text = `<think>It is < 3 <b>.</think> so <tool_call>${CALL}</tool_call><answer>\\boxed{4}</answer>end <thi`;
  const expected = [
    ['thinking', 'It is < 3 <b>.'],
    ['text', ' so '],
    ['toolCall', CALL],
    ['answer', '\\boxed{4}'],
    ['text', 'end <thi'],
  ];

  it('separates thinking, call, answer and the rest', () => {
    expect(split([text])).toEqual(expected);
  });

  it('does so wherever the text is cut in two', () => {
    for (let place = 0; place <= text.length; place++) expect(split(cut(text, [place]))).toEqual(expected);
  });

  it('does so character by character', () => {
    expect(split(text.split(''))).toEqual(expected);
  });

  it('gives the same kinds and text for every way to cut any mixture of tags and text', () => {
    const part = fc.constantFrom(
      '<think>',
      '</think>',
      '<tool_call>',
      '</tool_call>',
      '<answer>',
      '</answer>',
      '<',
      '</',
      '<t',
      '<th',
      '>',
      'a',
      ' ',
      '\n',
      '<ans',
      '图',
      '</tool_cal',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 12 }), (parts, places) => {
        const whole = parts.join('');
        expect(split(cut(whole, places))).toEqual(split([whole]));
      }),
      { numRuns: 500 },
    );
  });

  it('loses nothing but the tags', () => {
    const part = fc.constantFrom(
      '<think>',
      '</think>',
      '<answer>',
      '</answer>',
      '<tool_call>',
      '</tool_call>',
      'x',
      '<',
      'y ',
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const whole = parts.join('');
        const rest = whole.replaceAll(/<\/?(?:think|answer|tool_call)>/g, '');
        expect(
          split([whole])
            .map(([, kept]) => kept)
            .join(''),
        ).toBe(rest);
      }),
    );
  });

  it('holds back only text that may become a tag', () => {
    const sent: string[] = [];
    const splitter = new ResponseSplitter(TAGS, (_, delta) => sent.push(delta));
    splitter.push('a <think');
    expect(sent).toEqual(['a ']);
    splitter.push('s> b');
    expect(sent).toEqual(['a ', '<thinks> b']);
  });
});

describe('extractAnswer', () => {
  it.each([
    ['<think>a</think><answer>42</answer>', '42'],
    ['<answer> \\boxed{B} \n</answer>', '\\boxed{B}'],
    ['no tags at all ', 'no tags at all'],
    ['<answer>never closed', 'never closed'],
    ['never opened</answer> rest', 'never opened'],
    ['<answer>one</answer><answer>two</answer>', 'one'],
    ['<answer>one<answer>two</answer>', 'two'],
    ['<think>so</think><tool_call>{}</tool_call><think>full</think><answer>7</answer>', '7'],
    ['<answer></answer>', ''],
    ['', ''],
  ])('takes from %j the answer %j', (text, answer) => {
    expect(extractAnswer(text, TAGS)).toBe(answer);
  });

  it.each([
    ['<think>3 < 4</think> so 7', 'so 7'],
    ['<think>half</think>[call]<think>full</think>\n7', '7'],
    ['just 7', 'just 7'],
  ])('takes what follows the thinking where answers have no tags: %j', (text, answer) => {
    expect(extractAnswer(text, { ...TAGS, answer: null })).toBe(answer);
  });

  it('takes the whole text of a model without any tags', () => {
    expect(extractAnswer(' <think>7 ', { thinking: null, answer: null })).toBe('<think>7');
  });
});
