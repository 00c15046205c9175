/** The project's mark: the whole image, and the quarter that is looked at first. */
import type { ReactElement } from 'react';

/** The mark, without a name for screen readers: words stand beside it. */
export function Mark(): ReactElement {
  return (
    <svg className="header__mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect className="header__mark-full" x="2" y="2" width="28" height="28" rx="7" />
      <rect className="header__mark-half" x="2" y="16" width="14" height="14" rx="5" />
    </svg>
  );
}
