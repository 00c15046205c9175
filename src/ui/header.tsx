/** The wordmark, a one-sentence description, and the page's own controls. */
import type { ReactElement } from 'react';
import { KeyboardHelp } from './keyboard-help.tsx';
import { Mark } from './mark.tsx';
import { ModelsButton } from './models-button.tsx';
import { ThemeToggle } from './theme-toggle.tsx';

/** The page's header. */
export function Header(): ReactElement {
  return (
    <header className="header">
      <Mark />
      <div className="header__words">
        <h1 className="header__name">VisionThink</h1>
        <p className="header__claim">Looks at a small version first. Asks for full detail only if it needs it.</p>
      </div>
      <div className="header__tools">
        <ModelsButton />
        <KeyboardHelp />
        <ThemeToggle />
      </div>
    </header>
  );
}
