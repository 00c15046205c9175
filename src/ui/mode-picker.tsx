/** Smart, half or full: shorthands for the two switches. */
import type { ReactElement, ReactNode } from 'react';
import type { ToolWords } from '../protocol/engine-api.ts';
import type { Mode } from '../protocol/turn.ts';
import { modeOf, modesOf, type SwitchName } from '../store/settings-form.ts';
import { toolWords, turnModel } from '../store/turn-model.ts';
import { useApp } from './store-context.ts';

const NAMES: Record<Mode, string> = { smart: 'Smart', half: 'Half', full: 'Full' };

/** What a mode does. */
function effectOf(mode: Mode | 'custom', { asksFor, asksAgainFor, opensFull = false }: ToolWords): string {
  switch (mode) {
    case 'smart':
      return `${opensFull ? 'Full' : 'Half'} resolution first; the model may ask for ${asksFor}.`;
    case 'half':
      return 'Half resolution only: about a quarter of the tokens.';
    case 'full':
      return 'Full resolution at once: always all the tokens.';
    case 'custom':
      return `Full resolution at once, and the model may ask for ${asksAgainFor}.`;
    default:
      return mode satisfies never;
  }
}

/** What every mode does with a region alone. */
function regionEffect(offersTool: boolean, { asksFor }: ToolWords): string {
  return `The region at its own resolution${offersTool ? `; the model may ask for ${asksFor}` : ''}.`;
}

/** The modes as one row of choices, the switches they set, and a description. `children` follow the description. */
export function ModePicker({ children }: { children: ReactNode }): ReactElement {
  const mode = useApp((state) => modeOf(state.form));
  const setMode = useApp((state) => state.setMode);
  const remembers = useApp((state) => state.form.memory);
  const isRegionAlone = useApp(({ region, besideWhole }) => region !== null && !besideWhole);
  const offersTool = useApp((state) => state.form.tool);
  const model = useApp(turnModel);
  const { tool } = model;
  return (
    <div className="modes">
      <div className="modes__row">
        <div className="segmented" role="radiogroup" aria-label="Mode">
          {modesOf(model).map((value) => (
            <label key={value} className="segmented__item">
              <input type="radio" name="mode" checked={mode === value} onChange={() => setMode(value)} />
              <span>{NAMES[value]}</span>
            </label>
          ))}
        </div>
        <Switch field="downsample" label="Start at half resolution" />
        {tool !== null && <Switch field="tool" label={`Allow ${tool.label}`} />}
        <Switch field="memory" label="Remember earlier questions" />
        {remembers && <Switch field="dropOldestImages" label="Leave out old pictures when full" />}
      </div>
      <div className="modes__row">
        <p className="caption modes__effect">
          {mode === 'custom' && <strong>Custom. </strong>}
          {isRegionAlone ? regionEffect(offersTool, toolWords(model)) : effectOf(mode, toolWords(model))}{' '}
          {tool === null && 'This model has no tool, so it answers in one round.'}
        </p>
        {children}
      </div>
    </div>
  );
}

function Switch({ field, label }: { field: SwitchName; label: string }): ReactElement {
  const on = useApp((state) => state.form[field]);
  const setSwitch = useApp((state) => state.setSwitch);
  return (
    <label className="switch">
      <input type="checkbox" role="switch" checked={on} onChange={(event) => setSwitch(field, event.target.checked)} />
      <span>{label}</span>
    </label>
  );
}
