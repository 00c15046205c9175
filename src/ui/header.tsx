/** The wordmark, one sentence of what this is, and the two things that concern the page itself. */
import type { ReactElement } from 'react';
import { KeyboardHelp } from './keyboard-help.tsx';
import { ThemeToggle } from './theme-toggle.tsx';

/** The page's header. */
export function Header(): ReactElement {
  return (
    <header className="header">
      <svg className="header__mark" viewBox="0 0 32 32" aria-hidden="true">
        <rect className="header__mark-full" x="2" y="2" width="28" height="28" rx="7" />
        <rect className="header__mark-half" x="2" y="16" width="14" height="14" rx="5" />
      </svg>
      <div className="header__words">
        <h1 className="header__name">VisionThink</h1>
        <p className="header__claim">
          Looks at a quarter of the image first, and asks for the rest only when it has to.
        </p>
      </div>
      <div className="header__tools">
        <KeyboardHelp />
        <ThemeToggle />
      </div>
    </header>
  );
}
