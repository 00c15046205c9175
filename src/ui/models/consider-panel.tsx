/** The cost of adding a model, shown before the first byte: download, disk, time, graphics card, storage; and advice if it does not fit. */
import type { ReactElement, ReactNode } from 'react';
import type { Finding, ModelChoice, ModelSurvey } from '../../protocol/library-api.ts';
import type { Considered } from '../../store/models-state.ts';
import { formatBytes, formatDuration, formatParameters, formatSpeed } from '../format.ts';
import { useModels } from './models-context.ts';

/** Rates to guess with before any was measured here: a usual connection, and the converter on a usual machine. Bytes a second. */
const GUESSED = { download: 20e6, local: 120e6 };

const DTYPES: Record<string, string> = {
  q4f16: '4 bits: the usual choice',
  q4: '4 bits, for graphics cards without 16-bit arithmetic',
  q8: '8 bits: closer to the original',
  fp16: '16 bits: the original, as good as unchanged',
  fp32: '32 bits: for comparisons',
};

const PROMPTS: Record<ModelSurvey['prompts'], string> = {
  efficient: 'Two rounds: half resolution first, the full image when the model asks for it.',
  general: 'One round with the full image; the model reasons before it answers.',
  chat: 'One round with the full image, as an ordinary chat: it has no tool.',
  adaptvision: 'Two rounds: half resolution first, a region of the full image when the model asks for it.',
  awares: 'Two rounds: half resolution first, parts of the full image when the model asks for them.',
  deepeyes: 'Several rounds: the full image first, then regions of it as often as the model asks.',
  'mini-o3': 'Many rounds: the full image first, then regions of it and of earlier regions.',
  vigorl: 'Several rounds: the full image first, then the surroundings of points, enlarged.',
  'qwen-zoom': 'Several rounds: the full image first, then regions of any image shown.',
  own: 'With the prompts the model brings.',
};

/** The panel for a model that is being considered. */
export function ConsiderPanel({ considered }: { considered: Considered }): ReactElement {
  const forget = useModels((state) => state.forget);
  const consider = useModels((state) => state.consider);
  if (considered.status === 'ready') return <Survey considered={considered} />;
  if (considered.status === 'looking') {
    return (
      <div className="consider">
        <p role="status">Looking at its list of files and its settings…</p>
        <progress className="bar" aria-label="Looking" />
        <div className="consider__actions">
          <button type="button" className="button" onClick={forget}>
            Back
          </button>
        </div>
      </div>
    );
  }
  const { error, origin } = considered;
  return (
    <div className="consider">
      <p role="alert" className="message message--error">
        <span>
          <strong>This model cannot be added.</strong> {error.message}
        </span>
      </p>
      <div className="consider__actions">
        <button type="button" className="button" onClick={forget}>
          Back
        </button>
        <button type="button" className="button" onClick={() => void consider(origin)}>
          Try again
        </button>
      </div>
    </div>
  );
}

function Survey({ considered }: { considered: Considered & { status: 'ready' } }): ReactElement {
  const { survey, dtype, trial } = considered;
  const forget = useModels((state) => state.forget);
  const add = useModels((state) => state.add);
  const isWorking = useModels((state) => state.job !== null);
  const choice = survey.choices.find((each) => each.dtype === dtype);
  const known = useModels((state) => state.library?.models.find(({ key }) => key === choice?.key));
  const isThere = known?.state.kind === 'ready';
  const isImpossible = choice === undefined || choice.storage.verdict === 'no';
  const verdict = trial === 'running' ? 'yes' : (trial?.verdict ?? choice?.machine.verdict);
  return (
    <div className="consider">
      {survey.choices.length > 1 && <DtypeChoice considered={considered} />}
      {choice !== undefined && <Facts survey={survey} choice={choice} trial={trial} />}
      <div className="consider__actions">
        <button type="button" className="button" onClick={forget}>
          Back
        </button>
        <button
          type="button"
          className={verdict === 'no' ? 'button' : 'button button--primary'}
          disabled={isImpossible || isWorking || isThere}
          onClick={() => void add()}
        >
          {nameOfAction(survey, known?.state.kind === 'partial')}
          {verdict === 'no' && ' anyway'}
        </button>
        <p className="caption consider__hint">
          {isThere
            ? 'This model is on this device already; see above.'
            : isWorking
              ? 'Another model is being worked on: wait until it is done, or pause it.'
              : 'It can be paused at any time, and resumes after a reload or a crash.'}
        </p>
      </div>
    </div>
  );
}

