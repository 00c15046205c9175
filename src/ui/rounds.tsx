/** The rounds side by side: the model's image, thinking and action in each. */
import type { ReactElement } from 'react';
import type { ToolWords } from '../protocol/engine-api.ts';
import { toolWords } from '../store/turn-model.ts';
import { answerOf, isOver } from '../store/turn-state.ts';
import type { RoundView, TurnView } from '../store/turn-state.ts';
import { formatResolution, formatSize, formatTokens } from './format.ts';
import { PixelCanvas } from './seen-canvas.tsx';
import { ToolCallCard } from './tool-call-card.tsx';

/** The cards of all rounds so far, and a placeholder for the second one. */
export function Rounds({ turn }: { turn: TurnView }): ReactElement | null {
  if (turn.rounds.length === 0) return null;
  const absence = secondRoundAbsence(turn);
  return (
    <ol className="rounds">
      {turn.rounds.map((round) => (
        <li key={round.round} className="round">
          <RoundCard round={round} tool={toolWords(turn.model)} />
        </li>
      ))}
      {turn.rounds.length === 1 && absence !== null && (
        <li className="round round--absent">
          <h3 className="round__title">Round 2</h3>
          <p className="caption">{absence}</p>
        </li>
      )}
    </ol>
  );
}

function RoundCard({ round, tool }: { round: RoundView; tool: ToolWords }): ReactElement {
  const { streamed, result } = round;
  return (
    <>
      <h3 className="round__title">
        Round {round.round}
        <span className="round__facts">{roundFacts(round)}</span>
      </h3>
      <div className="round__body">
        {round.seen !== null && (
          <PixelCanvas
            image={round.seen}
            className={`round__seen round__seen--${round.resolution}`}
            label={`Round ${round.round}, small`}
          />
        )}
        <div className="round__text">
          {streamed.thinking !== '' && (
            <details className="thinking" open>
              <summary>Thinking</summary>
              <p>{streamed.thinking.trim()}</p>
            </details>
          )}
          {streamed.answer !== '' && <p className="round__outcome">Answered from this view</p>}
          {streamed.text.trim() !== '' && <p className="round__loose">{streamed.text.trim()}</p>}
        </div>
      </div>
      {streamed.toolCall !== '' && (
        <ToolCallCard tool={tool} text={streamed.toolCall} call={result?.toolCall ?? null} />
      )}
    </>
  );
}

/** `half resolution 224 × 224 · 64 tokens`, `half resolution 224 × 224 + 1 more · 90 tokens` */
export function roundFacts({ resolution, images, imageSize, visualTokens }: RoundView): string {
  if (resolution === 'none') return 'no further image · 0 tokens';
  const more = images.length > 1 ? ` + ${images.length - 1} more` : '';
  return `${formatResolution(resolution)} ${formatSize(imageSize)}${more} · ${formatTokens(visualTokens)}`;
}

/** Why there is no second round (yet); null when nothing is worth saying. */
function secondRoundAbsence(turn: TurnView): string | null {
  const called = turn.rounds[0]?.streamed.toolCall !== '';
  const { label, asksFor, opensFull = false } = toolWords(turn.model);
  const startsAtHalf = turn.settings.downsample && !opensFull && turn.rounds[0]?.resolution !== 'crop';
  if (!turn.settings.tool) return `The ${label} is off: there is one round only.`;
  if (isOver(turn)) {
    const isAnswered = turn.status === 'done' && turn.result?.finishReason === 'stop' && answerOf(turn) !== '';
    return isAnswered && startsAtHalf ? 'Not needed: half resolution was enough.' : null;
  }
  if (called) return `${asksFor.charAt(0).toUpperCase()}${asksFor.slice(1)} is on its way.`;
  return startsAtHalf ? 'Only if half resolution is not enough.' : 'Only if the model asks once more.';
}
