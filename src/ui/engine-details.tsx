/** The collapsed details of the running engine, and the choice of another backend. */
import type { ReactElement } from 'react';
import type { EngineInfo } from '../protocol/engine-api.ts';
import { isBusy } from '../store/turn-slice.ts';
import { formatCount } from './format.ts';
import { Select } from './select.tsx';
import { useApp } from './store-context.ts';

/** Why this backend, and what exactly runs. */
export function EngineDetails({ info }: { info: EngineInfo }): ReactElement {
  const { backend, model } = info;
  return (
    <details className="disclosure engine__details">
      <summary>Why this backend</summary>
      <ul className="engine__reasons">
        {backend.reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      <dl className="facts">
        {backend.build !== null && <Fact name="Runtime build" value={backend.build} />}
        <Fact name="Kernels" value={backend.kernels} />
        <Fact name="Activations" value={backend.activations} />
        <Fact name="Threads" value={String(backend.threads)} />
        <Fact name="Adapter" value={backend.adapter === '' ? 'not reported by the browser' : backend.adapter} />
        <Fact name="Context" value={`${formatCount(model.contextLength)} tokens`} />
      </dl>
      <BackendSelect />
    </details>
  );
}

/** The choice of the backend; restarts the engine. */
export function BackendSelect(): ReactElement {
  const choice = useApp((state) => state.backendChoice);
  const setChoice = useApp((state) => state.setBackendChoice);
  const options = useApp((state) => state.backendOptions);
  const busy = useApp(isBusy);
  const choices = [['auto', 'Automatic'] as const, ...options.map(({ id, label }) => [id, label] as const)];
  return <Select label="Run on" value={choice} options={choices} disabled={busy} onChange={setChoice} />;
}

function Fact({ name, value }: { name: string; value: string }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
