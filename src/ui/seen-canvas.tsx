/** Paints the image that the model sees, pixel by pixel, so that a lower resolution is visible. */
import { useEffect, useRef } from 'react';
import type { ReactElement } from 'react';
import type { RgbImage } from '../shared/rgb-image.ts';
import type { RoundView } from '../store/turn-state.ts';
import { formatResolution, formatSize } from './format.ts';

/** One round's image as a layer over the picture; fades in and out. */
export function SeenCanvas({ round, visible }: { round: RoundView; visible: boolean }): ReactElement {
  return (
    <PixelCanvas
      image={round.seen}
      className={`frame__layer frame__layer--seen frame__layer--${round.resolution}`}
      label={`What the model sees in round ${round.round}: ${formatResolution(round.resolution)}, ${formatSize(round.imageSize)} pixels`}
      hidden={!visible}
    />
  );
}

/** A canvas of exactly the image's pixels; CSS gives it its size on the page. */
export function PixelCanvas(props: {
  readonly image: RgbImage | null;
  readonly className: string;
  readonly label: string;
  readonly hidden?: boolean;
}): ReactElement {
  const { image, className, label, hidden = false } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current !== null && image !== null) paint(canvas.current, image);
  }, [image]);
  return <canvas ref={canvas} className={className} role="img" aria-label={label} aria-hidden={hidden} />;
}

function paint(canvas: HTMLCanvasElement, { width, height, data }: RgbImage): void {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  if (context === null) return; // no canvas on this machine: the caption still gives the size
  const pixels = context.createImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    pixels.data[to] = data[from] ?? 0;
    pixels.data[to + 1] = data[from + 1] ?? 0;
    pixels.data[to + 2] = data[from + 2] ?? 0;
    pixels.data[to + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}
