/** The bundled examples: a thumbnail takes the image and its first question. */
import type { ReactElement } from 'react';
import { EXAMPLES_FOLDER } from '../store/examples-slice.ts';
import { useApp } from './store-context.ts';

/** The examples' grid; nothing while there are none. */
export function Examples(): ReactElement | null {
  const examples = useApp((state) => state.examples);
  const chooseExample = useApp((state) => state.chooseExample);
  const current = useApp((state) => state.image?.name);
  if (examples.length === 0) return null;
  const chosen = examples.find((example) => example.title === current);
  return (
    <section className="examples" aria-labelledby="examples-title">
      <h2 id="examples-title" className="small-title">
        Examples
      </h2>
      <ul className="examples__grid">
        {examples.map((example) => (
          <li key={example.file}>
            <button
              type="button"
              className="example"
              aria-pressed={example === chosen}
              onClick={() => void chooseExample(example)}
            >
              <img src={EXAMPLES_FOLDER + example.file} alt="" width={448} height={336} loading="lazy" />
              <span>{example.title}</span>
            </button>
          </li>
        ))}
      </ul>
      <p className="caption examples__note">{chosen?.note ?? 'Some need the full image, some do not.'}</p>
    </section>
  );
}
