/** The results of the kernel cases: counts, failures, and all cases by kernel. */
import type { ReactElement } from 'react';
import type { CaseLine } from '../../protocol/kernels-api.ts';
import { RunButton, type RunProps } from './run-button.tsx';

/** The section of cases. */
export function CaseResults({ cases, ...run }: RunProps & { readonly cases: readonly CaseLine[] }): ReactElement {
  const count = (state: CaseLine['state']): number => cases.filter((line) => line.state === state).length;
  const failed = cases.filter(({ state }) => state === 'failed');
  return (
    <section className="card results" aria-label="Cases">
      <div className="results__head">
        <h2 className="small-title">Against the scalar reference</h2>
        <RunButton {...run} name="Check every kernel" />
      </div>
      <p role="status">
        {cases.length === 0
          ? 'Nothing checked yet. On a graphics card this takes seconds.'
          : `${count('passed')} passed, ${count('failed')} failed, ${count('not run')} not for this card`}
      </p>
      {failed.length > 0 && <CaseList lines={failed} />}
      {[...byKernel(cases)].map(([kernel, lines]) => (
        <details key={kernel} className="disclosure">
          <summary>
            {kernel}: {lines.filter(({ state }) => state === 'passed').length} of {lines.length}
          </summary>
          <CaseList lines={lines} />
        </details>
      ))}
    </section>
  );
}

/** Cases grouped by the prefix of their names. */
function byKernel(cases: readonly CaseLine[]): ReadonlyMap<string, readonly CaseLine[]> {
  const groups = new Map<string, CaseLine[]>();
  for (const line of cases) {
    const kernel = line.name.split(/[,:]/, 1)[0] ?? line.name;
    groups.set(kernel, [...(groups.get(kernel) ?? []), line]);
  }
  return groups;
}

function CaseList({ lines }: { readonly lines: readonly CaseLine[] }): ReactElement {
  return (
    <ul className="results__lines">
      {lines.map((line) => (
        <li key={line.name}>
          {line.name}
          <span className="results-table__note">{outcomeText(line)}</span>
        </li>
      ))}
    </ul>
  );
}

function outcomeText({ state, error, tolerance, detail }: CaseLine): string {
  if (state === 'not run') return `Not run: ${detail}.`;
  if (state === 'failed') return `Failed: ${detail}`;
  return `Passed. Largest error ${error.toExponential(1)}, allowed ${tolerance.toExponential(1)}.`;
}
