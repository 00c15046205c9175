/** The sizes of a language model, whatever its architecture. Plain JSON: they stand in the manifest. */

/** The language model's sizes. */
export interface TextConfig {
  /** Width of the residual stream, and of a visual token. */
  readonly hiddenSize: number;
  /** Width inside the MLP. */
  readonly intermediateSize: number;
  readonly numLayers: number;
  /** Query heads. */
  readonly numHeads: number;
  /** Key/value heads; each serves numHeads / numKvHeads query heads. */
  readonly numKvHeads: number;
  /** Width of a head: hiddenSize / numHeads. */
  readonly headDim: number;
  /** Rows of the embedding, padding included. */
  readonly vocabSize: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  /** How many of the headDim / 2 frequencies follow t, h, w, t, h, w and so on, in turn. */
  readonly mropeSection: readonly number[];
  /** Whether the embedding also is the output projection. */
  readonly tieWordEmbeddings: boolean;
  /** Longest sequence, tokens. */
  readonly maxPositionEmbeddings: number;
}
