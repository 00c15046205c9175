/** The same question in all three modes, as a table that fills row by row. */
import type { ReactElement } from 'react';
import { modeOf } from '../store/settings-form.ts';
import { answerOf } from '../store/turn-state.ts';
import type { TurnView } from '../store/turn-state.ts';
import { noteOf } from './answer.tsx';
import { formatMs, formatRatio, shorten } from './format.ts';
import { describe } from './stage-line.tsx';
import { useApp } from './store-context.ts';

const MODE_NAMES = { smart: 'Smart', half: 'Half', full: 'Full', custom: 'Custom' };
const QUESTION_LENGTH = 160;

/** The comparison; nothing before the first one was asked for. */
export function Comparison(): ReactElement | null {
  const rows = useApp((state) => state.comparison);
  if (rows === null) return null;
  const question = shorten(rows[0]?.question ?? '', QUESTION_LENGTH);
  return (
    <div className="card comparison">
      <table className="comparison__table" aria-labelledby="comparison-title">
        <caption>
          <span id="comparison-title" className="small-title">
            Comparison
          </span>
          <span className="comparison__question">{question}</span>
        </caption>
        <thead>
          <tr>
            <th scope="col">Mode</th>
            <th scope="col">Answer</th>
            <th scope="col">Rounds</th>
            <th scope="col">Visual tokens</th>
            <th scope="col">Ratio</th>
            <th scope="col">Time to first token</th>
            <th scope="col">Total time</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((turn) => (
            <Row key={turn.id} turn={turn} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ turn }: { turn: TurnView }): ReactElement {
  const { result } = turn;
  return (
    <tr data-status={turn.status}>
      <th scope="row">{MODE_NAMES[modeOf(turn.settings)]}</th>
      <td data-label="Answer" className="comparison__answer">
        <AnswerCell turn={turn} />
      </td>
      <td data-label="Rounds">{result === null ? '–' : result.rounds.length}</td>
      <td data-label="Visual tokens">{result === null ? '–' : result.visualTokens.used}</td>
      <td data-label="Ratio">{result === null ? '–' : formatRatio(result.visualTokens.ratio)}</td>
      <td data-label="Time to first token">{result?.ttftMs == null ? '–' : formatMs(result.ttftMs)}</td>
      <td data-label="Total time">{result === null ? '–' : formatMs(result.totalMs)}</td>
    </tr>
  );
}

function AnswerCell({ turn }: { turn: TurnView }): ReactElement {
  const note = noteOf(turn);
  if (turn.status === 'queued') return <span className="caption">Waiting</span>;
  if (turn.status === 'running') return <span className="caption">{describe(turn.stage)}…</span>;
  if (turn.error !== null) return <span className="field__error">{turn.error.message}</span>;
  return (
    <>
      {answerOf(turn)}
      {note !== null && <span className="caption comparison__note"> {note}</span>}
    </>
  );
}
