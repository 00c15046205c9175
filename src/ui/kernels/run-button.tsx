/** A button that starts a run. */
import type { ReactElement } from 'react';

/** Properties of the button. */
export interface RunProps {
  /** Whether this section's run is in progress, and whether any is. */
  readonly isRunning: boolean;
  readonly isBusy: boolean;
  run(): Promise<void>;
}

/** The button, labelled with its action. */
export function RunButton({ isRunning, isBusy, run, name }: RunProps & { readonly name: string }): ReactElement {
  return (
    <button type="button" className="button button--primary" disabled={isBusy} onClick={() => void run()}>
      {isRunning ? 'Running…' : name}
    </button>
  );
}
