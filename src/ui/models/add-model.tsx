/** The sources of another model: VisionThink's own two, any repository of a hub, this device, a URL. */
import { type ReactElement, type SyntheticEvent, useId, useRef, useState } from 'react';
import { HUB_ENDPOINT } from '../../shared/hub-page.ts';
import { hubOriginOf, urlOriginOf } from '../../store/typed-origin.ts';
import { FolderButton } from './folder-button.tsx';
import { useModels } from './models-context.ts';

const FAMOUS = [
  {
    id: 'Senqiao/VisionThink-Efficient',
    text: 'Looks at half resolution first and asks for the full image when it has to. 7 B parameters.',
  },
  {
    id: 'Senqiao/VisionThink-General',
    text: 'Reasons about the full image in one round, for questions of every kind. 7 B parameters.',
  },
];

/** The ways to add a model; each leads to what adding it would mean. */
export function AddModel(): ReactElement {
  return (
    <div className="add">
      <FamousModels />
      <HubForm />
      <div className="add__pair">
        <FolderForm />
        <UrlForm />
      </div>
    </div>
  );
}

function FamousModels(): ReactElement {
  const consider = useModels((state) => state.consider);
  const endpoint = useModels((state) => state.endpoint);
  return (
    <ul className="add__famous">
      {FAMOUS.map(({ id, text }) => (
        <li key={id}>
          <button
            type="button"
            className="famous"
            onClick={() => void consider({ kind: 'hub', id, ...(endpoint === null ? {} : { endpoint }) })}
          >
            <strong>{id.split('/')[1]}</strong>
            <span className="caption">{text} See what it takes before anything is downloaded.</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Attributes of fields for names and addresses: no autocorrection. */
const AS_TYPED = { autoComplete: 'off', autoCapitalize: 'none', spellCheck: false } as const;

/** A field to find a model with, and the button to check it. */
function LookField(props: {
  readonly label: string;
  readonly placeholder: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly inputMode?: 'url';
  readonly caption?: string;
}): ReactElement {
  return (
    <label className="field">
      <span className="field__label">{props.label}</span>
      <span className="field__row">
        <input
          className="field__input"
          value={props.text}
          placeholder={props.placeholder}
          inputMode={props.inputMode}
          {...AS_TYPED}
          onChange={(event) => props.onChange(event.target.value)}
        />
        <button type="submit" className="button" disabled={props.text.trim() === ''}>
          Check
        </button>
      </span>
      {props.caption === undefined ? null : <span className="caption">{props.caption}</span>}
    </label>
  );
}

function HubForm(): ReactElement {
  const consider = useModels((state) => state.consider);
  const form = useModels((state) => state.form);
  const fillIn = useModels((state) => state.fillIn);
  const [isOpenAtFirst] = useState(form.revision !== '' || form.mirror !== '');
  const [wasRefused, setWasRefused] = useState(false);
  const disclosure = useRef<HTMLDetailsElement>(null);
  const mirror = useRef<HTMLInputElement>(null);
  const errorId = useId();
  const origin = hubOriginOf(form);
  const isRefused = wasRefused && origin === null;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (origin !== null) return void consider(origin);
    setWasRefused(true);
    if (disclosure.current !== null) disclosure.current.open = true; // what cannot be seen cannot have the focus
    mirror.current?.focus();
  };
  return (
    <form className="add__form" onSubmit={submit}>
      <LookField
        label="Any supported model on Hugging Face"
        placeholder="owner/name"
        text={form.id}
        onChange={(id) => fillIn({ id })}
      />
      <details ref={disclosure} className="disclosure" open={isOpenAtFirst}>
        <summary>Revision, mirror</summary>
        <div className="add__pair">
          <label className="field">
            <span className="field__label">Revision</span>
            <input
              className="field__input"
              value={form.revision}
              placeholder="main"
              {...AS_TYPED}
              onChange={(event) => fillIn({ revision: event.target.value })}
            />
          </label>
          <div className="field">
            <label className="field">
              <span className="field__label">Mirror</span>
              <input
                ref={mirror}
                className="field__input"
                inputMode="url"
                value={form.mirror}
                placeholder={HUB_ENDPOINT}
                {...AS_TYPED}
                aria-invalid={isRefused}
                aria-describedby={isRefused ? errorId : undefined}
                onChange={(event) => fillIn({ mirror: event.target.value })}
              />
            </label>
            {isRefused && (
              <p id={errorId} role="alert" className="caption field__error">
                “{form.mirror.trim()}” is not a valid URL. Enter one like {HUB_ENDPOINT}, or leave it empty.
              </p>
            )}
          </div>
        </div>
      </details>
    </form>
  );
}

function FolderForm(): ReactElement {
  const consider = useModels((state) => state.consider);
  return (
    <div className="field">
      <span className="field__label">Folder on this device</span>
      <FolderButton onFolder={({ name, files }) => void consider({ kind: 'files', name, files })}>
        Choose a folder
      </FolderButton>
      <span className="caption">A checkpoint as Hugging Face saves it, or a converted model.</span>
    </div>
  );
}

function UrlForm(): ReactElement {
  const consider = useModels((state) => state.consider);
  const form = useModels((state) => state.form);
  const fillIn = useModels((state) => state.fillIn);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    void consider(urlOriginOf(form));
  };
  return (
    <form onSubmit={submit}>
      <LookField
        label="A converted model’s address"
        placeholder="https://example.org/models/name/"
        text={form.url}
        onChange={(url) => fillIn({ url })}
        inputMode="url"
        caption="A folder with a manifest.json, on a server that lets this page read it."
      />
    </form>
  );
}
