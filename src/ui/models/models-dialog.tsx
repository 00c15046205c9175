/** The Models screen: the models on this device, models to add, and the cost of adding one. */
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { browserModels } from '../../store/models-environment.ts';
import { originLabel } from '../../store/typed-origin.ts';
import { useApp, useAppStore } from '../store-context.ts';
import { AddModel } from './add-model.tsx';
import { ConsiderPanel } from './consider-panel.tsx';
import { ModelList } from './model-list.tsx';
import { ModelsContext, useModels } from './models-context.ts';

/** Other tabs change the library too: it is read again this often while the screen is open. Milliseconds. */
const REFRESH_MS = 2500;

/** The screen, as a dialog that is open while the app's state says so. */
export default function ModelsDialog(): ReactElement {
  const app = useAppStore();
  const [store] = useState(() => browserModels(app, new URLSearchParams(location.search)));
  return (
    <ModelsContext value={store}>
      <Dialog />
    </ModelsContext>
  );
}

function Dialog(): ReactElement {
  const isOpen = useApp((state) => state.isLibraryOpen);
  const show = useApp((state) => state.showLibrary);
  const refresh = useModels((state) => state.refresh);
  const considered = useModels((state) => state.considered);
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const status = considered?.status;
  useEffect(() => {
    // Where the control that had the focus is gone, the heading says what has come in its place; unless work was started (ModelRow).
    if (document.activeElement === document.body) heading.current?.focus();
  }, [status]);
  useEffect(() => {
    if (!isOpen) {
      dialog.current?.close();
      return undefined;
    }
    if (dialog.current?.open === false) dialog.current.showModal();
    void refresh();
    const timer = setInterval(() => void refresh(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [isOpen, refresh]);
  return (
    <dialog ref={dialog} className="dialog models" aria-labelledby="models-title" onClose={() => show(false)}>
      <div className="models__header">
        <h2 id="models-title">Models</h2>
        <button type="button" className="button" onClick={() => show(false)}>
          Close
        </button>
      </div>
      <Message />
      <section aria-labelledby="models-here" className="models__section">
        <h3 id="models-here" className="small-title">
          On this device
        </h3>
        <ModelList />
      </section>
      <section aria-labelledby="models-add" className="models__section">
        <h3 id="models-add" ref={heading} tabIndex={-1} className="small-title">
          {considered === null ? 'Add a model' : originLabel(considered.origin)}
        </h3>
        {considered === null ? <AddModel /> : <ConsiderPanel considered={considered} />}
      </section>
    </dialog>
  );
}

function Message(): ReactElement {
  const listed = useModels((state) => state.library?.models);
  const message = useModels((state) => state.message);
  const dismiss = useModels((state) => state.dismiss);
  const isShownInList = message !== null && listed?.some(({ key }) => key === message.key) === true;
  return (
    <div role="status" aria-label="Library">
      {message !== null && !isShownInList && (
        <p className={`message message--${message.kind}`}>
          <span>{message.text}</span>
          <button type="button" className="quiet-button" onClick={dismiss}>
            Dismiss
          </button>
        </p>
      )}
    </div>
  );
}
