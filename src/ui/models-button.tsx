/** The header's way to the Models screen, whose code is fetched when it is first opened. */
import { lazy, Suspense, useState } from 'react';
import type { ReactElement } from 'react';
import { useApp } from './store-context.ts';

const ModelsDialog = lazy(() => import('./models/models-dialog.tsx').catch(() => ({ default: NotFetched })));

/** A button that opens the screen; it tells how far the library's work is while the screen is closed. */
export function ModelsButton(): ReactElement {
  const isOpen = useApp((state) => state.isLibraryOpen);
  const show = useApp((state) => state.showLibrary);
  const work = useApp((state) => state.libraryWork);
  const [wasOpen, setWasOpen] = useState(false);
  if (isOpen && !wasOpen) setWasOpen(true);
  return (
    <>
      <button type="button" className="quiet-button" aria-haspopup="dialog" onClick={() => show(true)}>
        Models
        {work !== null && <span className="models-work">{work}</span>}
      </button>
      {/* Once open it stays: what it has under way goes on when it is closed. */}
      {(isOpen || wasOpen) && (
        <Suspense fallback={null}>
          <ModelsDialog />
        </Suspense>
      )}
    </>
  );
}

function NotFetched(): ReactElement {
  return (
    <span role="alert" className="caption field__error">
      The Models screen could not be fetched. Check the connection, then reload the page.
    </span>
  );
}
