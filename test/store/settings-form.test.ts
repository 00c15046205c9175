/** Settings as typed, and their parsing. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/protocol/turn.ts';
import { parseExamples } from '../../src/store/examples-slice.ts';
import { INITIAL_FORM, fieldError, modeOf, settingsOf } from '../../src/store/settings-form.ts';

describe('the settings form', () => {
  it('starts with the default settings', () => {
    expect(settingsOf(INITIAL_FORM)).toEqual(DEFAULT_SETTINGS);
  });

  it('reads numbers', () => {
    const form = { ...INITIAL_FORM, pixelBudget: ' 200704 ', maxNewTokens: '64', temperature: '0.7' };
    expect(settingsOf(form)).toMatchObject({ pixelBudget: 200_704, maxNewTokens: 64, temperature: 0.7 });
  });

  it.each([
    ['maxNewTokens', '', /whole number from 1 to 8,192/],
    ['maxNewTokens', '12x', /“12x” is not a whole number/],
    ['maxNewTokens', '1.5', /not a whole number/],
    ['maxNewTokens', '0', /out of range/],
    ['maxNewTokens', '-5', /out of range/],
    ['maxNewTokens', '1,5', /not a whole number/],
    ['maxNewTokens', '10,00', /not a whole number/],
    ['maxNewTokens', '0,656', /not a whole number/],
    ['maxNewTokens', '9000', /from 1 to 8,192/],
    ['temperature', '-1', /-1 is out of range; enter a number from 0 to 2/],
    ['temperature', '1,000.5', /not a number/],
    ['temperature', '.', /not a number/],
    ['temperature', '3', /from 0 to 2/],
    ['temperature', 'Infinity', /not a number/],
    ['pixelBudget', '10', /from 3,136 to 12,845,056/],
    ['pixelBudget', '99,999,999', /99,999,999 is out of range/],
    ['pixelBudget', '614,656.000', /not a whole number/],
  ] as const)('says what is wrong with %s “%s”', (field, text, message) => {
    const form = { ...INITIAL_FORM, [field]: text };
    expect(fieldError(form, field)).toMatch(message);
    expect(settingsOf(form)).toBeNull();
  });

  it.each([
    ['temperature', '.5', 0.5],
    ['temperature', '0,5', 0.5],
    ['temperature', '0.', 0],
    ['temperature', '0,', 0],
    ['temperature', '1e0', 1],
    ['temperature', '+1', 1],
    ['maxNewTokens', '1,024', 1024],
    ['maxNewTokens', '64.', 64],
    ['maxNewTokens', '1e3', 1000],
    ['pixelBudget', '614,656', 614_656],
    ['pixelBudget', '614.656', 614_656],
    ['pixelBudget', '614\u202F656', 614_656],
    ['pixelBudget', '12’845’056', 12_845_056],
  ] as const)('reads %s “%s”', (field, text, value) => {
    const form = { ...INITIAL_FORM, [field]: text };
    expect(fieldError(form, field)).toBeNull();
    expect(settingsOf(form)?.[field]).toBe(value);
  });

  it('cuts a very long entry in its message', () => {
    const message = fieldError({ ...INITIAL_FORM, temperature: 'x'.repeat(5000) }, 'temperature');
    expect(message?.length).toBeLessThan(100);
  });

  it('names the mode of every pair of switches', () => {
    expect(modeOf({ downsample: true, tool: true })).toBe('smart');
    expect(modeOf({ downsample: true, tool: false })).toBe('half');
    expect(modeOf({ downsample: false, tool: false })).toBe('full');
    expect(modeOf({ downsample: false, tool: true })).toBe('custom');
  });
});

describe('the list of examples', () => {
  it('keeps valid examples and drops the rest', () => {
    const good = { file: 'a.png', title: 'A', questions: ['How many?'], note: '' };
    expect(parseExamples([good, { ...good, questions: [1] }, null, 'a.png'])).toEqual([good]);
    expect(parseExamples({ examples: [good] })).toEqual([]);
  });
});
