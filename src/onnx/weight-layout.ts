/**
 * Decides where every weight of the model folder lies before any is read. Graphs request weights by name while they are
 * built; the layout assigns each a region in an external data file and records how to fill it. A weight requested by several
 * graphs gets one region. write-weights.ts fills the regions.
 */
import { NamedError } from '../shared/errors.ts';
import { DATA_TYPE, type ElementType, type ExternalData, type GraphBuilder } from './graph-builder.ts';
import { QUANT_BLOCK, type FloatType, type Precision } from './precision.ts';

/** No data file may reach 2 GB: browsers and 32-bit heaps refuse larger ones. */
const MAX_FILE_BYTES = 1.9e9;

/** Regions start at multiples of this many bytes. */
const ALIGNMENT = 64;

/** A matrix assembled from checkpoint tensors: their rows in order, then zero padding. */
export interface MatrixSource {
  /** Canonical tensor names, stacked along axis 0. A tensor of rank 1 is a matrix of one column. */
  readonly tensors: readonly string[];
  /** Elements of a row in the checkpoint. */
  readonly cols: number;
  /** Rows and columns after zero padding. */
  readonly paddedRows: number;
  readonly paddedCols: number;
}

/** How a region is filled. */
export type WeightJob =
  | { readonly kind: 'rows'; readonly source: MatrixSource; readonly type: FloatType; readonly to: ExternalData }
  | { readonly kind: 'transposed'; readonly source: MatrixSource; readonly type: FloatType; readonly to: ExternalData }
  | {
      readonly kind: 'quantized';
      readonly source: MatrixSource;
      readonly bits: 4 | 8;
      readonly scaleType: FloatType;
      readonly weights: ExternalData;
      readonly scales: ExternalData;
    };

/** The regions of a quantised matrix. */
export interface QuantizedRegions {
  readonly weights: ExternalData;
  readonly scales: ExternalData;
}

/** The path in the model folder of a graph's data file number `serial`, from 0. */
export type DataFileName = (graph: string, serial: number) => string;

/** Bytes of one element. */
export function elementBytes(type: ElementType): number {
  return { f32: 4, u8: 1, i32: 4, i64: 8, f16: 2 }[type];
}

/** The first offset at or after `offset` where a region may start. */
function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/** The regions of all external data files of one model folder. */
export class WeightLayout {
  readonly precision: Precision;
  /** In the order of the regions, file by file. */
  readonly jobs: WeightJob[] = [];
  readonly #regions = new Map<string, ExternalData>();
  readonly #ends = new Map<string, number>();
  readonly #current = new Map<string, { location: string; serial: number }>();
  readonly #dataFile: DataFileName;

  constructor(precision: Precision, dataFile: DataFileName) {
    this.precision = precision;
    this.#dataFile = dataFile;
  }

  /** Data files so far, with their sizes in bytes. */
  get files(): ReadonlyMap<string, number> {
    return this.#ends;
  }

  /** Bytes of the largest region. */
  get largestBytes(): number {
    return [...this.#regions.values()].reduce((most, { length }) => Math.max(most, length), 0);
  }

  /** A float matrix `[rows, cols]` (or its transpose), stored in the folder's float type. */
  floats(file: string, name: string, source: MatrixSource, transposed: boolean): ExternalData {
    const known = this.#regions.get(name);
    if (known !== undefined) return known;
    const type = this.precision.floats;
    const to = this.#reserve(file, source.paddedRows * source.paddedCols * elementBytes(type));
    this.#regions.set(name, to);
    this.jobs.push({ kind: transposed ? 'transposed' : 'rows', source, type, to });
    return to;
  }

  /** A quantised matrix: quantized values, and one scale per block of 32 columns. */
  quantized(file: string, name: string, source: MatrixSource, bits: 4 | 8): QuantizedRegions {
    const knownWeights = this.#regions.get(`${name}.q`);
    const knownScales = this.#regions.get(`${name}.scales`);
    if (knownWeights !== undefined && knownScales !== undefined) return { weights: knownWeights, scales: knownScales };
    const elements = source.paddedRows * source.paddedCols;
    const scaleType = this.precision.floats;
    const codeBytes = (elements * bits) / 8;
    const scalesStart = aligned(codeBytes);
    const scaleBytes = (elements / QUANT_BLOCK) * elementBytes(scaleType);
    // One reservation for both, because they are written together and must lie in one file.
    const { location, offset } = this.#reserve(file, scalesStart + scaleBytes);
    const weights = { location, offset, length: codeBytes };
    const scales = { location, offset: offset + scalesStart, length: scaleBytes };
    this.#regions.set(`${name}.q`, weights);
    this.#regions.set(`${name}.scales`, scales);
    this.jobs.push({ kind: 'quantized', source, bits, scaleType, weights, scales });
    return { weights, scales };
  }

  #reserve(file: string, length: number): ExternalData {
    if (length > MAX_FILE_BYTES) {
      throw new NamedError(
        'CheckpointError',
        `a matrix of ${file} takes ${length} bytes, a file holds at most ${MAX_FILE_BYTES}; use a dtype with fewer bits`,
      );
    }
    let { location, serial } = this.#current.get(file) ?? { location: this.#dataFile(file, 0), serial: 0 };
    let offset = aligned(this.#ends.get(location) ?? 0);
    if (offset > 0 && offset + length > MAX_FILE_BYTES) {
      serial++;
      location = this.#dataFile(file, serial);
      offset = 0;
    }
    this.#current.set(file, { location, serial });
    this.#ends.set(location, offset + length);
    return { location, offset, length };
  }
}

/** The context of building a graph: the graph, its weight layout, its data file and its activations' type. */
export interface GraphContext {
  readonly graph: GraphBuilder;
  readonly layout: WeightLayout;
  /** Name of the data file, without `.data`. */
  readonly file: string;
  readonly activations: FloatType;
  /** Unpack quantised weights to floats once, at session creation, instead of at every run. */
  readonly unpack: boolean;
}

/** Declares an initializer of stored floats and casts it to the activations' type where that differs. */
export function floatInitializer(
  { graph, layout, activations }: GraphContext,
  name: string,
  dims: readonly number[],
  data: ExternalData,
): string {
  const stored = layout.precision.floats;
  const initializer = graph.external(name, stored, dims, data);
  if (stored === activations) return initializer;
  return graph.node('Cast', [initializer], { attributes: { to: BigInt(DATA_TYPE[activations]) } });
}
