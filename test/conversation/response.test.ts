/** What a model's text means, streamed in any pieces and afterwards. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractAnswer, parseToolCall, ResponseSplitter } from '../../src/conversation/response.ts';

const CALL = '{"name": "resize_image", "arguments": {"action": "resize"}}';

/** The text by kind, neighbours of one kind joined. */
function split(pieces: readonly string[]): [kind: string, text: string][] {
  const parts: [string, string][] = [];
  const splitter = new ResponseSplitter((kind, delta) => {
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

  it('tells thinking, call, answer and the rest apart', () => {
    expect(split([text])).toEqual(expected);
  });

  it('does so however the text is cut in two', () => {
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

  it('holds back no more than what may become a tag', () => {
    const sent: string[] = [];
    const splitter = new ResponseSplitter((_, delta) => sent.push(delta));
    splitter.push('a <think');
    expect(sent).toEqual(['a ']);
    splitter.push('s> b');
    expect(sent).toEqual(['a ', '<thinks> b']);
  });
});

describe('parseToolCall', () => {
  it.each([
    ['the call the model was taught', `<tool_call>${CALL}</tool_call>`],
    ['the call on lines of its own', `<think>x</think>\n<tool_call>\n${CALL}\n</tool_call><|im_end|>`],
    ['an object laid out over lines', `<tool_call>${JSON.stringify(JSON.parse(CALL), null, 2)}</tool_call>`],
    [
      'an object with deeper arguments',
      '<tool_call>{"arguments": {"action": "resize", "more": {"a": {}}}}</tool_call>',
    ],
    ['words around the object', `<tool_call>I call ${CALL} now</tool_call>`],
    ['no name', '<tool_call>{"arguments": {"action": "resize"}}</tool_call>'],
  ])('takes %s as valid', (_, text) => {
    expect(parseToolCall(text)).toEqual({ valid: true });
  });

  it.each([
    ['no tags', `${CALL}`],
    ['only an opening tag', `<tool_call>${CALL}`],
    ['only a closing tag', `${CALL}</tool_call>`],
    ['tags in the wrong order', `</tool_call>${CALL}<tool_call>`],
    ['an answer', '<answer>42</answer>'],
    ['nothing', ''],
  ])('sees no call in %s', (_, text) => {
    expect(parseToolCall(text)).toBeNull();
  });

  it.each([
    ['empty tags', '<tool_call></tool_call>', /No JSON object/],
    ['blank tags', '<tool_call> \n </tool_call>', /No JSON object/],
    ['no JSON', '<tool_call>resize</tool_call>', /No JSON object/],
    ['bad JSON', '<tool_call>{"arguments": {"action": resize}}</tool_call>', /no valid JSON: \{"arguments"/],
    ['another action', '<tool_call>{"arguments": {"action": "crop"}}</tool_call>', /Unknown Tool Type: crop.*`resize`/],
    ['an action that is no text', '<tool_call>{"arguments": {"action": null}}</tool_call>', /Unknown Tool Type: null/],
    ['no arguments', '<tool_call>{"name": {"action": "resize"}}</tool_call>', /arguments\.action/],
    ['no action', '<tool_call>{"arguments": {"resize": {}}}</tool_call>', /arguments\.action/],
    ['arguments that are a list', '<tool_call>{"arguments": ["action"], "x": {}}</tool_call>', /arguments\.action/],
    ['two calls between tags', `<tool_call>${CALL}\n${CALL}</tool_call>`, /once/],
    ['two pairs of tags', `<tool_call>${CALL}</tool_call> and <tool_call>${CALL}</tool_call>`, /once/],
    [
      'an inherited key',
      '<tool_call>{"arguments": {"__proto__": {"action": "resize"}}}</tool_call>',
      /arguments\.action/,
    ],
  ])('says what is wrong with %s', (_, text, why) => {
    const call = parseToolCall(text);
    expect(call?.valid).toBe(false);
    expect(call?.error).toMatch(why);
  });

  it('quotes no more than a little of a long malformed call', () => {
    const call = parseToolCall(`<tool_call>{"a": ${'x'.repeat(5000)}}}</tool_call>`);
    expect(call?.error?.length).toBeLessThan(300);
  });

  it('never throws and says why whenever a call is not valid', () => {
    const part = fc.constantFrom(
      '<tool_call>',
      '</tool_call>',
      '{',
      '}',
      '}}',
      '"arguments": ',
      '"action": ',
      '"resize"',
      'null',
      ' ',
      CALL,
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const call = parseToolCall(parts.join(''));
        expect(call === null || call.valid === (call.error === undefined)).toBe(true);
      }),
    );
  });

  it('reads 100,000 characters of nonsense quickly', () => {
    const start = performance.now();
    parseToolCall('<tool_call>{'.repeat(9000));
    parseToolCall(`<tool_call>${'{'.repeat(100_000)}</tool_call>`);
    expect(performance.now() - start).toBeLessThan(1000);
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
    expect(extractAnswer(text)).toBe(answer);
  });
});
