/**
 * The page's state of one turn, and how every event changes it: pure functions over plain data. Events may come
 * after the result, since they travel on a channel of their own; they still fill in text then.
 */
import type { AskedRegion } from '../protocol/chat.ts';
import type { StageEvent, TurnEvent } from '../protocol/events.ts';
import type { Resolution, RoundImage, RoundResult, TurnResult, TurnSettings, VisualTokens } from '../protocol/turn.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { partialTagLength, type TextKind } from '../shared/response-tags.ts';
import type { PlainError } from './plain-error.ts';
import { type TurnModel, UNKNOWN_MODEL } from './turn-model.ts';

/** One round, as far as it has come. */
export interface RoundView {
  readonly round: number;
  readonly resolution: Resolution;
  /** The images it adds; `resolution` and `imageSize` are the first one's. */
  readonly images: readonly RoundImage[];
  readonly imageSize: { readonly width: number; readonly height: number };
  readonly visualTokens: number;
  /** The image that the model sees in this round; null when the engine did not send it, or it was released. */
  readonly seen: RgbImage | null;
  /** Streamed text by kind. */
  readonly streamed: Readonly<Record<TextKind, string>>;
  readonly result: RoundResult | null;
}

/** `queued`: waits for the model. `skipped`: stopped before it began. */
export type TurnStatus = 'queued' | 'running' | 'done' | 'failed' | 'skipped';

/** One question and all that came of it. */
export interface TurnView {
  readonly id: number;
  readonly question: string;
  readonly settings: TurnSettings;
  /** The region that it is about; null: all of the picture. */
  readonly part: AskedRegion | null;
  /** The model that answers it, from when it is asked. */
  readonly model: TurnModel;
  readonly status: TurnStatus;
  readonly stage: StageEvent | null;
  readonly rounds: readonly RoundView[];
  readonly result: TurnResult | null;
  readonly error: PlainError | null;
}

/** A turn that waits to be run. */
export function newTurn(asked: Pick<TurnView, 'id' | 'question' | 'settings' | 'part'>): TurnView {
  return { ...asked, model: UNKNOWN_MODEL, status: 'queued', stage: null, rounds: [], result: null, error: null };
}

/** The turn is handed to the engine, which has loaded `model`. */
export function beginTurn(turn: TurnView, model: TurnModel): TurnView {
  return { ...turn, model, status: 'running' };
}

/** The turn after one event of the engine. */
export function applyTurnEvent(turn: TurnView, event: TurnEvent): TurnView {
  switch (event.type) {
    case 'stage':
      return turn.status === 'running' ? { ...turn, stage: event } : turn;
    case 'roundStart': {
      const { round, resolution, images, imageSize, visualTokens, seen } = event;
      const shown = { resolution, images, imageSize, visualTokens, seen: seen ?? null };
      return withRound(turn, { ...emptyRound(round), ...shown });
    }
    case 'text': {
      const before = roundOf(turn, event.round);
      const streamed = { ...before.streamed, [event.kind]: before.streamed[event.kind] + event.delta };
      return withRound(turn, { ...before, streamed });
    }
    case 'roundEnd':
      return withRound(turn, { ...roundOf(turn, event.round), result: event.result });
    default:
      return event satisfies never;
  }
}

/** The turn is over and has a result. */
export function finishTurn(turn: TurnView, result: TurnResult): TurnView {
  return { ...turn, status: 'done', stage: null, result };
}

/** Ends the turn with an error; keeps the streamed text. */
export function failTurn(turn: TurnView, error: PlainError): TurnView {
  return { ...turn, status: 'failed', stage: null, error };
}

/** Skips a waiting turn; leaves any other as it is. */
export function skipQueued(turn: TurnView): TurnView {
  return turn.status === 'queued' ? { ...turn, status: 'skipped', stage: null } : turn;
}

/** The turn without the pixels it showed: for the history. */
export function withoutPixels(turn: TurnView): TurnView {
  return { ...turn, rounds: turn.rounds.map((round) => ({ ...round, seen: null })) };
}

/** Whether the turn is over. */
export function isOver(turn: TurnView): boolean {
  return turn.status === 'done' || turn.status === 'failed' || turn.status === 'skipped';
}

/** The answer: the result's once there is one, the streamed text of the last round before. A tag that was cut off is no part of it. */
export function answerOf(turn: TurnView): string {
  const { result, model } = turn;
  const answer = markedAnswer(turn).trim();
  const close = model.tags.answer?.[1];
  const isClosed = close !== undefined && result?.rounds.at(-1)?.text.includes(close) === true;
  if (result?.finishReason === 'stop' || isClosed) return answer;
  return answer.slice(0, answer.length - partialTagLength(answer, model.tags)).trimEnd();
}

function markedAnswer({ result, rounds, model }: TurnView): string {
  const open = model.tags.answer?.[0];
  // Without answer tags in it the protocol's answer is the whole text, thinking and all; what lies outside the tags reads better.
  const isMarked = open !== undefined && result?.rounds.some((round) => round.text.includes(open)) === true;
  if (isMarked) return result.answer;
  const streamed = rounds.at(-1)?.streamed;
  return streamed === undefined ? '' : streamed.answer || streamed.text;
}

/** Visual tokens so far: the result's once there is one, the rounds' before. null before the first round. */
export function visualTokensOf(turn: TurnView, full: number | null): VisualTokens | null {
  if (turn.result !== null && turn.result.rounds.length > 0) return turn.result.visualTokens;
  if (turn.rounds.length === 0 || full === null || full === 0) return null;
  const used = turn.rounds.reduce((sum, round) => sum + round.visualTokens, 0);
  return { used, full, ratio: used / full };
}

function emptyRound(round: number): RoundView {
  const streamed = { thinking: '', toolCall: '', answer: '', text: '' };
  const imageSize = { width: 0, height: 0 };
  return { round, resolution: 'none', images: [], imageSize, visualTokens: 0, seen: null, streamed, result: null };
}

function roundOf(turn: TurnView, round: number): RoundView {
  return turn.rounds.find((known) => known.round === round) ?? emptyRound(round);
}

function withRound(turn: TurnView, round: RoundView): TurnView {
  const others = turn.rounds.filter((known) => known.round !== round.round);
  return { ...turn, rounds: [...others, round].toSorted((a, b) => a.round - b.round) };
}
