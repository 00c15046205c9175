/**
 * Turns an SVG file into a PNG on the page's own thread, where the browser can render SVG; workers cannot. The page calls
 * this before it hands a file to the engine.
 */
import { NamedError } from '../shared/errors.ts';

/** Longest side of the PNG in pixels; smaller drawings keep their stated size. */
const LONGEST_SIDE = 2048;

/** Longest side of a drawing that states no size at all. */
const DEFAULT_SIDE = 1024;

/**
 * A PNG of the drawing on white, at its stated size, at most 2048 pixels a side. The image element runs no scripts and
 * loads nothing from elsewhere. Throws ImageDecodeError when the browser cannot render the file.
 */
export async function rasterizeSvg(file: Blob): Promise<Blob> {
  const { markup, width, height } = withSize(await file.text());
  const url = URL.createObjectURL(new Blob([markup], { type: 'image/svg+xml' }));
  try {
    const image = new Image(width, height);
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('no canvas');
    context.fillStyle = '#ffffff';
    context.fillRect(0, 0, width, height);
    context.drawImage(image, 0, 0, width, height);
    return await toPng(canvas);
  } catch (cause) {
    throw svgError(cause);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The markup with an explicit size in pixels, which Firefox needs to draw an SVG at all. */
function withSize(text: string): { markup: string; width: number; height: number } {
  const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
  const root = parsed.documentElement;
  if (root.localName !== 'svg') throw svgError();
  const [, , boxWidth, boxHeight] = (root.getAttribute('viewBox') ?? '')
    .trim()
    .split(/[\s,]+/)
    .map(Number);
  const box = isSide(boxWidth) && isSide(boxHeight) ? { width: boxWidth, height: boxHeight } : undefined;
  const aspect = box === undefined ? 1 : box.width / box.height;
  const statedWidth = pixels(root.getAttribute('width'));
  const statedHeight = pixels(root.getAttribute('height'));

  let width = statedWidth ?? (statedHeight === undefined ? box?.width : statedHeight * aspect) ?? DEFAULT_SIDE;
  let height = statedHeight ?? width / aspect;
  if (box === undefined) root.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const shrink = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  width = Math.max(1, Math.round(width * shrink));
  height = Math.max(1, Math.round(height * shrink));
  root.setAttribute('width', String(width));
  root.setAttribute('height', String(height));
  return { markup: new XMLSerializer().serializeToString(parsed), width, height };
}

/** CSS pixels of an SVG length; undefined for percentages and malformed lengths. */
function pixels(length: string | null): number | undefined {
  const [, amount, unit] =
    /^\s*\+?(\d*\.?\d+(?:e[+-]?\d+)?)\s*(px|pt|pc|mm|cm|in|em|ex)?\s*$/i.exec(length ?? '') ?? [];
  const value = Number(amount) * (PIXELS_PER_UNIT.get((unit ?? 'px').toLowerCase()) ?? 1);
  return isSide(value) ? value : undefined;
}

const PIXELS_PER_UNIT = new Map([
  ['px', 1],
  ['pt', 96 / 72],
  ['pc', 16],
  ['mm', 96 / 25.4],
  ['cm', 96 / 2.54],
  ['in', 96],
  ['em', 16],
  ['ex', 8],
]);

function isSide(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value > 0;
}

function toPng(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error('no PNG')) : resolve(blob)), 'image/png');
  });
}

function svgError(cause?: unknown): NamedError {
  return new NamedError(
    'ImageDecodeError',
    'The SVG file could not be drawn: it is damaged or not an SVG. Export the drawing as PNG and try that.',
    { cause },
  );
}
