/** The drawn region as something to grab: with a pointer inside or at a corner, with the arrow keys as a whole. */
import type { KeyboardEvent, ReactElement } from 'react';
import type { PixelRegion } from '../../shared/image-request.ts';
import { useApp } from '../store-context.ts';
import { placeAt, regionShares } from './outline.tsx';
import { type Corner, cornerOf, moved, type Place, type Size, withCorner } from './region-geometry.ts';
import { clearRegion } from './clear-region.ts';

const CORNERS: readonly Corner[] = ['nw', 'ne', 'sw', 'se'];

/** Arrow keys go this share of the picture's sides. */
const KEY_STEP = 0.01;

const DIRECTIONS: Readonly<Record<string, Place>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** The grabbed area. `onCancel` ends a running drag and returns whether there was one. */
export function RegionHandle(props: {
  readonly region: PixelRegion;
  readonly frame: PixelRegion;
  readonly picture: Size;
  readonly onCancel: () => boolean;
}): ReactElement {
  const { region, frame, picture, onCancel } = props;
  const setRegion = useApp((state) => state.setRegion);
  const { left, top, width, height } = region;
  return (
    <div className="grab" style={placeAt(regionShares(region, frame))}>
      <button
        id="region"
        type="button"
        className="grab__inside"
        data-does="move"
        aria-label={`Region of ${width} by ${height} pixels at ${left}, ${top}. Arrow keys move it, with Shift they resize it, Enter goes to the question, Escape clears it.`}
        onKeyDown={press}
      />
      {CORNERS.map((corner) => (
        <span key={corner} className={`grab__corner grab__corner--${corner}`} data-does={corner} />
      ))}
    </div>
  );

  function press(event: KeyboardEvent): void {
    const direction = DIRECTIONS[event.key];
    if (event.key === 'Escape') {
      if (!onCancel()) clearRegion(setRegion);
    } else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) document.getElementById('question')?.focus();
    else if (direction === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    else setRegion(stepped(direction, event.shiftKey));
    event.preventDefault();
  }

  function stepped({ x, y }: Place, resizes: boolean): PixelRegion {
    const by = { x: x * stepOf(picture.width), y: y * stepOf(picture.height) };
    if (!resizes) return moved(region, by, picture);
    const corner = cornerOf(region, 'se');
    const to = { x: Math.max(left + 1, corner.x + by.x), y: Math.max(top + 1, corner.y + by.y) };
    return withCorner(region, 'se', to, picture);
  }
}

function stepOf(side: number): number {
  return Math.max(1, Math.round(side * KEY_STEP));
}
