/** What a reader of one image type reports. */

/** Pixels as stored where stated, and whether the data of the first frame is all there as far as can be told. */
export interface HeaderFacts {
  readonly size?: { readonly width: number; readonly height: number };
  readonly complete: boolean;
}
