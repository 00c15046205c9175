/** The boxes and points that an answer names, drawn on the picture and told to a screen reader. */
import type { ReactElement } from 'react';
import type { AnswerMark } from '../../protocol/turn.ts';
import type { PixelRegion } from '../../shared/image-request.ts';
import { shorten } from '../format.ts';
import { Outline, sharesOf } from './outline.tsx';

/** Most marks that are drawn, and that are told: an answer may name thousands. */
const MOST_DRAWN = 200;
const MOST_TOLD = 20;

/** Longest part of a name that is drawn or told. */
const NAME_LENGTH = 60;

/** Nothing where an answer names nothing. `frame`: the part of the picture that is on show. */
export function Marks({ marks, frame }: { marks: readonly AnswerMark[]; frame: PixelRegion }): ReactElement | null {
  if (marks.length === 0) return null;
  return (
    <div className="overlay__drawing" role="img" aria-label={told(marks)}>
      {marks.slice(0, MOST_DRAWN).map((mark, i) => (
        <Outline
          key={i}
          kind={mark.kind}
          at={sharesOf(sidesOf(mark), frame)}
          name={mark.label === null ? null : shorten(mark.label, NAME_LENGTH)}
        />
      ))}
    </div>
  );
}

/** `In the answer: cat, from 10, 20 to 30, 40; point at 5, 6` */
export function told(marks: readonly AnswerMark[]): string {
  const words = marks.slice(0, MOST_TOLD).map((mark) => {
    const [left, top, right, bottom] = sidesOf(mark).map(Math.round);
    return mark.kind === 'box'
      ? `${nameOf(mark, 'box')}, from ${left}, ${top} to ${right}, ${bottom}`
      : `${nameOf(mark, 'point')} at ${left}, ${top}`;
  });
  const more = marks.length > MOST_TOLD ? `; ${marks.length - MOST_TOLD} more` : '';
  return `In the answer: ${words.join('; ')}${more}`;
}

function nameOf({ label }: AnswerMark, without: string): string {
  return label === null ? without : shorten(label, NAME_LENGTH);
}

function sidesOf(mark: AnswerMark): readonly [number, number, number, number] {
  if (mark.kind === 'box') return mark.box;
  const [x, y] = mark.point;
  return [x, y, x, y];
}
