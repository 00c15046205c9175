/** The engine's status: loading with progress, what runs and why, or what went wrong. */
import type { ReactElement } from 'react';
import type { EngineInfo } from '../protocol/engine-api.ts';
import type { LoadProgress } from '../protocol/events.ts';
import type { PlainError } from '../store/plain-error.ts';
import { BackendSelect, EngineDetails } from './engine-details.tsx';
import type { Rate } from '../shared/rate-meter.ts';
import { formatBytes, formatDuration, formatMs, formatParameters, formatSpeed } from './format.ts';
import { useApp } from './store-context.ts';

const PHASES = {
  probe: 'Looking at this machine',
  download: 'Loading the model',
  verify: 'Checking the files',
  compile: 'Preparing the model',
  upload: 'Reading the weights',
  check: 'Checking the arithmetic',
  warmUp: 'Warming up',
};

/** The engine's status line. */
export function EngineStatus(): ReactElement {
  const engine = useApp((state) => state.engine);
  const notice = useApp((state) => state.engineNotice);
  return (
    <div role="status" aria-label="Engine" className="engine" data-status={engine.status}>
      {engine.status === 'loading' && <Loading progress={engine.progress} />}
      {engine.status === 'ready' && <Ready info={engine.info} />}
      {engine.status === 'failed' && <Failed error={engine.error} />}
      {notice !== null && engine.status !== 'failed' && <p className="engine__notice">{notice}</p>}
    </div>
  );
}

function Loading({ progress }: { progress: LoadProgress | null }): ReactElement {
  const phase = progress === null ? 'Starting the engine' : PHASES[progress.phase];
  const rate = useApp((state) => state.loadRate);
  const fraction = progress === null || progress.total === 0 ? 0 : Math.min(1, progress.loaded / progress.total);
  return (
    <>
      <div className="engine__line">
        <span className="engine__dot" aria-hidden="true" />
        <strong>{phase}</strong>
        {progress !== null && (
          <span className="engine__more" aria-hidden="true">
            {describeProgress(progress, fraction, rate)}
          </span>
        )}
      </div>
      <progress className="bar" aria-label="Loading" max={1} value={fraction} />
    </>
  );
}

function Ready({ info }: { info: EngineInfo }): ReactElement {
  const { backend, model } = info;
  return (
    <>
      <div className="engine__line">
        <span className="engine__dot" aria-hidden="true" />
        <strong>Ready on {backend.title}</strong>
        <span className="engine__more">
          {model.name} · {formatParameters(model.parameters)} parameters · {model.dtype} · {formatBytes(model.bytes)} ·
          loaded in {formatMs(info.loadMs)}
        </span>
      </div>
      <EngineDetails info={info} />
    </>
  );
}

function Failed({ error }: { error: PlainError }): ReactElement {
  const loadEngine = useApp((state) => state.loadEngine);
  const showLibrary = useApp((state) => state.showLibrary);
  return (
    <>
      <div className="engine__line">
        <span className="engine__dot" aria-hidden="true" />
        <p role="alert" className="engine__error">
          <strong>The engine could not be started.</strong> {error.message}
        </p>
      </div>
      <div className="engine__choices">
        <button type="button" className="button" onClick={() => void loadEngine()}>
          Retry
        </button>
        <button type="button" className="button" onClick={() => showLibrary(true)}>
          Choose another model
        </button>
        <BackendSelect />
      </div>
    </>
  );
}

function describeProgress({ phase, loaded, total, detail }: LoadProgress, fraction: number, rate: Rate): string {
  if (phase === 'probe' || phase === 'check' || phase === 'warmUp') return detail;
  const percent = `${Math.round(fraction * 100)} %`;
  if (phase === 'compile') return `step ${Math.min(loaded + 1, total)} of ${total} · ${percent} · ${detail}`;
  const parts = [`${formatBytes(loaded)} of ${formatBytes(total)}`, percent];
  if (rate.perSecond > 0) parts.push(formatSpeed(rate.perSecond));
  if (rate.secondsLeft !== undefined && loaded < total) parts.push(`${formatDuration(rate.secondsLeft)} left`);
  return [...parts, detail].join(' · ');
}
