/** VisionThink's tool: valid calls, and the errors of the others. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RESIZE } from '../../../src/conversation/tools/resize.ts';

const CALL = '{"name": "resize_image", "arguments": {"action": "resize"}}';

/** The error that the model would receive for the call in `text`; null without a call, or for a valid one. */
function errorOf(text: string): string | null {
  const call = RESIZE.parse(text);
  return call === null || call.valid ? null : call.error;
}

describe('a call for the full image', () => {
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
    expect(RESIZE.parse(text)).toEqual({ valid: true, arguments: {} });
  });

  it.each([
    ['no tags', `${CALL}`],
    ['only an opening tag', `<tool_call>${CALL}`],
    ['only a closing tag', `${CALL}</tool_call>`],
    ['tags in the wrong order', `</tool_call>${CALL}<tool_call>`],
    ['an answer', '<answer>42</answer>'],
    ['nothing', ''],
  ])('sees no call in %s', (_, text) => {
    expect(RESIZE.parse(text)).toBeNull();
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
    expect(errorOf(text)).toMatch(why);
  });

  it('quotes only the start of a long malformed call', () => {
    expect(errorOf(`<tool_call>{"a": ${'x'.repeat(5000)}}}</tool_call>`)?.length).toBeLessThan(300);
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
        const call = RESIZE.parse(parts.join(''));
        expect(call === null || call.valid || call.error !== '').toBe(true);
      }),
    );
  });

  it('reads 100,000 characters of nonsense quickly', () => {
    const start = performance.now();
    RESIZE.parse('<tool_call>{'.repeat(9000));
    RESIZE.parse(`<tool_call>${'{'.repeat(100_000)}</tool_call>`);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
