/** The sizes of a language model. Plain JSON, stored in the manifest. */

/** Sizes that every language model has, whatever its architecture. */
export interface TextSizes {
  /** Width of the residual stream, and of a visual token. */
  readonly hiddenSize: number;
  /** Intermediate size of the MLP. */
  readonly intermediateSize: number;
  readonly numLayers: number;
  /** Query heads. */
  readonly numHeads: number;
  /** Key/value heads; each serves numHeads / numKvHeads query heads. */
  readonly numKvHeads: number;
  readonly headDim: number;
  /** Rows of the embedding, padding included. */
  readonly vocabSize: number;
  /** Whether the embedding is also the output projection. */
  readonly tieWordEmbeddings: boolean;
  /** Longest sequence, tokens. */
  readonly maxPositionEmbeddings: number;
}

/** A language model of RMSNorm, SwiGLU and grouped-query attention: the kind that our kernels support. */
export interface TextConfig extends TextSizes {
  /** Epsilon of every RMSNorm. */
  readonly rmsNormEps: number;
}
