/** The current stage of the running turn. */
import type { ReactElement } from 'react';
import type { StageEvent } from '../protocol/events.ts';
import type { TurnView } from '../store/turn-state.ts';

const STAGES: Record<StageEvent['stage'], string> = {
  preprocess: 'Preparing the image',
  encode: 'Looking at the image',
  prefill: 'Reading the question',
  decode: 'Writing',
};

/** One line and a thin bar; the bar moves by itself where no fraction is known. */
export function StageLine({ turn }: { turn: TurnView }): ReactElement {
  const { stage } = turn;
  const words = turn.status === 'queued' ? 'Waiting for the model to load' : describe(stage);
  return (
    <div className="stage">
      <p className="caption" aria-live="polite">
        {words}
      </p>
      <progress
        className="bar"
        aria-label="Progress of the turn"
        max={1}
        {...(stage?.fraction === undefined ? {} : { value: stage.fraction })}
      />
    </div>
  );
}

/** A stage in words: `Round 2 · Writing`. */
export function describe(stage: StageEvent | null): string {
  return stage === null ? 'Starting' : `Round ${stage.round} · ${STAGES[stage.stage]}`;
}
