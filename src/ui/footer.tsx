/** The footer: privacy, and the model's abilities and limits. */
import type { ReactElement } from 'react';
import { useApp } from './store-context.ts';

/** The page's footer. */
export function Footer(): ReactElement {
  const isBundled = useApp((state) => state.selection.kind === 'bundled');
  const name = useApp(({ engine }) => (engine.status === 'ready' ? engine.info.model.name : 'This'));
  return (
    <footer className="footer">
      <p>
        <strong>Private by design.</strong> The model runs in this tab. Images and questions never leave it.
      </p>
      <p>
        <strong>What the model is.</strong>{' '}
        {isBundled
          ? `visionthink-nano has 18 M parameters and was trained only on synthetic drawings: shapes, objects, words, charts, tables and
             signs. It reads and counts in pictures like those; it cannot describe photographs or hold a conversation.`
          : `${name} is a model you have chosen yourself. What it can do, and what it cannot, is for its makers to say.`}
      </p>
      <p>
        <a className="link" href="./bench.html">
          Benchmark this device
        </a>
      </p>
    </footer>
  );
}
