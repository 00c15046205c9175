import { describe, expect, it } from 'vitest';
import {
  type BenchReport,
  cellOf,
  cellText,
  milliseconds,
  ratioText,
  rowOf,
  toMarkdown,
  toText,
} from '../../src/evaluation/bench-report.ts';
import { withVerdicts } from '../../src/evaluation/goals.ts';
import type { LoadedEngine } from '../../src/protocol/bench-api.ts';

const times = (...values: number[]): { ms: number; details: Record<string, number> }[] =>
  values.map((ms) => ({ ms, details: { cachedTokens: 512 } }));

const OURS: LoadedEngine = {
  engine: 'this app (webgpu jspi, f16)',
  backend: 'webgpu',
  adapter: 'a card',
  reasons: ['It was asked for.', 'It runs.'],
  model: 'shapes',
  dtype: 'q4f16',
  loadMs: 1234,
  memory: { wasmBytes: 100e6, heapPeakBytes: 20e6, gpuBytes: 5e9, gpuPeakBytes: 6e9 },
};

const REPORT: BenchReport = withVerdicts({
  version: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  seconds: 12.3,
  userAgent: 'a browser',
  parameters: 'model=7b',
  repeat: 3,
  engines: { ours: { loaded: true, ...OURS }, upstream: { loaded: false, error: 'too large | by far' } },
  rows: [
    rowOf('decode512', 'Decode', cellOf(times(10, 12, 11), null), cellOf(times(44, 50, 40), null)),
    rowOf('decode4096', 'Decode long', cellOf(times(20, 22, 21), null), cellOf([], 'not loaded')),
  ],
  complete: true,
});

describe('numbers in a report', () => {
  it.each([
    [1.234, '1.23 ms'],
    [12.34, '12.3 ms'],
    [123.4, '123 ms'],
    [1234, '1.23 s'],
    [Number.NaN, '–'],
  ])('%d milliseconds are %s', (ms, text) => expect(milliseconds(ms)).toBe(text));

  it('a ratio has about three digits, or is a dash', () => {
    expect([ratioText(3.456), ratioText(34.56), ratioText(null)]).toEqual(['3.46 ×', '34.6 ×', '–']);
  });

  it('a cell keeps every sample, the medians, and the error', () => {
    const cell = cellOf(times(3, 1, 2), 'then it broke');
    expect(cell.samples).toEqual([3, 1, 2]);
    expect(cell.details).toEqual({ cachedTokens: 512 });
    expect(cellText(cell)).toBe('2.00 ms (1.00 ms to 3.00 ms); then: then it broke');
    expect(cellText(cellOf([], 'no'))).toBe('no');
    expect(cellText(null)).toBe('–');
  });

  it('a row counts equal answers', () => {
    const answers = (...given: string[]) =>
      cellOf(
        given.map((answer) => ({ ms: 1, details: {}, answer })),
        null,
      );
    expect(rowOf('answers', '', answers('a', 'b'), answers('a', 'c')).sameAnswers).toEqual({ same: 1, all: 2 });
    expect(rowOf('answers', '', answers('a'), null).sameAnswers).toBeNull();
  });
});

describe('a report', () => {
  it('judges the goals it has numbers for', () => {
    const verdicts = Object.fromEntries(REPORT.verdicts.map(({ goal, measured, met }) => [goal, [measured, met]]));
    expect(verdicts).toEqual({
      'Decode step, 512 cached, against transformers.js': ['4.17 ×', true],
      'Decode step, 512 cached': ['11.00 ms', true],
      'Decode step, 4096 cached against 512': ['1.91 ×', false],
      'JavaScript and WASM heap while loading': ['120.00 MB', true],
    });
  });

  it('is a table in Markdown, with no unescaped bars in its cells', () => {
    const text = toMarkdown(REPORT);
    expect(text).toContain('GPU 5,000 MB, on a card. It was asked for. It runs.');
    expect(text).toContain('| Decode | 11.0 ms (10.0 ms to 12.0 ms) | 44.0 ms (40.0 ms to 50.0 ms) | 4.17 × |');
    expect(text).toContain('| Decode long | 21.0 ms (20.0 ms to 22.0 ms) | not loaded | – |');
    expect(text).toContain('- Decode, this app: cachedTokens 512');
    expect(text).toContain('- transformers.js could not load the model: too large | by far');
    for (const line of text.split('\n').filter((row) => row.startsWith('| Decode'))) {
      expect(line.split('|').length === 6 || line.includes('yes') || line.includes('no')).toBe(true);
    }
  });

  it('says how often each thing was measured', () => {
    expect(toMarkdown(REPORT)).toContain(', 12 s, 3 repetitions\n');
    expect(toMarkdown({ ...REPORT, repeat: 1, complete: false })).toContain(', 12 s, 1 repetition, not complete\n');
  });

  it('is a table of even columns as text', () => {
    const lines = toText(REPORT).split('\n');
    const header = lines.find((line) => line.startsWith('median')) ?? '';
    const row = lines.find((line) => line.startsWith('Decode long')) ?? '';
    expect(row.indexOf('not loaded') + 'not loaded'.length).toBe(
      header.indexOf('transformers.js') + 'transformers.js'.length,
    );
  });
});
