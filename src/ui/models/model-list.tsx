/** The models on this device, each with its state and what can be done with it. */
import type { ReactElement } from 'react';
import { useApp } from '../store-context.ts';
import { formatBytes } from '../format.ts';
import { useKeptFocus } from './kept-focus.ts';
import { ModelRow } from './model-row.tsx';
import { useModels } from './models-context.ts';

/** The bundled model, then the library's. */
export function ModelList(): ReactElement {
  const library = useModels((state) => state.library);
  const job = useModels((state) => state.job);
  const focus = useKeptFocus<HTMLUListElement>();
  const models = library?.models ?? [];
  const rows = models.map((model) => {
    const work = job?.key === model.key ? job : null;
    // The directory of one that is just being begun says nothing yet.
    const isBegun = work?.kind === 'add' && model.state.kind === 'damaged';
    return <ModelRow key={model.key} name={work?.name ?? model.name} model={isBegun ? null : model} job={work} />;
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
