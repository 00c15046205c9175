/** The turns before the current one, newest first, folded to question and answer. */
import type { ReactElement } from 'react';
import { answerOf, visualTokensOf } from '../store/turn-state.ts';
import type { TurnView } from '../store/turn-state.ts';
import { askedIn, noteOf } from './answer.tsx';
import { formatRatio } from './format.ts';
import { Rounds } from './rounds.tsx';
import { useApp } from './store-context.ts';
import { TurnDetails } from './turn-details.tsx';

const QUESTION_LENGTH = 160;

/** Earlier turns about the same image; nothing while there are none. */
export function History(): ReactElement | null {
  const turns = useApp((state) => state.turns);
  if (turns.length < 2) return null;
  const earlier = turns.slice(0, -1).toReversed();
  return (
    <section className="history" aria-labelledby="history-title">
      <h2 id="history-title" className="small-title">
        Asked before
      </h2>
      <ul className="history__list">
        {earlier.map((turn) => (
          <li key={turn.id}>
            <EarlierTurn turn={turn} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function EarlierTurn({ turn }: { turn: TurnView }): ReactElement {
  const tokens = visualTokensOf(turn, null);
  return (
    <details className="earlier">
      <summary>
        <span className="earlier__question">{askedIn(turn, QUESTION_LENGTH)}</span>
        <span className="earlier__answer">{answerOf(turn) || (turn.error === null ? noteOf(turn) : 'Failed')}</span>
        {tokens !== null && <span className="earlier__ratio">{formatRatio(tokens.ratio)}</span>}
      </summary>
      {turn.error !== null && <p className="caption field__error">{turn.error.message}</p>}
      <Rounds turn={turn} />
      {turn.result !== null && <TurnDetails result={turn.result} />}
    </details>
  );
}
