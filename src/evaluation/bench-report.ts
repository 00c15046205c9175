/** A benchmark run's report as plain data, and as text: a table for a terminal and Markdown. */
import type { EngineName, LoadedEngine } from '../protocol/bench-api.ts';
import { median, medianRatio, summarize, type Summary } from './statistics.ts';

/** The error of anything the user has stopped. */
export const STOPPED = 'stopped';

/** One engine's measurements of one thing. */
export interface Cell {
  /** Milliseconds each, in the order in which they were measured. */
  readonly samples: readonly number[];
  readonly summary: Summary | null;
  /** Medians of the numbers that came with them, units in the names. */
  readonly details: Readonly<Record<string, number>>;
  /** The engine's answers, where the measurement asks a question. */
  readonly answers?: readonly string[];
  /** Why there are fewer samples than planned, or none. */
  readonly error: string | null;
}

/** The results of one measurement. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly ours: Cell | null;
  readonly upstream: Cell | null;
  /** How many times as long upstream takes. */
  readonly ratio: number | null;
  /** Answers that both engines gave alike, of all; null where none were asked for. */
  readonly sameAnswers: { readonly same: number; readonly all: number } | null;
}

/** An engine under test: what it loaded as, or why loading failed. */
export type EngineReport =
  | ({ readonly loaded: true } & LoadedEngine)
  | { readonly loaded: false; readonly error: string };

/** A goal, judged. */
export interface Verdict {
  readonly goal: string;
  readonly measured: string;
  readonly target: string;
  readonly met: boolean;
}

/** A whole run. */
export interface BenchReport {
  readonly version: 1;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly userAgent: string;
  /** The parameters that repeat the run. */
  readonly parameters: string;
  readonly repeat: number;
  readonly engines: Readonly<Partial<Record<EngineName, EngineReport>>>;
  readonly rows: readonly Row[];
  /** Whether the run was stopped, or out of time, before all was measured. */
  readonly complete: boolean;
  readonly verdicts: readonly Verdict[];
}

/** One measurement with the numbers that came with it. */
export interface CellSample {
  readonly ms: number;
  readonly details: Readonly<Record<string, number>>;
  readonly answer?: string;
}

/** Sums up one engine's samples. */
export function cellOf(samples: readonly CellSample[], error: string | null): Cell {
  const times = samples.map(({ ms }) => ms);
  const names = [...new Set(samples.flatMap(({ details }) => Object.keys(details)))];
  const answers = samples.flatMap(({ answer }) => answer ?? []);
  return {
    samples: times,
    summary: summarize(times),
    details: Object.fromEntries(
      names.map((name) => [name, median(samples.flatMap(({ details }) => details[name] ?? []))]),
    ),
    ...(answers.length > 0 ? { answers } : {}),
    error,
  };
}

/** Puts the two engines' cells side by side. */
export function rowOf(id: string, title: string, ours: Cell | null, upstream: Cell | null): Row {
  const [first = [], second = []] = [ours?.answers, upstream?.answers];
  const all = Math.min(first.length, second.length);
  const same = first.slice(0, all).filter((answer, i) => answer === second[i]).length;
  return {
    id,
    title,
    ours,
    upstream,
    ratio: medianRatio(ours?.samples ?? [], upstream?.samples ?? []),
    sameAnswers: all === 0 ? null : { same, all },
  };
}

/** The numbers that came with the times, a line for each engine and measurement. */
export function detailLines(rows: readonly Row[]): string[] {
  return rows.flatMap((row) =>
    (['ours', 'upstream'] as const).flatMap((name) => {
      const numbers = Object.entries(row[name]?.details ?? {});
      if (numbers.length === 0) return [];
      const list = numbers.map(([what, value]) => `${what} ${Number(value.toPrecision(4)).toLocaleString('en')}`);
      return [`${row.title}, ${name === 'ours' ? 'this app' : 'transformers.js'}: ${list.join(', ')}`];
    }),
  );
}

