/** Keys that work anywhere on the page. They are listed in the keyboard help. */
import { useEffect } from 'react';
import { isBusy } from '../store/turn-slice.ts';
import { isDialogOpen } from './open-dialog.ts';
import { useAppStore } from './store-context.ts';

/** Escape stops or clears the drawn region, Ctrl or ⌘ + Enter asks. Once per page. */
export function useShortcuts(): void {
  const store = useAppStore();
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || isDialogOpen()) return;
      const state = store.getState();
      if (event.key === 'Escape' && isBusy(state)) {
        event.preventDefault();
        void state.stop();
      } else if (event.key === 'Escape' && state.region !== null) {
        event.preventDefault();
        state.setRegion(null);
      }
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        if (!event.repeat) state.ask();
      }
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, [store]);
}
