/** Takes an image that is dropped or pasted anywhere on the page, and shows that it would. */
import { useEffect, useState } from 'react';
import type { ReactElement } from 'react';
import { isDialogOpen } from './open-dialog.ts';
import { useAppStore } from './store-context.ts';

/** The highlight that covers the page while a file hovers over it. */
export function DropOverlay(): ReactElement | null {
  const hovering = useImageDrop();
  if (!hovering) return null;
  return (
    <div className="drop-overlay" aria-hidden="true">
      <p>Drop the image anywhere</p>
    </div>
  );
}

/** Listens for drops and pastes on the whole page. Returns whether a file hovers over it. */
function useImageDrop(): boolean {
  const store = useAppStore();
  const [hovering, setHovering] = useState(false);
  useEffect(() => {
    let depth = 0; // dragenter and dragleave come in pairs for every element on the way
    const setDepth = (value: number): void => {
      depth = Math.max(0, value);
      setHovering(depth > 0);
    };
    const onEnter = (event: DragEvent): void => {
      if (carriesFile(event) && !isDialogOpen()) setDepth(depth + 1);
    };
    const onLeave = (event: DragEvent): void => {
      if (carriesFile(event)) setDepth(depth - 1);
    };
    const onOver = (event: DragEvent): void => {
      if (!carriesFile(event)) return;
      event.preventDefault(); // otherwise the browser opens the file
      if (isDialogOpen() && event.dataTransfer !== null) event.dataTransfer.dropEffect = 'none';
    };
    const onDrop = (event: DragEvent): void => {
      setDepth(0);
      if (!carriesFile(event)) return;
      event.preventDefault();
      if (isDialogOpen()) return;
      void store.getState().chooseImageOf([...(event.dataTransfer?.files ?? [])], 'What was dropped');
    };
    const onPaste = (event: ClipboardEvent): void => {
      if (isDialogOpen()) return;
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0) return; // text: the question box takes it
      if (isTextField(event.target) && event.clipboardData?.types.includes('text/plain') === true) return; // cells and words bring a picture of themselves
      event.preventDefault();
      void store.getState().chooseImageOf(files, 'Pasted image');
    };
    addEventListener('dragenter', onEnter);
    addEventListener('dragleave', onLeave);
    addEventListener('dragover', onOver);
    addEventListener('drop', onDrop);
    addEventListener('paste', onPaste);
    return () => {
      removeEventListener('dragenter', onEnter);
      removeEventListener('dragleave', onLeave);
      removeEventListener('dragover', onOver);
      removeEventListener('drop', onDrop);
      removeEventListener('paste', onPaste);
    };
  }, [store]);
  return hovering;
}

function carriesFile(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') ?? false;
}

function isTextField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea');
}