/** The report as Markdown, for an issue or a log. */
export function toMarkdown(report: BenchReport): string {
  const table = (header: readonly string[], rows: readonly (readonly string[])[]): string[] => [
    `| ${header.join(' | ')} |`,
    `|${header.map((_, i) => (i === 0 ? ' --- |' : ' ---: |')).join('')}`,
    ...rows.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`),
  ];
  const lines = [...headLines(report).map((line) => `- ${line}`), '', ...table(HEADER, bodyRows(report))];
  if (report.verdicts.length > 0) {
    lines.push('', ...table(VERDICT_HEADER, report.verdicts.map(verdictCells)));
  }
  lines.push('', ...detailLines(report.rows).map((line) => `- ${line}`));
  return `${lines.join('\n')}\n`;
}

/** The report as a table of fixed width, for a terminal. */
export function toText(report: BenchReport): string {
  const align = (rows: readonly (readonly string[])[]): string[] => {
    const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)));
    return rows.map((cells) =>
      cells
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    );
  };
  const lines = [...headLines(report), '', ...align([HEADER, ...bodyRows(report)])];
  if (report.verdicts.length > 0) lines.push('', ...align([VERDICT_HEADER, ...report.verdicts.map(verdictCells)]));
  lines.push('', ...detailLines(report.rows));
  return `${lines.join('\n')}\n`;
}

const HEADER = ['median (min to max)', 'this app', 'transformers.js', 'ratio'];
const VERDICT_HEADER = ['goal', 'measured', 'goal value', 'met'];

/** `12.3 ms`, `1.23 s`. */
export function milliseconds(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
  return `${(ms / 1000).toFixed(ms < 100_000 ? 2 : 0)} s`;
}

/** `512 MB`. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en')} MB`;
}

/** A cell in a few words. */
export function cellText(cell: Cell | null): string {
  if (cell === null) return '–';
  const { summary, error } = cell;
  if (summary === null) return error ?? '–';
  const spread = `${milliseconds(summary.median)} (${milliseconds(summary.min)} to ${milliseconds(summary.max)})`;
  return error === null ? spread : `${spread}; then: ${error}`;
}

/** `3.4 ×`; a dash where there is nothing to compare. */
export function ratioText(ratio: number | null): string {
  return ratio === null || !Number.isFinite(ratio) ? '–' : `${ratio.toFixed(ratio < 10 ? 2 : 1)} ×`;
}

/** An engine's load and memory, and why it runs as it does, in one line. */
export function engineLine(name: EngineName, engine: EngineReport): string {
  const who = name === 'ours' ? 'This app' : 'transformers.js';
  if (!engine.loaded) {
    return engine.error === STOPPED
      ? `${who} was stopped while it loaded the model.`
      : `${who} could not load the model: ${engine.error}`;
  }
  const { memory } = engine;
  return (
    `${engine.engine}: ${engine.model} ${engine.dtype}, loaded in ${milliseconds(engine.loadMs)}, ` +
    `WASM ${megabytes(memory.wasmBytes)}, JavaScript ${megabytes(memory.heapPeakBytes)}, GPU ${megabytes(memory.gpuBytes)}` +
    `${engine.adapter === '' ? '' : `, on ${engine.adapter}`}` +
    `${engine.reasons.length === 0 ? '' : `. ${engine.reasons.join(' ')}`}`
  );
}

function headLines(report: BenchReport): string[] {
  const { engines, repeat, startedAt, seconds, complete } = report;
  const times = repeat === 1 ? '1 repetition' : `${repeat} repetitions`;
  const when = `${startedAt}, ${Math.round(seconds)} s, ${times}${complete ? '' : ', not complete'}`;
  const lines = (['ours', 'upstream'] as const).flatMap((name) => {
    const engine = engines[name];
    return engine === undefined ? [] : [engineLine(name, engine)];
  });
  return [...lines, `?${report.parameters}`, when, report.userAgent];
}

function bodyRows(report: BenchReport): string[][] {
  return report.rows.map((row) => {
    const answers = row.sameAnswers === null ? '' : `, ${row.sameAnswers.same} of ${row.sameAnswers.all} answers alike`;
    return [`${row.title}${answers}`, cellText(row.ours), cellText(row.upstream), ratioText(row.ratio)];
  });
}

function verdictCells({ goal, measured, target, met }: Verdict): string[] {
  return [goal, measured, target, met ? 'yes' : 'no'];
}
