/** What this page does with your data, and what its model can and cannot do. */
import type { ReactElement } from 'react';
import { useApp } from './store-context.ts';

/** The page's footer. */
export function Footer(): ReactElement {
  const isBundled = useApp((state) => state.selection.kind === 'bundled');
  return (
    <footer className="footer">
      <p>
        <strong>Private by construction.</strong> The model runs in this tab. Images and questions never leave it.
      </p>
      <p>
        <strong>What the model is.</strong>{' '}
        {isBundled
          ? `visionthink-nano has 18 M parameters and learnt from drawn pictures only: shapes, objects, words, charts, tables and
             signs. It reads and counts in pictures like those; it cannot describe photographs or hold a conversation.`
          : `One you have chosen yourself: what it can do, its makers know. It lies on this device or where you have it from.`}
      </p>
      <p>
        <a className="link" href="./bench.html">
          How fast is it here?
        </a>
      </p>
    </footer>
  );
}
