/** The models on this device, each with its state and what can be done with it. */
import type { ReactElement } from 'react';
import { useApp } from '../store-context.ts';
import { formatBytes } from '../format.ts';
import { useRestoredFocus } from './restored-focus.ts';
import { ModelRow } from './model-row.tsx';
import { useModels } from './models-context.ts';

/** The bundled model, then the library's. */
export function ModelList(): ReactElement {
  const library = useModels((state) => state.library);
  const job = useModels((state) => state.job);
  const focus = useRestoredFocus<HTMLUListElement>();
  const models = library?.models ?? [];
  const rows = models.map((model) => {
    const work = job?.key === model.key ? job : null;
    // The directory of a model that has only just been started says nothing yet.
    const isStarted = work?.kind === 'add' && model.state.kind === 'damaged';
    return <ModelRow key={model.key} name={work?.name ?? model.name} model={isStarted ? null : model} job={work} />;
  });
  if (job !== null && models.every(({ key }) => key !== job.key)) {
    // It has no directory yet, and stands where the library will list it.
    const after = models.findIndex(({ name }) => name.localeCompare(job.name) > 0);
    const row = <ModelRow key={job.key} name={job.name} model={null} job={job} />;
    rows.splice(after < 0 ? rows.length : after, 0, row);
  }
  return (
    <>
      <ul {...focus} className="models__list" aria-labelledby="models-here">
        <BundledRow />
        {rows}
      </ul>
      <StorageLine />
    </>
  );
}

function BundledRow(): ReactElement {
  const selection = useApp((state) => state.selection);
  const select = useApp((state) => state.selectModel);
  const show = useApp((state) => state.showLibrary);
  const isCurrent = selection.kind === 'bundled';
  return (
    <li className="model" aria-label="visionthink-nano">
      <div className="model__words">
        <strong>visionthink-nano</strong>
        <span className="caption">Comes with the page · 20.7 MB · reads drawn pictures</span>
      </div>
      <div className="model__actions">
        {isCurrent ? (
          <span className="model__current">In use</span>
        ) : (
          <button
            type="button"
            className="button"
            onClick={() => {
              select({ kind: 'bundled' });
              show(false);
            }}
          >
            Use
          </button>
        )}
      </div>
    </li>
  );
}

function StorageLine(): ReactElement | null {
  const storage = useModels((state) => state.library?.storage);
  if (storage === undefined || storage.usedBytes === null || storage.freeBytes === null) return null;
  return (
    <p className="caption">
      Storage: {formatBytes(storage.usedBytes)} used; {storage.mayBeMore ? 'about ' : ''}
      {formatBytes(storage.freeBytes)} available{storage.mayBeMore ? ' if your disk has space' : ''}.{' '}
      {storage.persisted
        ? 'The browser keeps them until you delete them.'
        : 'The browser may delete them when the disk is nearly full.'}
    </p>
  );
}
