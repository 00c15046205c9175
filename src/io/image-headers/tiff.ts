/** TIFF: orientation from the first directory; everything else is left to the decoder. Source: TIFF 6.0; BigTIFF. */
import { storedOrientation } from '../image-orientation/stored-orientation.ts';
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

/** Whether the file starts as TIFF (42) or BigTIFF (43) in either byte order. */
export function isTiff(bytes: Bytes): boolean {
  return ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((tag) => bytes.has(0, tag));
}

/** Facts of a file that `isTiff`. EXIF is a TIFF structure, so a whole file is read as such a block. */
export function readTiff(bytes: Bytes): HeaderFacts {
  const orientation = storedOrientation({ exif: bytes.view(0, bytes.length) });
  return { ...(orientation && { orientation }), complete: true };
}
