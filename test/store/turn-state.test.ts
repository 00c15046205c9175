/** How a turn changes with the engine's events. */
import { describe, expect, it } from 'vitest';
import type { TurnEvent } from '../../src/protocol/events.ts';
import { DEFAULT_SETTINGS } from '../../src/protocol/turn.ts';
import type { Resolution, RoundImages, RoundResult, TurnResult } from '../../src/protocol/turn.ts';
import { fullOf, halfOf, type ImageRequest } from '../../src/shared/image-request.ts';
import {
  answerOf,
  applyTurnEvent,
  beginTurn,
  failTurn,
  finishTurn,
  isOver,
  newTurn,
  skipQueued,
  visualTokensOf,
  withoutPixels,
} from '../../src/store/turn-state.ts';
import type { TurnView } from '../../src/store/turn-state.ts';
import { ENGINE_INFO, resultOf, ROUND } from './scripted-engine.ts';

const MODEL = ENGINE_INFO.model;
const ASKED = { question: 'How many?', settings: DEFAULT_SETTINGS, part: null };
const size = { width: 224, height: 224 };
const half: TurnEvent = { type: 'roundStart', round: 1, ...shown('half', halfOf(0), 64) };
const full: TurnEvent = { type: 'roundStart', round: 2, ...shown('full', fullOf(0), 256) };

function shown(resolution: Resolution, request: ImageRequest, visualTokens: number): RoundImages {
  return { resolution, images: [{ request, imageSize: size, visualTokens }], imageSize: size, visualTokens };
}

const answered: RoundResult = { ...ROUND, text: '<answer>42</answer>' };

function played(events: readonly TurnEvent[], turn: TurnView = beginTurn(newTurn({ id: 1, ...ASKED }), MODEL)) {
  return events.reduce(applyTurnEvent, turn);
}

function text(round: number, kind: 'thinking' | 'toolCall' | 'answer' | 'text', delta: string): TurnEvent {
  return { type: 'text', round, kind, delta };
}

describe('a turn', () => {
  it('starts queued, and once running has neither stage nor rounds', () => {
    const turn = newTurn({ id: 1, ...ASKED });
    expect(turn.status).toBe('queued');
    expect(beginTurn(turn, MODEL)).toMatchObject({ status: 'running', stage: null, rounds: [] });
  });

  it('gathers streamed text by round and kind', () => {
    const events = [half, text(1, 'thinking', 'Too '), text(1, 'thinking', 'small.'), text(1, 'toolCall', '{}')];
    const turn = played([...events, full, text(2, 'thinking', 'Now.'), text(2, 'answer', '5')]);
    expect(turn.rounds.map((round) => round.streamed)).toEqual([
      { thinking: 'Too small.', toolCall: '{}', answer: '', text: '' },
      { thinking: 'Now.', toolCall: '', answer: '5', text: '' },
    ]);
  });

  it('keeps the pixels it was shown until they are released', () => {
    const seen = { width: 1, height: 1, data: new Uint8Array(3) };
    const turn = played([{ ...half, seen }]);
    expect(turn.rounds[0]?.seen).toBe(seen);
    expect(withoutPixels(turn).rounds[0]?.seen).toBeNull();
  });

  it('shows the answer as it is streamed, and the result once there is one', () => {
    const turn = played([half, text(1, 'answer', ' 4')]);
    expect(answerOf(turn)).toBe('4');
    expect(answerOf(finishTurn(turn, resultOf({ answer: '42', rounds: [answered] })))).toBe('42');
  });

  it('shows no answer when there was only a tool call, whose text the protocol would treat as one', () => {
    const turn = played([half, text(1, 'thinking', 'Too small.'), text(1, 'toolCall', '{}')]);
    const raw = '<think>Too small.</think><tool_call>{}</tool_call>';
    expect(answerOf(finishTurn(turn, resultOf({ answer: raw, rounds: [{ ...answered, text: raw }] })))).toBe('');
  });

  it('shows text outside the tags as the answer while there is no other', () => {
    expect(answerOf(played([half, text(1, 'text', 'just words')]))).toBe('just words');
  });

  it('does not show a first round’s answer text as the second round’s', () => {
    expect(answerOf(played([half, text(1, 'answer', 'a guess'), full]))).toBe('');
  });

  it.each([
    ['<', ''],
    ['</ans', ''],
    ['A red circle <tool_', 'A red circle'],
    ['3 < 4', '3 < 4'],
  ])('does not show a tag that was cut off: “%s”', (streamed, shown) => {
    const turn = played([half, text(1, 'text', streamed)]);
    for (const finishReason of ['length', 'stopped'] as const) {
      const rounds = [{ ...ROUND, text: streamed }];
      expect(answerOf(finishTurn(turn, resultOf({ answer: streamed, finishReason, rounds })))).toBe(shown);
    }
    expect(answerOf(failTurn(turn, { name: 'DeviceLostError', message: 'gone' }))).toBe(shown);
  });

  it('does not show the start of the closing tag either, but the whole answer', () => {
    const finished = (answer: string, raw: string, finishReason: TurnResult['finishReason']): string =>
      answerOf(finishTurn(played([half]), resultOf({ answer, finishReason, rounds: [{ ...ROUND, text: raw }] })));
    expect(finished('42</', '<answer>42</', 'length')).toBe('42');
    expect(finished('<', '<answer><</answer>', 'length')).toBe('<');
    expect(finished('<', '<answer><', 'stop')).toBe('<');
  });

  it('accepts late events after its result, but no late stage', () => {
    const over = finishTurn(played([half]), resultOf({ answer: '5' }));
    const late = played([text(1, 'answer', '5'), { type: 'stage', round: 1, stage: 'decode' }], over);
    expect(late.rounds[0]?.streamed.answer).toBe('5');
    expect(late.stage).toBeNull();
  });

  it('keeps the stage while it runs', () => {
    const turn = played([{ type: 'stage', round: 1, stage: 'prefill', fraction: 0.5 }]);
    expect(turn.stage).toEqual({ type: 'stage', round: 1, stage: 'prefill', fraction: 0.5 });
    expect(failTurn(turn, { name: 'DeviceLostError', message: 'gone' }).stage).toBeNull();
  });

  it('is over when done, failed or skipped', () => {
    const turn = beginTurn(newTurn({ id: 1, ...ASKED }), MODEL);
    expect(isOver(turn)).toBe(false);
    expect(isOver(finishTurn(turn, resultOf({})))).toBe(true);
    expect(isOver(failTurn(turn, { name: 'Error', message: '' }))).toBe(true);
    expect(isOver(skipQueued(newTurn({ id: 2, ...ASKED })))).toBe(true);
    expect(skipQueued(turn)).toBe(turn); // it runs already
  });

  it('orders rounds by number even when events come out of order', () => {
    expect(played([full, half]).rounds.map((round) => round.round)).toEqual([1, 2]);
  });
});

describe('visual tokens', () => {
  it('are unknown before the first round', () => {
    expect(visualTokensOf(played([]), 256)).toBeNull();
  });

  it('add up while the turn runs', () => {
    expect(visualTokensOf(played([half]), 256)).toEqual({ used: 64, full: 256, ratio: 0.25 });
    expect(visualTokensOf(played([half, full]), 256)).toEqual({ used: 320, full: 256, ratio: 1.25 });
  });

  it('are the result’s in the end, which includes the pixel budget', () => {
    const visualTokens: TurnResult['visualTokens'] = { used: 16, full: 64, ratio: 0.25 };
    const turn = finishTurn(played([half]), resultOf({ visualTokens }));
    expect(visualTokensOf(turn, 256)).toEqual(visualTokens);
  });
});
