/** Draws a picture of any size: coloured fields, lines and words, the same each time. */

const COLOURS = ['#2f6f9f', '#d9822b', '#3f8f5f', '#b03a48', '#e0c24a', '#6a4fa3', '#f2efe6', '#30343a'];
const FIELD = 80;

/** A PNG of this many pixels. */
export async function syntheticPicture(width: number, height: number): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('This browser gives no canvas to draw on.');
  context.font = `${FIELD / 4}px sans-serif`;
  for (let y = 0, i = 0; y < height; y += FIELD) {
    for (let x = 0; x < width; x += FIELD, i++) {
      context.fillStyle = COLOURS[(i * 5 + (y / FIELD) * 3) % COLOURS.length] ?? '';
      context.fillRect(x, y, FIELD, FIELD);
      context.fillStyle = COLOURS[(i * 5 + (y / FIELD) * 3 + 4) % COLOURS.length] ?? '';
      context.fillText(String((i * 37) % 1000), x + FIELD / 5, y + FIELD / 2);
    }
  }
  return canvas.convertToBlob({ type: 'image/png' });
}
