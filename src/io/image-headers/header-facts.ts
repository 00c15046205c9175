/** The result of an image type's header reader. */
import type { Orientation } from '../image-orientation/upright.ts';

/** Facts of a file that cost no decoding. */
export interface HeaderFacts {
  /** Pixels as stored, before the orientation applies. Absent where the reader does not know. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Whether the data of the shown image is there, as far as the reader knows. */
  readonly complete: boolean;
  /** How the stored pixels have to be rotated and mirrored; absent for 1 (upright) and where decoders do it themselves (AVIF). */
  readonly orientation?: Orientation;
  /**
   * Offsets of the bytes that announce EXIF data. Overwriting them hides the orientation from decoders, some of which would
   * apply it a second time.
   */
  readonly exifMarks?: readonly number[];
  /** What shows through where the image leaves its canvas free; white where absent. */
  readonly background?: 'black';
  /** The image is complete, but the marker that ends a JPEG is missing. */
  readonly lacksEnd?: true;
}
