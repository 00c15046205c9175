/** Keeps the focus where it was while the controls there come and go. */
import { type RefObject, useEffect, useRef } from 'react';

/** Properties of an element that keeps the focus. */
export interface KeptFocus<Kind extends HTMLElement> {
  readonly ref: RefObject<Kind | null>;
  readonly tabIndex: -1;
  readonly onFocus: () => void;
  readonly onBlur: () => void;
}

/**
 * For an element whose component renders when its controls change: when the focused control disappears, moves the focus to
 * the control that `heir` selects, or else to the element.
 */
export function useRestoredFocus<Kind extends HTMLElement>(heir?: string): KeptFocus<Kind> {
  const ref = useRef<Kind>(null);
  const hasFocus = useRef(false); // stays true when a control goes: React reports no blur for what it removes
  useEffect(() => {
    if (!hasFocus.current || document.activeElement !== document.body) return;
    const next = heir === undefined ? null : ref.current?.querySelector<HTMLElement>(heir);
    (next ?? ref.current)?.focus();
  });
  return {
    ref,
    tabIndex: -1,
    onFocus: () => (hasFocus.current = true),
    onBlur: () => (hasFocus.current = false),
  };
}
