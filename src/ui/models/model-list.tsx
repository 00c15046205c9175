/** The models on this device, each with its state and what can be done with it. */
import type { ReactElement } from 'react';
import { useApp } from '../store-context.ts';
import { formatBytes } from '../format.ts';
import { JobRow, ModelRow } from './model-row.tsx';
import { useModels } from './models-context.ts';

/** The bundled model, then the library's. */
export function ModelList(): ReactElement {
  const library = useModels((state) => state.library);
  const job = useModels((state) => state.job);
  const models = library?.models ?? [];
  const isListed = job === null || models.some(({ key }) => key === job.key);
  return (
    <>
      <ul className="models__list">
        <BundledRow />
        {job !== null && !isListed && <JobRow job={job} />}
        {models.map((model) => (
          <ModelRow key={model.key} model={model} job={job?.key === model.key ? job : null} />
        ))}
      </ul>
      <Room />
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

function Room(): ReactElement | null {
  const storage = useModels((state) => state.library?.storage);
  if (storage === undefined || storage.usedBytes === null || storage.freeBytes === null) return null;
  return (
    <p className="caption">
      {formatBytes(storage.usedBytes)} used by this site, {formatBytes(storage.freeBytes)}
      {storage.mayBeMore ? ' or more offered, as far as the disk has it.' : ' free.'}{' '}
      {storage.persisted
        ? 'The browser keeps them until you delete them.'
        : 'The browser may delete them when the disk is nearly full.'}
    </p>
  );
}
