/**
 * The engine's speed and memory goals on a large graphics card, and whether a report meets them. A goal whose measurements are
 * missing from the report is left out.
 */
import type { BenchReport, EngineReport, Row, Verdict } from './bench-report.ts';

/** The part of a report that goals look at. */
export interface Judged {
  readonly rows: readonly Row[];
  readonly engines: { readonly ours?: EngineReport };
}

/** Bytes that JavaScript and WASM may hold while a model loads. */
const HEAP_LIMIT = 0.5e9;

/** The report with its goals judged. */
export function withVerdicts(report: Omit<BenchReport, 'verdicts'>): BenchReport {
  return { ...report, verdicts: judge(report) };
}

/** Judges every goal that the report has the numbers for. */
export function judge({ rows, engines }: Judged): Verdict[] {
  const row = (id: string): Row | undefined => rows.find((candidate) => candidate.id === id);
  const ours = (id: string): number | undefined => row(id)?.ours?.summary?.median;
  const verdicts: Verdict[] = [];
  const atLeast = (goal: string, ratio: number | null | undefined, limit: number): void => {
    if (ratio == null || !Number.isFinite(ratio)) return;
    verdicts.push({ goal, measured: `${ratio.toFixed(2)} ×`, target: `≥ ${limit} ×`, met: ratio >= limit });
  };
  const atMost = (goal: string, value: number | undefined, limit: number, unit: string): void => {
    if (value === undefined || !Number.isFinite(value)) return;
    verdicts.push({ goal, measured: `${value.toFixed(2)} ${unit}`, target: `≤ ${limit} ${unit}`, met: value <= limit });
  };
  const divided = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : a / b;

  atLeast('Decode step, 512 cached, against transformers.js', row('decode512')?.ratio, 3);
  atMost('Decode step, 512 cached', ours('decode512'), 12.5, 'ms');
  atLeast('Decode step, 4096 cached, against transformers.js', row('decode4096')?.ratio, 5);
  atMost('Decode step, 4096 cached against 512', divided(ours('decode4096'), ours('decode512')), 1.1, '×');
  atLeast('Prefill of a full image turn, against transformers.js', row('imageTurn')?.ratio, 2);
  atLeast('Round 2 to its first token, against transformers.js', row('round2')?.ratio, 3);
  atMost('Tokens round 2 computes again', row('round2')?.ours?.details['recomputedTokens'], 0, 'tokens');
  atMost('First token, picture chosen 5 s before', ours('firstToken'), 300, 'ms');
  atLeast('First token against no work ahead', divided(ours('firstTokenCold'), ours('firstToken')), 5);
  for (const side of [1022, 2044]) {
    atLeast(`Preprocessing of ${side} × ${side}, against transformers.js`, row(`preprocess${side}`)?.ratio, 20);
  }
  if (engines.ours?.loaded === true) {
    const { wasmBytes, heapPeakBytes } = engines.ours.memory;
    atMost('JavaScript and WASM heap while loading', (wasmBytes + heapPeakBytes) / 1e6, HEAP_LIMIT / 1e6, 'MB');
  }
  atMost('GPU memory growth over many questions', row('growth')?.ours?.details['gpuGrowthPercent'], 1, '%');
  return verdicts;
}
