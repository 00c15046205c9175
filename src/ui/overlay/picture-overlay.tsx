/** What lies on the picture: the marks of an answer, and the region that a person draws with mouse, finger or keys. */
import { type PointerEvent, type ReactElement, useState } from 'react';
import type { AnswerMark } from '../../protocol/turn.ts';
import type { PixelRegion } from '../../shared/image-request.ts';
import type { RoundView } from '../../store/turn-state.ts';
import { useApp } from '../store-context.ts';
import { Marks } from './marks.tsx';
import { Outline, regionShares } from './outline.tsx';
import { type Corner, cornerOf, moved, type Place, regionBetween, type Size, withCorner } from './region-geometry.ts';
import { RegionHandle } from './region-handle.tsx';
import { type ShownPart, shownPart } from './shown-part.ts';

/** A drag of fewer pixels of the screen is a click, which draws nothing. */
const LEAST_DRAG = 6;

/** What a drag does, and what it has made of the region so far. */
interface Drag {
  readonly does: 'draw' | 'move' | Corner;
  readonly from: Place;
  /** Pixels of the picture to one of the screen. */
  readonly perScreen: number;
  readonly before: PixelRegion | null;
  readonly region: PixelRegion | null;
}

/** What the layer needs to know. */
export interface OverlayProps {
  /** The picture's size in pixels. */
  readonly picture: Size;
  /** The round whose image is on show; undefined: the picture itself. */
  readonly round: RoundView | undefined;
  /** Width to height of the frame around it. */
  readonly around: number;
  /** Of the answer on show. */
  readonly marks: readonly AnswerMark[];
}

/** The layer over the picture; nothing over an image that is not a part of it. */
export function PictureOverlay({ picture, round, around, marks }: OverlayProps): ReactElement | null {
  const shown = shownPart(picture, round);
  return shown === null ? null : <Layer shown={shown} around={around} marks={marks} />;
}

/** The layer, exactly as large as what is shown. */
function Layer(props: { shown: ShownPart; around: number; marks: readonly AnswerMark[] }): ReactElement {
  const { shown, around, marks } = props;
  const { picture, frame } = shown;
  const kept = useApp((state) => state.region);
  const setRegion = useApp((state) => state.setRegion);
  const [drag, setDrag] = useState<Drag | null>(null);
  const region = drag === null ? kept : drag.region;
  const drawn = region !== null && !covers(region, frame) ? region : null;
  return (
    <div
      className="overlay"
      data-draws={region !== null}
      style={fitOf(shown.shape, around)}
      onPointerDown={start}
      onPointerMove={go}
      onPointerUp={end}
      onPointerCancel={() => setDrag(null)}
    >
      {drawn !== null && (
        <>
          <RegionHandle region={drawn} frame={frame} picture={picture} onCancel={cancel} />
          <Outline kind="region" at={regionShares(drawn, frame)} name={`${drawn.width} × ${drawn.height}`} />
        </>
      )}
      <Marks marks={marks.filter(({ image }) => image === 0)} frame={frame} />
    </div>
  );

  function start(event: PointerEvent<HTMLDivElement>): void {
    // A finger scrolls the page until there is a region to drag.
    if (!event.isPrimary || event.button !== 0 || (event.pointerType === 'touch' && kept === null)) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const does =
      event.target instanceof HTMLElement ? (event.target.dataset['does'] as Drag['does'] | undefined) : undefined;
    const perScreen = frame.width / event.currentTarget.getBoundingClientRect().width;
    setDrag({ does: does ?? 'draw', from: placeOf(event, frame), perScreen, before: kept, region: kept });
  }

  function go(event: PointerEvent<HTMLDivElement>): void {
    if (drag === null || !event.isPrimary) return;
    setDrag({ ...drag, region: dragged(drag, placeOf(event, frame), picture) });
  }

  function end(event: PointerEvent<HTMLDivElement>): void {
    if (drag === null || !event.isPrimary) return;
    const region = dragged(drag, placeOf(event, frame), picture);
    setDrag(null);
    if (region !== kept) setRegion(region);
  }

  /** Ends a running drag; returns whether there was one. */
  function cancel(): boolean {
    setDrag(null);
    return drag !== null;
  }
}

/** Whether all that is shown is inside the region: then there is nothing to mark. */
function covers(region: PixelRegion, { left, top, width, height }: PixelRegion): boolean {
  const isLeftInside = region.left <= left && region.top <= top;
  return isLeftInside && region.left + region.width >= left + width && region.top + region.height >= top + height;
}

/** What a drag to a place makes of the region. */
function dragged({ does, from, perScreen, before }: Drag, to: Place, picture: Size): PixelRegion | null {
  const by = { x: to.x - from.x, y: to.y - from.y };
  if (does === 'draw') {
    const isClick = Math.max(Math.abs(by.x), Math.abs(by.y)) < LEAST_DRAG * perScreen;
    return isClick ? before : regionBetween(from, to, picture);
  }
  if (before === null || (by.x === 0 && by.y === 0)) return before;
  if (does === 'move') return moved(before, by, picture);
  const corner = cornerOf(before, does);
  return withCorner(before, does, { x: Math.round(corner.x + by.x), y: Math.round(corner.y + by.y) }, picture);
}

/** Where a pointer is, in pixels of the picture. */
function placeOf({ currentTarget, clientX, clientY }: PointerEvent, frame: PixelRegion): Place {
  const { left, top, width, height } = currentTarget.getBoundingClientRect();
  return {
    x: frame.left + ((clientX - left) / width) * frame.width,
    y: frame.top + ((clientY - top) / height) * frame.height,
  };
}

/** The layer's size: that of the picture inside a frame of another shape. */
function fitOf(shape: number, around: number): { readonly width: string; readonly height: string } {
  const [width, height] = shape > around ? [1, around / shape] : [shape / around, 1];
  return { width: `${100 * width}%`, height: `${100 * height}%` };
}
