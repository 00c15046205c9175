/** The header's way to the Models screen. */
import type { ReactElement } from 'react';
import { useApp } from './store-context.ts';

/** A button that opens the screen; it shows the library's progress while the screen is closed. */
export function ModelsButton(): ReactElement {
  const show = useApp((state) => state.showLibrary);
  const work = useApp((state) => state.libraryWork);
  return (
    <button type="button" className="quiet-button" aria-haspopup="dialog" onClick={() => show(true)}>
      Models
      {work !== null && <span className="models-work">{work}</span>}
    </button>
  );
}
