/** One model of the library: name, state, work in progress, and its buttons. */
import { type ReactElement, useEffect } from 'react';
import type { StoredModel } from '../../protocol/library-api.ts';
import type { LibraryJob } from '../../store/models-state.ts';
import { formatBytes } from '../format.ts';
import { useApp } from '../store-context.ts';
import { DeleteButton } from './delete-button.tsx';
import { FolderButton } from './folder-button.tsx';
import { JobProgress } from './job-progress.tsx';
import { useRestoredFocus } from './restored-focus.ts';
import { useModels } from './models-context.ts';

/** A model's row. `model`: null before its directory exists. `job`: this tab's work on it. */
export function ModelRow(props: {
  readonly name: string;
  readonly model: StoredModel | null;
  readonly job: LibraryJob | null;
}): ReactElement {
  const { name, model, job } = props;
  const message = useModels((state) => (model !== null && state.message?.key === model.key ? state.message : null));
  const isBeingDeleted = useModels((state) => model !== null && state.removing.includes(model.key));
  const focus = useRestoredFocus<HTMLLIElement>('[data-takes-focus]:enabled');
  const { ref } = focus;
  const isWorkedOn = job !== null;
  useEffect(() => {
    if (!isWorkedOn || ref.current === null) return;
    if (document.activeElement === document.body) ref.current.focus(); // the control that started it is gone
    ref.current.scrollIntoView({ block: 'nearest' });
  }, [isWorkedOn, ref]);
  return (
    <li
      {...focus}
      className="model"
      aria-label={model === null ? name : `${name} ${model.dtype}`}
      data-state={model?.state.kind}
    >
      <div className="model__words">
        <strong>{name}</strong>
        {model !== null && <span className="caption">{describe(model, job)}</span>}
        {model?.state.kind === 'damaged' && job === null && (
          <span className="caption field__error">{model.state.why}</span>
        )}
      </div>
      {!isBeingDeleted && job !== null && <JobActions job={job} model={model} />}
      {!isBeingDeleted && job === null && model !== null && <Actions model={model} />}
      {job !== null && <JobProgress job={job} />}
      {job === null && model?.state.kind === 'partial' && model.state.total > 0 && (
        <progress className="bar model__bar" aria-label="Done" max={model.state.total} value={model.state.done} />
      )}
      <div role="status" className="model__message">
        {message !== null && <p className={`message message--${message.kind}`}>{message.text}</p>}
      </div>
    </li>
  );
}

function describe({ state, dtype, bytes, totalBytes, use, origin }: StoredModel, job: LibraryJob | null): string {
  const from = origin.kind === 'hub' ? origin.id : origin.kind === 'url' ? origin.url : `folder ${origin.name}`;
  const facts = [dtype, from];
  if (job === null && use === 'busy') return [...facts, 'being written in another tab'].join(' · ');
  if (state.kind === 'ready') {
    const checked = state.verified === null ? 'not checked' : `checked ${formatDate(state.verified)}`;
    return [formatBytes(totalBytes), ...facts, checked].join(' · ');
  }
  if (state.kind === 'damaged') return [formatBytes(bytes), ...facts, 'damaged'].join(' · ');
  if (job !== null) return [`${formatBytes(totalBytes)} when it is done`, ...facts].join(' · ');
  const percent = state.total === 0 ? 0 : Math.floor((100 * state.done) / state.total);
  return [`${percent} % done`, `${formatBytes(state.done)} of ${formatBytes(state.total)} read`, ...facts].join(' · ');
}

function Actions({ model }: { model: StoredModel }): ReactElement {
  const { key, name, state, use, origin } = model;
  const isWorking = useModels((current) => current.job !== null);
  const resume = useModels((current) => current.resume);
  const verify = useModels((current) => current.verify);
  const exportModel = useModels((current) => current.exportModel);
  const isBusy = use === 'busy';
  return (
    <div className="model__actions">
      {state.kind === 'ready' && (
        <>
          <button
            type="button"
            className="quiet-button"
            disabled={isWorking || isBusy}
            onClick={() => void verify(model)}
          >
            Verify
          </button>
          <button
            type="button"
            className="quiet-button"
            disabled={isWorking || isBusy}
            onClick={() => void exportModel(model)}
          >
            Export
          </button>
        </>
      )}
      <DeleteButton model={model} disabled={isBusy} />
      {state.kind === 'ready' && <UseButton modelKey={key} name={name} isBusy={isBusy} />}
      {state.kind === 'partial' &&
        (origin.kind === 'files' ? (
          <FolderButton disabled={isWorking || isBusy} onFolder={({ files }) => void resume(model, files)}>
            Choose {origin.name} again to resume
          </FolderButton>
        ) : (
          <button
            type="button"
            className="button button--primary"
            data-takes-focus
            disabled={isWorking || isBusy}
            onClick={() => void resume(model, null)}
          >
            Resume
          </button>
        ))}
    </div>
  );
}

function UseButton(props: {
  readonly modelKey: string;
  readonly name: string;
  readonly isBusy: boolean;
}): ReactElement {
  const { modelKey: key, name, isBusy } = props;
  const selection = useApp((state) => state.selection);
  const select = useApp((state) => state.selectModel);
  const show = useApp((state) => state.showLibrary);
  if (selection.kind === 'stored' && selection.key === key) return <span className="model__current">In use</span>;
  return (
    <button
      type="button"
      className="button button--primary"
      disabled={isBusy}
      onClick={() => {
        select({ kind: 'stored', key, name });
        show(false);
      }}
    >
      Use
    </button>
  );
}

function JobActions({ job, model }: { job: LibraryJob; model: StoredModel | null }): ReactElement {
  const pause = useModels((state) => state.pause);
  const remove = useModels((state) => state.remove);
  return (
    <div className="model__actions">
      {job.kind === 'add' && model !== null && (
        <button type="button" className="quiet-button" disabled={job.isEnding} onClick={() => void remove(model)}>
          Cancel and delete
        </button>
      )}
      <button
        type="button"
        className="button"
        data-takes-focus
        aria-disabled={job.isEnding} // not disabled: it keeps the focus
        onClick={() => {
          if (!job.isEnding) void pause();
        }}
      >
        {job.isEnding ? 'Stopping…' : job.kind === 'add' ? 'Pause' : 'Stop'}
      </button>
    </div>
  );
}

function formatDate(iso: string): string {
  return new Date(iso).toLocaleDateString('en', { day: 'numeric', month: 'short', year: 'numeric' });
}
