/** The list of keyboard shortcuts, in a small dialog. */
import { useRef } from 'react';
import type { ReactElement } from 'react';

const SHORTCUTS: readonly (readonly [keys: string, effect: string])[] = [
  ['Enter', 'ask, while in the question box'],
  ['Shift + Enter', 'a new line in the question box'],
  ['Ctrl or ⌘ + Enter', 'ask, from anywhere'],
  ['Escape', 'stop the running question, or clear the region'],
  ['Ctrl or ⌘ + V', 'paste an image'],
  ['Tab', 'go to the next control'],
];

/** A button that opens the list of shortcuts. */
export function KeyboardHelp(): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <>
      <button type="button" className="quiet-button" onClick={() => dialog.current?.showModal()}>
        Keyboard
      </button>
      <dialog ref={dialog} className="dialog" aria-labelledby="keyboard-title">
        <h2 id="keyboard-title">Keyboard</h2>
        <dl className="shortcuts">
          {SHORTCUTS.map(([keys, effect]) => (
            <div key={keys}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{effect}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog">
          <button type="submit" className="button">
            Close
          </button>
        </form>
      </dialog>
    </>
  );
}
