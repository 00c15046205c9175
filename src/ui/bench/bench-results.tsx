/** The results: the engines, a table that fills row by row, the goals, and the whole report to copy or save. */
import { useState } from 'react';
import type { ReactElement } from 'react';
import {
  type Cell,
  detailLines,
  engineLine,
  milliseconds,
  ratioText,
  type Row,
  toMarkdown,
  type Verdict,
} from '../../evaluation/bench-report.ts';
import { useBench } from './bench-context.ts';

/** The results; a hint before there are any. */
export function BenchResults(): ReactElement {
  const rows = useBench((state) => state.rows);
  const engines = useBench((state) => state.engines);
  const report = useBench((state) => state.report);
  const error = useBench((state) => state.error);
  const names = (['ours', 'upstream'] as const).filter((name) => engines[name] !== undefined);
  return (
    <section className="card results" aria-label="Results">
      <div className="results__head">
        <h2 className="small-title">Results</h2>
        <CopyButtons />
      </div>
      {error !== null && (
        <p className="message message--error" role="alert">
          {error}
        </p>
      )}
      {names.length === 0 && error === null && (
        <p className="empty">Nothing measured yet. On a laptop the bundled model takes a few minutes.</p>
      )}
      <ul className="results__lines">
        {names.map((name) => {
          const engine = engines[name];
          return engine === undefined ? null : <li key={name}>{engineLine(name, engine)}</li>;
        })}
      </ul>
      {rows.length > 0 && <ResultTable rows={rows} />}
      {rows.length > 0 && (
        <details className="disclosure">
          <summary>Numbers that came with the times</summary>
          <ul className="results__lines">
            {detailLines(rows).map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </details>
      )}
      {report !== null && report.verdicts.length > 0 && <Goals verdicts={report.verdicts} />}
    </section>
  );
}

function ResultTable({ rows }: { readonly rows: readonly Row[] }): ReactElement {
  return (
    <table className="results-table" aria-label="Measurements">
      <thead>
        <tr>
          <th scope="col">Median (min to max)</th>
          <th scope="col">This app</th>
          <th scope="col">transformers.js</th>
          <th scope="col">Ratio</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}>
            <th scope="row">
              {row.title}
              {row.sameAnswers !== null && (
                <span className="caption results-table__note">
                  {row.sameAnswers.same} of {row.sameAnswers.all} answers alike
                </span>
              )}
            </th>
            <td data-label="This app">
              <Measured cell={row.ours} />
            </td>
            <td data-label="transformers.js">
              <Measured cell={row.upstream} />
            </td>
            <td data-label="Ratio" className="results-table__ratio">
              {ratioText(row.ratio)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Measured({ cell }: { readonly cell: Cell | null }): ReactElement {
  if (cell === null) return <>–</>;
  const { summary, error } = cell;
  return (
    <>
      {summary !== null && (
        <>
          {milliseconds(summary.median)}{' '}
          <span className="caption results-table__note">
            {milliseconds(summary.min)} to {milliseconds(summary.max)}
          </span>
        </>
      )}
      {error !== null && <span className="field__error results-table__note">{error}</span>}
    </>
  );
}

function Goals({ verdicts }: { readonly verdicts: readonly Verdict[] }): ReactElement {
  return (
    <details className="disclosure">
      <summary>Goals, set for a large graphics card and the 7B preset</summary>
      <table className="results-table" aria-label="Goals">
        <thead>
          <tr>
            <th scope="col">Goal</th>
            <th scope="col">Measured</th>
            <th scope="col">Goal</th>
            <th scope="col">Met</th>
          </tr>
        </thead>
        <tbody>
          {verdicts.map(({ goal, measured, target, met }) => (
            <tr key={goal}>
              <th scope="row">{goal}</th>
              <td data-label="Measured">{measured}</td>
              <td data-label="Goal">{target}</td>
              <td data-label="Met">{met ? 'yes' : 'no'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function CopyButtons(): ReactElement | null {
  const report = useBench((state) => state.report);
  const [copied, setCopied] = useState('');
  if (report === null) return null;
  const copy = async (what: string, text: string): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(`Copied as ${what}`);
    } catch {
      setCopied('The browser refused to copy');
    }
  };
  return (
    <div className="results__copy">
      <span className="caption" role="status">
        {copied}
      </span>
      <button type="button" className="button" onClick={() => void copy('Markdown', toMarkdown(report))}>
        Copy as Markdown
      </button>
      <button type="button" className="button" onClick={() => void copy('JSON', JSON.stringify(report, null, 1))}>
        Copy as JSON
      </button>
    </div>
  );
}
