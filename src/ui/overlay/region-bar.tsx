/** The row below the picture: selects and clears a region, says how it is asked about, and has its numbers as fields. */
import { type ReactElement, useEffect, useRef, useState } from 'react';
import type { PixelRegion } from '../../shared/image-request.ts';
import { useApp } from '../store-context.ts';
import { clearRegion, REGION_BUTTON } from './clear-region.ts';
import { middleOf, numberLimits, type Size, withNumber } from './region-geometry.ts';

const FIELDS: readonly (readonly [name: keyof PixelRegion, label: string])[] = [
  ['left', 'Left'],
  ['top', 'Top'],
  ['width', 'Width'],
  ['height', 'Height'],
];

/** How a region is asked about. */
const CHOICES: readonly (readonly [besideWhole: boolean, label: string])[] = [
  [false, 'Region only'],
  [true, 'Region and whole picture'],
];

/** The row. `picture`: its size in pixels. */
export function RegionBar({ picture }: { picture: Size }): ReactElement {
  const region = useApp((state) => state.region);
  const setRegion = useApp((state) => state.setRegion);
  const isFresh = useRef(false);
  useEffect(() => {
    if (isFresh.current && region !== null) document.getElementById('region')?.focus({ preventScroll: true });
    isFresh.current = false;
  }, [region]);
  return (
    <div className="region-bar">
      <div className="region-bar__row">
        <button id={REGION_BUTTON} type="button" className="chip" onClick={toggle}>
          {region === null ? 'Select a region' : 'Clear region'}
        </button>
        {region === null && <span className="caption region-bar__hint">or drag on the picture</span>}
        {region !== null && <Numbers region={region} picture={picture} />}
      </div>
      {region !== null && <Choice />}
    </div>
  );

  function toggle(): void {
    isFresh.current = region === null;
    if (region === null) setRegion(middleOf(picture));
    else clearRegion(setRegion);
  }
}

function Choice(): ReactElement {
  const besideWhole = useApp((state) => state.besideWhole);
  const setBesideWhole = useApp((state) => state.setBesideWhole);
  return (
    <div className="segmented region-bar__choice" role="radiogroup" aria-label="What the model is shown">
      {CHOICES.map(([value, label]) => (
        <label key={label} className="segmented__item">
          <input
            type="radio"
            name="beside-whole"
            checked={besideWhole === value}
            onChange={() => setBesideWhole(value)}
          />
          <span>{label}</span>
        </label>
      ))}
    </div>
  );
}

function Numbers({ region, picture }: { region: PixelRegion; picture: Size }): ReactElement {
  return (
    <details className="disclosure region-bar__place">
      <summary>{`${region.width} × ${region.height} at ${region.left}, ${region.top}`}</summary>
      <div className="region-bar__numbers" role="group" aria-label="Region in pixels">
        {FIELDS.map(([name, label]) => (
          <NumberField key={name} name={name} label={label} region={region} picture={picture} />
        ))}
      </div>
    </details>
  );
}

function NumberField(props: {
  readonly name: keyof PixelRegion;
  readonly label: string;
  readonly region: PixelRegion;
  readonly picture: Size;
}): ReactElement {
  const { name, label, region, picture } = props;
  const setRegion = useApp((state) => state.setRegion);
  /** What is being typed, which may not be a number yet. */
  const [typed, setTyped] = useState<string | null>(null);
  const { least, most } = numberLimits(region, name, picture);
  return (
    <label className="region-bar__field">
      <span>{label}</span>
      <input
        type="number"
        className="field__input"
        min={least}
        max={most}
        value={typed ?? region[name]}
        onChange={(event) => {
          const { value, valueAsNumber } = event.target;
          setTyped(value);
          if (Number.isFinite(valueAsNumber)) setRegion(withNumber(region, name, valueAsNumber, picture));
        }}
        onBlur={() => setTyped(null)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.preventDefault();
          clearRegion(setRegion);
        }}
      />
    </label>
  );
}
