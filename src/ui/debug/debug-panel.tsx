/** The `?debug` panel: the adapter, its limits, the kernels and their times. Fetched only on request. */
import { type ReactElement, useCallback, useEffect, useState } from 'react';
import type { AdapterReport, Diagnostics, KernelReport, KernelTiming } from '../../protocol/diagnostics.ts';
import { isBusy } from '../../store/turn-slice.ts';
import { useApp } from '../store-context.ts';
import '../styles/debug.css';

/** The panel. It queries the engine whenever one becomes ready and after every turn. */
export default function DebugPanel(): ReactElement {
  const isReady = useApp(({ engine }) => engine.status === 'ready');
  const busy = useApp(isBusy);
  const diagnose = useApp((state) => state.diagnose);
  const setKernelTiming = useApp((state) => state.setKernelTiming);
  const [report, setReport] = useState<Diagnostics | null>(null);
  const [isTiming, setIsTiming] = useState(false);
  const read = useCallback(() => void diagnose().then(setReport), [diagnose]);
  useEffect(() => {
    if (isReady && !busy) read();
  }, [isReady, busy, read]);

  const toggle = async (on: boolean): Promise<void> => {
    setIsTiming(on);
    await setKernelTiming(on);
    read();
  };
  return (
    <section className="debug" aria-labelledby="debug-title">
      <h2 id="debug-title">Debug</h2>
      {report === null ? (
        <p className="empty">The report appears once a model is loaded.</p>
      ) : (
        <>
          <Adapter adapter={report.adapter} />
          <h3>Kernel times</h3>
          <label className="debug__switch">
            <input
              type="checkbox"
              className="debug__check"
              checked={isTiming}
              disabled={!report.canTime || busy}
              onChange={(event) => void toggle(event.target.checked)}
            />
            Time every kernel of the next questions (slower: one pass for each dispatch)
          </label>
          <Timings timings={report.timings} canTime={report.canTime} />
          <h3>Kernels ({report.kernels.length})</h3>
          <Kernels kernels={report.kernels} />
          <CopyButton text={JSON.stringify(report, null, 1)} />
        </>
      )}
    </section>
  );
}

function Adapter({ adapter }: { adapter: AdapterReport | null }): ReactElement {
  if (adapter === null) return <p>No graphics device computes: the model runs on the CPU.</p>;
  const { description, features, limits, subgroupSizes } = adapter;
  return (
    <>
      <h3>Adapter</h3>
      <p>
        {description}
        {subgroupSizes !== null && `, subgroups of ${[...new Set(subgroupSizes)].join(' to ')}`}
      </p>
      <p className="debug__features">{features.join(', ')}</p>
      <details className="disclosure">
        <summary>Limits</summary>
        <table className="debug__table">
          <tbody>
            {Object.entries(limits).map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{value.toLocaleString('en')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </>
  );
}

function Timings({ timings, canTime }: { timings: readonly KernelTiming[]; canTime: boolean }): ReactElement {
  if (!canTime) return <p className="caption">Nothing can be timed: the device has no timestamps.</p>;
  if (timings.length === 0) return <p className="caption">Nothing is timed yet. Switch timing on, then ask.</p>;
  const total = timings.reduce((sum, { ms }) => sum + ms, 0);
  return (
    <table className="debug__table">
      <thead>
        <tr>
          <th scope="col">Kernel</th>
          <th scope="col">Dispatches</th>
          <th scope="col">Total ms</th>
          <th scope="col">Mean µs</th>
          <th scope="col">Share</th>
        </tr>
      </thead>
      <tbody>
        {timings
          .toSorted((a, b) => b.ms - a.ms)
          .map(({ label, dispatches, ms }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              <td>{dispatches}</td>
              <td>{ms.toFixed(2)}</td>
              <td>{((1000 * ms) / dispatches).toFixed(1)}</td>
              <td>{total === 0 ? '–' : `${((100 * ms) / total).toFixed(0)} %`}</td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}

function Kernels({ kernels }: { kernels: readonly KernelReport[] }): ReactElement {
  if (kernels.length === 0) return <p className="caption">This backend shows none.</p>;
  return (
    <>
      {kernels.map(({ label, code }, i) => (
        <details key={i} className="disclosure debug__kernel">
          <summary>
            {label} <span className="caption">{code.split('\n').length} lines</span>
          </summary>
          <pre>{code}</pre>
        </details>
      ))}
    </>
  );
}

function CopyButton({ text }: { text: string }): ReactElement {
  const [state, setState] = useState<'idle' | 'copied' | 'refused'>('idle');
  const copy = (): void =>
    void navigator.clipboard.writeText(text).then(
      () => setState('copied'),
      () => setState('refused'),
    );
  return (
    <p className="debug__copy">
      <button type="button" className="button" onClick={copy}>
        Copy as JSON
      </button>
      <span role="status">
        {state === 'copied' && 'Copied.'}
        {state === 'refused' && 'The browser refused the clipboard.'}
      </span>
    </p>
  );
}
