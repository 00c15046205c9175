/**
 * Weights as our graphs store them, looked up by the names of their initializers: matrices, quantised or not, and vectors. Errors
 * name a weight with another layout.
 * Source: src/onnx/layers.ts.
 */
import { QUANT_BLOCK } from '../../../onnx/precision.ts';
import { NamedError } from '../../../shared/errors.ts';
import type { ExternalWeight } from '../../../onnx/read-initializers.ts';

/** The initializers of a graph, by name. */
export type Weights = ReadonlyMap<string, ExternalWeight>;

/** A stored matrix W of y = x Wᵀ, with `rows` outputs and `cols` inputs. */
export type StoredMatrix =
  | {
      /** Unsigned quantized values `[rows, blocks, QUANT_BLOCK * bits / 8]`, zero point 2^(bits - 1), low half of a byte first; scales `[rows, blocks]`. */
      readonly kind: 'q4' | 'q8';
      readonly rows: number;
      readonly cols: number;
      readonly quants: ExternalWeight;
      readonly scales: ExternalWeight;
    }
  | {
      /** Floats, transposed: `[cols, rows]`; or a table of `[rows, cols]`, which is only looked up; cols are a multiple of eight. */
      readonly kind: 'transposed' | 'table';
      readonly rows: number;
      readonly cols: number;
      readonly values: ExternalWeight;
    };

/** The matrix of a linear layer; `name` is the name of its weight. Throws RuntimeUnavailableError when it is missing or has another layout. */
export function matrix(weights: Weights, name: string): StoredMatrix {
  const values = weights.get(`${name}.t`);
  if (values !== undefined) {
    const [cols = 0, rows = 0] = values.dims;
    return { kind: 'transposed', rows, cols, values };
  }
  const { rows, cols, quants, scales } = quantized(weights, name);
  return { kind: kindOf(quants, cols), rows, cols, quants, scales };
}

/** A lookup table `[rows, cols]`. Throws RuntimeUnavailableError when it is missing or has another layout. */
export function table(weights: Weights, name: string, rows: number, cols: number): StoredMatrix {
  const values = weights.get(name);
  if (values === undefined) {
    const found = quantized(weights, name, [rows, cols]);
    return sized({ kind: kindOf(found.quants, found.cols), ...found }, rows, cols);
  }
  const [storedRows = 0, storedCols = 0] = values.dims;
  if (storedCols % 8 !== 0) throw unknown(name);
  return sized({ kind: 'table', rows: storedRows, cols: storedCols, values }, rows, cols);
}

function quantized(
  weights: Weights,
  name: string,
  shape?: readonly [number, number],
): { rows: number; cols: number; quants: ExternalWeight; scales: ExternalWeight } {
  const quants = find(weights, `${name}.q`);
  const scales = find(weights, `${name}.scales`);
  const [rows = 0, blocks = 0] = scales.dims;
  if (quants.type !== 'u8' || scales.type === 'u8' || (shape !== undefined && rows !== shape[0])) throw unknown(name);
  return { rows, cols: blocks * QUANT_BLOCK, quants, scales };
}

function kindOf(quants: ExternalWeight, cols: number): 'q4' | 'q8' {
  const perRow = quants.dims.slice(1).reduce((a, b) => a * b, 1);
  if (perRow * 2 === cols) return 'q4';
  if (perRow === cols) return 'q8';
  throw unknown(quants.name);
}

/** The matrix, if it has these sizes; throws RuntimeUnavailableError with its name otherwise. */
export function sized(stored: StoredMatrix, rows: number, cols: number): StoredMatrix {
  if (stored.rows === rows && stored.cols === cols) return stored;
  throw unknown('quants' in stored ? stored.quants.name : stored.values.name);
}

/** A vector of floats. Throws RuntimeUnavailableError when it is missing or has another length or type. */
export function vector(weights: Weights, name: string, length: number): ExternalWeight {
  const found = find(weights, name);
  if (found.type === 'u8' || found.dims.length !== 1 || found.dims[0] !== length) throw unknown(name);
  return found;
}

function find(weights: Weights, name: string): ExternalWeight {
  const found = weights.get(name);
  if (found === undefined) throw unknown(name);
  return found;
}

function unknown(name: string): NamedError {
  return new NamedError('RuntimeUnavailableError', `The kernels do not know the layout of the weight ${name}.`);
}
