/** The settings that are numbers, folded away. */
import type { ReactElement } from 'react';
import type { ToolInfo } from '../protocol/engine-api.ts';
import { fieldError } from '../store/settings-form.ts';
import type { NumberFieldName } from '../store/settings-form.ts';
import { useApp } from './store-context.ts';

const NO_TOOLS: readonly ToolInfo[] = [];

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
        <ToolField />
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

/** Which tool a question offers. */
function ToolField(): ReactElement {
  const name = useApp((state) => state.form.toolName);
  const setTool = useApp((state) => state.setTool);
  const tools = useApp((state) => (state.engine.status === 'ready' ? state.engine.info.model.tools : NO_TOOLS));
  const own = useApp((state) =>
    state.engine.status === 'ready' ? (state.engine.info.model.tool?.name ?? null) : null,
  );
  const known = tools.map((tool) => tool.name);
  // A link may name a tool before the model is loaded.
  const names = name === '' || known.includes(name) ? known : [...known, name];
  return (
    <div className="field">
      <label className="field__label" htmlFor="tool-name">
        Tool
      </label>
      <span className="field__row">
        <select
          id="tool-name"
          className="field__input"
          value={name}
          aria-describedby="tool-name-note"
          onChange={(event) => setTool(event.target.value)}
        >
          <option value="">model’s own</option>
          {names.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </span>
      <p id="tool-name-note" className="caption">
        {name === '' || name === own
          ? 'How the model may look closer.'
          : 'An experiment: this model was not trained with this tool.'}
      </p>
    </div>
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
