/** The Models screen, whose code is fetched when it is first opened. */
import { lazy, Suspense, useState } from 'react';
import type { ReactElement } from 'react';
import { useApp } from './store-context.ts';

const ModelsDialog = lazy(() => import('./models/models-dialog.tsx').catch(() => ({ default: NotFetched })));

/** Nothing until the screen is opened. From then on it stays: what it has under way goes on when it is closed. */
export function ModelsScreen(): ReactElement | null {
  const isOpen = useApp((state) => state.isLibraryOpen);
  const [wasOpen, setWasOpen] = useState(false);
  if (isOpen && !wasOpen) setWasOpen(true);
  if (!isOpen && !wasOpen) return null;
  return (
    <Suspense fallback={null}>
      <ModelsDialog />
    </Suspense>
  );
}

function NotFetched(): ReactElement {
  return (
    <p role="alert" className="message message--error not-fetched">
      The Models screen could not be fetched. Check the connection, then reload the page.
    </p>
  );
}
