/** Deletes a model, after asking once more. */
import { type ReactElement, useEffect, useRef, useState } from 'react';
import type { StoredModel } from '../../protocol/library-api.ts';
import { formatBytes } from '../format.ts';
import { useModels } from './models-context.ts';

/** A button that becomes a question. */
export function DeleteButton({ model, disabled }: { model: StoredModel; disabled: boolean }): ReactElement {
  const remove = useModels((state) => state.remove);
  const [isAsking, setIsAsking] = useState(false);
  const keep = useRef<HTMLButtonElement>(null);
  const ask = useRef<HTMLButtonElement>(null);
  const wasAsking = useRef(false);
  useEffect(() => {
    // The button that had the focus is gone.
    if (isAsking) keep.current?.focus();
    else if (wasAsking.current) ask.current?.focus();
    wasAsking.current = isAsking;
  }, [isAsking]);
  if (!isAsking) {
    return (
      <button ref={ask} type="button" className="quiet-button" disabled={disabled} onClick={() => setIsAsking(true)}>
        Delete
      </button>
    );
  }
  return (
    <span className="model__question" role="group" aria-label={`Delete ${model.name}?`}>
      <span className="caption">Delete {formatBytes(model.bytes)}?</span>
      <button ref={keep} type="button" className="button" onClick={() => setIsAsking(false)}>
        Keep
      </button>
      <button
        type="button"
        className="button button--danger"
        onClick={() => {
          setIsAsking(false);
          void remove(model);
        }}
      >
        Delete
      </button>
    </span>
  );
}
