/** Where another model may come from: VisionThink's own two, any repository of a hub, this device, an address. */
import { type ReactElement, type SyntheticEvent, useState } from 'react';
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
            onClick={() => void consider({ kind: 'hub', id, ...mirror(endpoint ?? '') }, id)}
          >
            <strong>{id.split('/')[1]}</strong>
            <span className="caption">{text} See what it takes before anything is downloaded.</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** What somebody writes to find a model, and the button to look at it. */
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
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          onChange={(event) => props.onChange(event.target.value)}
        />
        <button type="submit" className="button" disabled={props.text.trim() === ''}>
          Look
        </button>
      </span>
      {props.caption === undefined ? null : <span className="caption">{props.caption}</span>}
    </label>
  );
}

function HubForm(): ReactElement {
  const consider = useModels((state) => state.consider);
  const initial = useModels((state) => state.endpoint);
  const [text, setText] = useState('');
  const [revision, setRevision] = useState('');
  const [endpoint, setEndpoint] = useState(initial ?? '');
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const id = hubIdOf(text);
    const at = revision.trim() === '' ? {} : { revision: revision.trim() };
    if (id !== '') void consider({ kind: 'hub', id, ...at, ...mirror(endpoint) }, id);
  };
  return (
    <form className="add__form" onSubmit={submit}>
      <LookField
        label="Any Qwen2.5-VL model of huggingface.co"
        placeholder="owner/name"
        text={text}
        onChange={setText}
      />
      <details className="disclosure">
        <summary>Revision, mirror</summary>
        <div className="add__pair">
          <label className="field">
            <span className="field__label">Revision</span>
            <input
              className="field__input"
              value={revision}
              placeholder="main"
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setRevision(event.target.value)}
            />
          </label>
          <label className="field">
            <span className="field__label">Mirror</span>
            <input
              className="field__input"
              type="url"
              value={endpoint}
              placeholder="https://huggingface.co"
              autoComplete="off"
              onChange={(event) => setEndpoint(event.target.value)}
            />
          </label>
        </div>
      </details>
    </form>
  );
}

function FolderForm(): ReactElement {
  const consider = useModels((state) => state.consider);
  return (
    <div className="field">
      <span className="field__label">A folder of this device</span>
      <FolderButton onFolder={({ name, files }) => void consider({ kind: 'files', name, files }, name)}>
        Choose a folder
      </FolderButton>
      <span className="caption">A checkpoint as Hugging Face saves it, or a converted model.</span>
    </div>
  );
}

function UrlForm(): ReactElement {
  const consider = useModels((state) => state.consider);
  const [text, setText] = useState('');
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const url = text.trim();
    if (url !== '') void consider({ kind: 'url', url }, url);
  };
  return (
    <form onSubmit={submit}>
      <LookField
        label="A converted model’s address"
        placeholder="https://example.org/models/name/"
        text={text}
        onChange={setText}
        inputMode="url"
        caption="A folder with a manifest.json, on a server that lets this page read it."
      />
    </form>
  );
}

function mirror(endpoint: string): { endpoint?: string } {
  return endpoint.trim() === '' ? {} : { endpoint: endpoint.trim() };
}

/** `owner/name` out of what was typed, which may be a page's address. */
function hubIdOf(text: string): string {
  const trimmed = text.trim();
  const path = URL.canParse(trimmed) ? new URL(trimmed).pathname : trimmed;
  return path.split('/').filter(Boolean).slice(0, 2).join('/');
}
