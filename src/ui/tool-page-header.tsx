/** The header of a page beside the app: benchmark, kernels. */
import type { ReactElement } from 'react';
import { Mark } from './mark.tsx';

/** Name and purpose of the page, and the way back to the app. */
export function ToolPageHeader({ name, claim }: { readonly name: string; readonly claim: string }): ReactElement {
  return (
    <header className="header">
      <Mark />
      <div className="header__words">
        <h1 className="header__name">{name}</h1>
        <p className="header__claim">{claim}</p>
      </div>
      <div className="header__tools">
        <a className="link" href="./">
          Back to the app
        </a>
      </div>
    </header>
  );
}
