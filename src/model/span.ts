/** A prompt as far as positions are concerned: spans of text and grids of visual tokens. */

/** A visual token grid after merging: rows and columns of tokens. */
export interface TokenGrid {
  readonly height: number;
  readonly width: number;
}

/** A span of a prompt. */
export type Span =
  | { readonly kind: 'text'; readonly tokens: number }
  | { readonly kind: 'image'; readonly grid: TokenGrid };
