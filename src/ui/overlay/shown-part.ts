/** Which part of the picture is on show, so that what lies on it is in the right place. Pure. */
import type { ImageRequest, PixelRegion } from '../../shared/image-request.ts';
import type { RoundView } from '../../store/turn-state.ts';
import type { Size } from './region-geometry.ts';

/** What is on show in the frame. */
export interface ShownPart {
  /** Pixels of the whole picture. */
  readonly picture: Size;
  /** The part of it that is shown. */
  readonly frame: PixelRegion;
  /** Width to height, as it is shown. */
  readonly shape: number;
}

/** What is on show: the picture itself, or a round's first image. null where that is another picture, or reaches beyond this one. */
export function shownPart({ width, height }: Size, round: RoundView | undefined): ShownPart | null {
  const picture = { width, height };
  const whole = { left: 0, top: 0, width, height };
  if (round === undefined) return { picture, frame: whole, shape: width / height };
  const request = round.images[0]?.request;
  if (request === undefined || request.image !== 0 || !isExact(request)) return null;
  return { picture, frame: request.region ?? whole, shape: round.imageSize.width / round.imageSize.height };
}

/** Whether a request's region is exactly what its steps cut out: those of tools may reach beyond the edges. */
function isExact({ region, steps = [] }: ImageRequest): boolean {
  return steps.every(
    (step) =>
      !('crop' in step) ||
      (step.crop.left === region?.left &&
        step.crop.top === region.top &&
        step.crop.width === region.width &&
        step.crop.height === region.height),
  );
}
