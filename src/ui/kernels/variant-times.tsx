/** The times of kernels' variants: a table for each workload, the fastest marked. */
import type { ReactElement } from 'react';
import type { VariantLine } from '../../protocol/kernels-api.ts';
import { RunButton, type RunProps } from './run-button.tsx';

/** The section of times. */
export function VariantTimes({
  variants,
  ...run
}: RunProps & { readonly variants: readonly VariantLine[] }): ReactElement {
  const groups = [...new Set(variants.map(({ group }) => group))];
  return (
    <section className="card results" aria-label="Times">
      <div className="results__head">
        <h2 className="small-title">Formats and tiles, timed</h2>
        <RunButton {...run} name="Time the variants" />
      </div>
      {groups.length === 0 && <p className="empty">Nothing timed yet. Each variant runs for a fraction of a second.</p>}
      {groups.map((group) => (
        <VariantTable key={group} group={group} lines={variants.filter((line) => line.group === group)} />
      ))}
    </section>
  );
}

function VariantTable({
  group,
  lines,
}: {
  readonly group: string;
  readonly lines: readonly VariantLine[];
}): ReactElement {
  const fastest = Math.min(...lines.map(({ ms }) => ms ?? Infinity));
  return (
    <table className="results-table">
      <caption className="kernels__caption">{group}</caption>
      <thead>
        <tr>
          <th scope="col">Variant</th>
          <th scope="col">Time</th>
          <th scope="col">Rate</th>
        </tr>
      </thead>
      <tbody>
        {lines.map(({ name, ms, rate }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td data-label="Time" className={ms === fastest ? 'results-table__ratio' : undefined}>
              {ms === null ? '–' : `${ms.toPrecision(3)} ms`}
            </td>
            <td data-label="Rate">{rate}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
