/** The run-length compressions of bitmaps, RLE8 and RLE4. Source: Microsoft, "Bitmap Compression" (wingdi.h). */

/** Decodes into palette indices `[height, width]`, rows as stored. Pixels that no run reaches are 0; runs past a row's end are dropped. */
export function decodeBmpRuns(runs: Uint8Array, width: number, height: number, isRle4: boolean): Uint8Array {
  const indices = new Uint8Array(width * height);
  let x = 0;
  let y = 0;
  const put = (index: number): void => {
    if (x < width && y < height) indices[y * width + x] = index;
    x++;
  };
  let at = 0;
  while (at + 1 < runs.length && y < height) {
    const count = runs[at] ?? 0;
    const value = runs[at + 1] ?? 0;
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(isRle4 ? halfOf(value, i) : value);
    } else if (value === 0) {
      x = 0; // end of row
      y++;
    } else if (value === 1) {
      break; // end of bitmap
    } else if (value === 2) {
      x += runs[at] ?? 0; // a jump
      y += runs[at + 1] ?? 0;
      at += 2;
    } else {
      for (let i = 0; i < value; i++) put(isRle4 ? halfOf(runs[at + (i >> 1)] ?? 0, i) : (runs[at + i] ?? 0));
      const bytes = isRle4 ? Math.ceil(value / 2) : value;
      at += bytes + (bytes % 2); // literal runs are padded to two bytes
    }
  }
  return indices;
}

/** The high half of a byte for even positions, the low half for odd ones. */
function halfOf(byte: number, position: number): number {
  return position % 2 === 0 ? byte >> 4 : byte & 15;
}