function nameOfAction({ downloadBytes, kind }: ModelSurvey, isStarted: boolean): string {
  if (isStarted) return 'Resume';
  if (kind === 'modelFolder') return downloadBytes > 0 ? 'Download' : 'Copy';
  return downloadBytes > 0 ? 'Download and convert' : 'Convert';
}

function DtypeChoice({ considered }: { considered: Considered & { status: 'ready' } }): ReactElement {
  const choose = useModels((state) => state.chooseDtype);
  const { survey, dtype } = considered;
  return (
    <fieldset className="dtypes">
      <legend className="field__label">Stored with</legend>
      {survey.choices.map((choice) => (
        <label key={choice.dtype} className="dtypes__item">
          <input type="radio" name="dtype" checked={choice.dtype === dtype} onChange={() => choose(choice.dtype)} />
          <span className="dtypes__name">{choice.dtype}</span>
          <span className="caption dtypes__words">{DTYPES[choice.dtype] ?? ''}</span>
          <span className="dtypes__size">{formatBytes(choice.folderBytes)}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Facts(props: {
  readonly survey: ModelSurvey;
  readonly choice: ModelChoice;
  readonly trial: Finding | 'running' | null;
}): ReactElement {
  const { survey, choice, trial } = props;
  const { origin, downloadBytes, readBytes, parameters, prompts } = survey;
  const where =
    origin.kind === 'hub' ? new URL(origin.endpoint).host : origin.kind === 'url' ? new URL(origin.url).host : '';
  const tryAgain = useModels((state) => state.tryAgain);
  return (
    <dl className="consider__facts">
      <Fact name="Download">
        {downloadBytes === 0
          ? `Nothing: ${formatBytes(readBytes)} are read from this device.`
          : `${formatBytes(downloadBytes)} from ${where}.`}
      </Fact>
      <Fact name="Stays here">
        {formatBytes(choice.folderBytes)}, {formatParameters(parameters)} parameters.{' '}
        {downloadBytes > 0 && survey.kind === 'checkpoint' && 'The download itself is not kept.'}
      </Fact>
      <Fact name="Time">
        <Time survey={survey} />
      </Fact>
      <Fact name="Graphics" finding={typeof trial === 'object' && trial !== null ? trial : choice.machine}>
        {formatBytes(choice.gpuBytes)} with a cache for 4,096 tokens.{' '}
        {trial === 'running' ? 'Trying whether the graphics card holds them…' : null}{' '}
        {trial !== null && trial !== 'running' ? trial.text : choice.machine.text}
        {trial !== null && trial !== 'running' && trial.verdict === 'no' && (
          <button type="button" className="quiet-button" onClick={tryAgain}>
            Try the card again
          </button>
        )}
      </Fact>
      <Fact name="Storage" finding={choice.storage}>
        {choice.storage.text}
      </Fact>
      <Fact name="Prompting">{PROMPTS[prompts]}</Fact>
      {origin.kind === 'hub' && (
        <Fact name="Revision">
          {origin.id} at commit {origin.commit.slice(0, 10)}
        </Fact>
      )}
    </dl>
  );
}

function Fact(props: {
  readonly name: string;
  readonly finding?: Finding;
  readonly children: ReactNode;
}): ReactElement {
  const { name, finding, children } = props;
  return (
    <div data-verdict={finding?.verdict ?? 'none'}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Time({ survey }: { survey: ModelSurvey }): ReactElement {
  const measured = useModels((state) => state.measured);
  const which = survey.downloadBytes > 0 ? 'download' : 'local';
  const rate = measured[which] ?? GUESSED[which];
  const basis = measured[which] === null ? 'a guess until it has started' : 'as fast as the last one here';
  return (
    <>
      About {formatDuration(survey.readBytes / rate)} at {formatSpeed(rate)}, {basis}.
    </>
  );
}
