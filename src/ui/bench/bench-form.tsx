/** The benchmark's form: what to measure, with which model, how often; and the buttons that start and stop it. */
import { useState } from 'react';
import type { ReactElement } from 'react';
import { MEASUREMENTS } from '../../evaluation/measurements.ts';
import { type BenchPlan, modelFrom, modelName, presetTitles, SHARED_BACKENDS } from '../../evaluation/plan.ts';
import { Select } from '../select.tsx';
import { useBench } from './bench-context.ts';

const ENGINES = [
  ['ours', 'This app'],
  ['upstream', 'transformers.js'],
] as const;

/** The form. */
export function BenchForm(): ReactElement {
  const status = useBench((state) => state.status);
  const plan = useBench((state) => state.plan);
  const run = useBench((state) => state.run);
  const stop = useBench((state) => state.stop);
  const busy = status === 'running' || status === 'stopping';
  const lacking = plan.only.length === 0 || plan.engines.length === 0;
  return (
    <form
      className="card bench-form"
      aria-label="What to measure"
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
    >
      <fieldset className="bench-form__fields" disabled={busy}>
        <legend className="small-title">Setup</legend>
        <ModelField />
        <BackendField />
        <RepeatField />
      </fieldset>
      <Choices
        legend="Engines"
        disabled={busy}
        options={ENGINES}
        chosen={plan.engines}
        pick={(engines) => ({ engines: ENGINES.map(([name]) => name).filter((name) => engines.includes(name)) })}
      />
      <Choices
        legend="Measurements"
        disabled={busy}
        options={MEASUREMENTS.map(({ id, title, what }) => [id, title, what] as const)}
        chosen={plan.only}
        pick={(only) => ({ only })}
      />
      <div className="bench-form__actions">
        {busy ? (
          // Keys make these two elements: one that changed from "button" to "submit" while it is clicked would submit.
          <button key="stop" type="button" className="button" disabled={status === 'stopping'} onClick={stop}>
            Stop
          </button>
        ) : (
          <button key="run" type="submit" className="button button--primary" disabled={lacking}>
            Run
          </button>
        )}
        <Progress />
      </div>
    </form>
  );
}

function ModelField(): ReactElement {
  const model = useBench((state) => state.plan.model);
  const change = useBench((state) => state.change);
  const name = model.kind === 'url' ? 'url' : modelName(model);
  const options = [
    ['bundled', 'visionthink-nano, bundled'],
    ...presetTitles(name),
    ['url', 'A model folder by its URL'],
  ] as const;
  return (
    <>
      <Select
        label="Model"
        value={name}
        options={options}
        onChange={(value) => change({ model: value === 'url' ? { kind: 'url', url: '' } : modelFrom(value) })}
      />
      {model.kind === 'url' && (
        <div className="field">
          <label className="field__label" htmlFor="url">
            URL of the folder
          </label>
          <input
            id="url"
            className="field__input"
            type="text"
            inputMode="url"
            required
            placeholder="models/my-model/"
            value={model.url}
            onChange={(event) => change({ model: { kind: 'url', url: event.target.value } })}
          />
        </div>
      )}
    </>
  );
}

function BackendField(): ReactElement {
  const backend = useBench((state) => state.plan.backend);
  const change = useBench((state) => state.change);
  const isListed = SHARED_BACKENDS.some(([id]) => id === backend);
  const options = isListed ? SHARED_BACKENDS : [...SHARED_BACKENDS, [backend, backend] as const];
  return (
    <Select label="Backend" value={backend} options={options} onChange={(chosen) => change({ backend: chosen })} />
  );
}

/** A number field: the plan takes valid numbers only, and the form cannot be submitted while the field is invalid. */
function RepeatField(): ReactElement {
  const repeat = useBench((state) => state.plan.repeat);
  const change = useBench((state) => state.change);
  const [text, setText] = useState(String(repeat));
  return (
    <div className="field">
      <label className="field__label" htmlFor="repeat">
        Repetitions
      </label>
      <input
        id="repeat"
        className="field__input"
        type="number"
        min={1}
        max={99}
        required
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          if (target.validity.valid) change({ repeat: target.valueAsNumber });
        }}
      />
    </div>
  );
}

function Choices(props: {
  readonly legend: string;
  readonly disabled: boolean;
  readonly options: readonly (readonly [value: string, label: string, note?: string])[];
  readonly chosen: readonly string[];
  readonly pick: (chosen: readonly string[]) => Partial<BenchPlan>;
}): ReactElement {
  const { legend, disabled, options, chosen, pick } = props;
  const change = useBench((state) => state.change);
  const toggle = (value: string): void => {
    const isChosen = (name: string): boolean => chosen.includes(name) !== (name === value);
    change(pick(options.map(([name]) => name).filter(isChosen)));
  };
  return (
    <fieldset className="bench-form__choices" disabled={disabled}>
      <legend className="small-title">{legend}</legend>
      {options.map(([value, label, note]) => (
        <label key={value} className="bench-form__choice">
          <input type="checkbox" checked={chosen.includes(value)} onChange={() => toggle(value)} />
          <span>
            {label}
            {note !== undefined && <span className="caption bench-form__note">{note}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function Progress(): ReactElement | null {
  const status = useBench((state) => state.status);
  const progress = useBench((state) => state.progress);
  if (status !== 'running' && status !== 'stopping') return null;
  return (
    <div className="bench-form__progress">
      <progress className="bar" aria-label="Measurements done" max={progress?.total ?? 1} value={progress?.done ?? 0} />
      <p className="caption" role="status">
        {progress?.text ?? 'starting'}…
      </p>
    </div>
  );
}
