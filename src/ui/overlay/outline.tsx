/** A rectangle or a point on a picture, with its name: the region that a person has drawn, and what an answer names. */
import type { ReactElement } from 'react';
import type { PixelRegion } from '../../shared/image-request.ts';

/** Names stand inside their boxes above this share of the height, where there is no room over them. */
const ROOM_ABOVE = 0.1;

/** From this share of the width on, names end where their boxes end. */
const FAR_RIGHT = 0.6;

/** Left, top, right and bottom as shares of the picture's sides; a point's right and bottom are its left and top. */
export type Shares = readonly [left: number, top: number, right: number, bottom: number];

/** A box or a point in pixels as shares of the part of the picture that is on show, cut off far outside. */
export function sharesOf(sides: readonly [number, number, number, number], frame: PixelRegion): Shares {
  const share = (value: number, from: number, length: number): number =>
    Math.min(2, Math.max(-1, (value - from) / length));
  const [left, top, right, bottom] = sides;
  return [
    share(left, frame.left, frame.width),
    share(top, frame.top, frame.height),
    share(right, frame.left, frame.width),
    share(bottom, frame.top, frame.height),
  ];
}

/** A region as shares of the part of the picture that is on show. */
export function regionShares({ left, top, width, height }: PixelRegion, frame: PixelRegion): Shares {
  return sharesOf([left, top, left + width, top + height], frame);
}

/** The style that puts an element there. */
export function placeAt([left, top, right, bottom]: Shares): Readonly<
  Record<'left' | 'top' | 'width' | 'height', string>
> {
  return { left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top) };
}

/** How far outside the picture outlines are drawn: their lines just do not show. */
const OUTSIDE = 0.02;

/** One outline, inside an element that is as large as the picture; nothing of what lies outside. */
export function Outline(props: {
  readonly kind: 'region' | 'box' | 'point';
  readonly at: Shares;
  readonly name: string | null;
}): ReactElement | null {
  const { kind, at, name } = props;
  const [left, top, right, bottom] = at;
  if (right < 0 || bottom < 0 || left > 1 || top > 1) return null;
  const within = (share: number): number => Math.min(1 + OUTSIDE, Math.max(-OUTSIDE, share));
  return (
    <div
      className={`outline outline--${kind}`}
      style={placeAt([within(left), within(top), within(right), within(bottom)])}
    >
      {name !== null && (
        <span className="outline__name" data-inside={top < ROOM_ABOVE} data-right={left > FAR_RIGHT}>
          {name}
        </span>
      )}
    </div>
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(3)}%`;
}
