/** The current turn: its answer first, then how it came about, round by round. */
import type { ReactElement } from 'react';
import { toolWords } from '../store/turn-model.ts';
import { answerOf, isOver } from '../store/turn-state.ts';
import type { TurnView } from '../store/turn-state.ts';
import { formatSize, shorten } from './format.ts';
import { Rounds } from './rounds.tsx';
import { StageLine } from './stage-line.tsx';
import { useApp } from './store-context.ts';
import { TurnDetails } from './turn-details.tsx';

/** Longest part of a question that is shown: long texts are slow to lay out. */
const QUESTION_LENGTH = 400;

/** The region with the answer. */
export function Answer(): ReactElement {
  const turn = useApp((state) => state.turns.at(-1));
  return (
    <section className="card answer" aria-labelledby="answer-title">
      <div className="answer__head">
        <h2 id="answer-title" className="small-title">
          Answer
        </h2>
        {turn !== undefined && <p className="answer__question">{askedIn(turn, QUESTION_LENGTH)}</p>}
      </div>
      {turn === undefined ? (
        <p className="empty">The answer will appear here, with what the model saw and how it decided.</p>
      ) : (
        <CurrentTurn turn={turn} />
      )}
    </section>
  );
}

function CurrentTurn({ turn }: { turn: TurnView }): ReactElement {
  const answer = answerOf(turn);
  const over = isOver(turn);
  const note = noteOf(turn);
  const hasImage = useApp((state) => state.image !== null);
  return (
    <>
      <div aria-live="polite" aria-atomic="true" aria-busy={!over}>
        {answer !== '' && (
          <p className="answer__text" data-streaming={!over} {...(over ? { 'data-testid': 'answer-text' } : {})}>
            {answer}
          </p>
        )}
        {note !== null && <p className="answer__note">{note}</p>}
      </div>
      {turn.error !== null && (
        <p className="message message--error" role="alert">
          <span>
            <strong>No answer.</strong> {turn.error.message}{' '}
            {hasImage ? 'The image and the question are kept.' : 'The question is kept.'}
          </span>
        </p>
      )}
      {!over && <StageLine turn={turn} />}
      <Rounds turn={turn} />
      {turn.result !== null && <TurnDetails result={turn.result} />}
    </>
  );
}

/** The question, cut to a length, and the region it was about. */
export function askedIn({ question, part }: TurnView, length: number): string {
  return `${shorten(question, length)}${part === null ? '' : ` · region ${formatSize(part.region)}`}`;
}

/** A note on how the turn ended, unless it ended normally. */
export function noteOf(turn: TurnView): string | null {
  const { status, result, settings } = turn;
  const isEmpty = answerOf(turn) === '';
  if (status === 'skipped') return 'Stopped before it started.';
  switch (result?.finishReason) {
    case 'stopped':
      return isEmpty ? 'Stopped before there was an answer.' : 'Stopped; the answer may be incomplete.';
    case 'length':
      return `Stopped at the ${settings.maxNewTokens}-token limit or the end of the context. Settings can raise the limit.`;
    case 'toolCallRefused': {
      const reason = result.rounds.at(-1)?.toolCall?.error;
      const { asksFor } = toolWords(turn.model);
      return `The model asked for ${asksFor} where that is not allowed${reason === undefined ? '.' : `: ${reason}`}`;
    }
    case 'stop':
      return isEmpty ? 'The model ended without an answer.' : null;
    default:
      return null;
  }
}
