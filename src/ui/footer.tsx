/** What this page does with your data, and what its model can and cannot do. */
import type { ReactElement } from 'react';

/** The page's footer. */
export function Footer(): ReactElement {
  return (
    <footer className="footer">
      <p>
        <strong>Private by construction.</strong> The model runs in this tab. Images and questions never leave it.
      </p>
      <p>
        <strong>What the model is.</strong> visionthink-nano is a 13 M parameter demonstration model trained on
        synthetic 448 × 448 scenes of shapes, codes, signs, bar charts and price lists; it cannot describe photographs.
      </p>
    </footer>
  );
}
