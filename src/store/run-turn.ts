/** Runs one turn on the engine and reports every change of it. Never throws: a failure becomes part of the turn. */
import type { ChatContext } from '../protocol/chat.ts';
import type { TurnEvent } from '../protocol/events.ts';
import { plainError } from './plain-error.ts';
import type { PlainError } from './plain-error.ts';
import { applyTurnEvent, beginTurn, failTurn, finishTurn } from './turn-state.ts';
import type { TurnModel } from './turn-model.ts';
import type { TurnView } from './turn-state.ts';
import type { EngineSession } from './engine-session.ts';

/** Changes the turn wherever the store keeps it. */
export type ChangeTurn = (change: (turn: TurnView) => TurnView) => void;

/** A turn to run. */
export interface TurnRun {
  readonly turn: TurnView;
  /** The loaded model. */
  readonly model: TurnModel;
  /** What the question is asked in; absent: alone. */
  readonly chat?: ChatContext | undefined;
  readonly change: ChangeTurn;
}

/** Asks the engine `turn`'s question. Resolves to the error that ended it, or null. */
export async function runTurn(
  session: EngineSession,
  { turn, model, chat, change }: TurnRun,
): Promise<PlainError | null> {
  change((current) => beginTurn(current, model));
  try {
    if (session.api === null) throw new Error('There is no engine to ask.');
    const onEvent = (event: TurnEvent): void => change((current) => applyTurnEvent(current, event));
    const result = await session.api.ask(turn.question, turn.settings, onEvent, chat);
    change((current) => finishTurn(current, result));
    return null;
  } catch (thrown) {
    const error = plainError(thrown);
    change((current) => failTurn(current, error));
    return error;
  }
}
