/** The settings that are numbers, folded away. */
import type { ReactElement } from 'react';
import { fieldError } from '../store/settings-form.ts';
import type { NumberFieldName } from '../store/settings-form.ts';
import { useApp } from './store-context.ts';

/** The disclosure with the number fields. */
export function SettingsPanel(): ReactElement {
  const budget = useApp((state) =>
    state.engine.status === 'ready' ? state.engine.info.model.defaultPixelBudget : undefined,
  );
  const own = typeof budget === 'number' ? `${budget.toLocaleString('en')} pixels` : 'no limit';
  return (
    <details className="disclosure settings">
      <summary>Settings</summary>
      <div className="fields">
        <NumberField field="pixelBudget" label="Pixel budget" unit="pixels" placeholder="model’s own">
          Larger images are scaled down to this area first. Empty: the model’s own ({own}).
        </NumberField>
        <NumberField field="maxNewTokens" label="Max new tokens" unit="tokens" placeholder="">
          How many tokens a round may write, where the context has room.
        </NumberField>
        <NumberField field="maxRounds" label="Max rounds" unit="rounds" placeholder="model’s own">
          How often the model may answer, calling its tool in between.
        </NumberField>
        <NumberField field="maxImages" label="Max images" unit="images" placeholder="model’s own">
          Images a question may show, those of tools included.
        </NumberField>
        <NumberField field="minPixels" label="Least pixels" unit="pixels" placeholder="none">
          Smaller images are scaled up to this area first.
        </NumberField>
        <NumberField field="temperature" label="Temperature" unit="" placeholder="">
          0 always gives the same answer; more lets it vary.
        </NumberField>
        <NumberField field="topP" label="Top p" unit="" placeholder="">
          At a temperature above 0: the share of probability that words are drawn from.
        </NumberField>
      </div>
    </details>
  );
}

function NumberField(props: {
  readonly field: NumberFieldName;
  readonly label: string;
  readonly unit: string;
  readonly placeholder: string;
  readonly children: React.ReactNode;
}): ReactElement {
  const { field, label, unit, placeholder, children } = props;
  const text = useApp((state) => state.form[field]);
  const error = useApp((state) => fieldError(state.form, field));
  const setField = useApp((state) => state.setField);
  const noteId = `${field}-note`;
  return (
    <div className="field">
      <label className="field__label" htmlFor={field}>
        {label}
      </label>
      <span className="field__row">
        <input
          id={field}
          className="field__input"
          inputMode="decimal"
          autoComplete="off"
          placeholder={placeholder}
          value={text}
          aria-invalid={error !== null}
          aria-describedby={noteId}
          onChange={(event) => setField(field, event.target.value)}
        />
        {unit !== '' && <span className="field__unit">{unit}</span>}
      </span>
      <p
        id={noteId}
        className={error === null ? 'caption' : 'caption field__error'}
        role={error === null ? undefined : 'alert'}
      >
        {error ?? children}
      </p>
    </div>
  );
}
