/** The Models screen, whose code is fetched when it is first opened. */
import { type ComponentType, type ReactElement, useEffect, useState } from 'react';
import { useApp } from './store-context.ts';

/**
 * Nothing until the screen is opened. From then on it stays: its running work continues when it is closed. When its code
 * cannot be fetched the screen counts as closed, and opening it tries again.
 */
export function ModelsScreen(): ReactElement | null {
  const isOpen = useApp((state) => state.isLibraryOpen);
  const show = useApp((state) => state.showLibrary);
  const [screen, setScreen] = useState<{ readonly Dialog: ComponentType } | null>(null);
  const [hasFailed, setHasFailed] = useState(false);
  const isWanted = isOpen && screen === null;
  useEffect(() => {
    if (!isWanted) return;
    void import('./models/models-dialog.tsx').then(
      ({ default: Dialog }) => {
        setScreen({ Dialog });
        setHasFailed(false);
      },
      () => {
        setHasFailed(true);
        show(false);
      },
    );
  }, [isWanted, show]);
  if (screen !== null) return <screen.Dialog />;
  if (!hasFailed || isOpen) return null;
  return (
    <p role="alert" className="message message--error not-fetched">
      <span>
        The Models screen could not be fetched. Check the connection, then open Models again. If that does not help,
        reload the page.
      </span>
      <button type="button" className="quiet-button" onClick={() => setHasFailed(false)}>
        Dismiss
      </button>
    </p>
  );
}
