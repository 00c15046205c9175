/** Maps each checkpoint tensor to its regions: the inverse of the layout's jobs. */
import type { WeightJob } from '../onnx/weight-layout.ts';

/** The position of one tensor's rows in one job's matrix. */
export interface Placement {
  readonly job: WeightJob;
  /** The tensor's first row in the matrix; tensors are stacked. */
  readonly firstRow: number;
  readonly rows: number;
  /** Rows of zeros after the tensor's own: the matrix's padding belongs to its last tensor. */
  readonly paddingRows: number;
}

/** Receives the rows of one tensor in order. */
export interface PlacementWriter {
  /** The next rows, `[n, cols]`. Throws CheckpointError for a value that f16 cannot hold. */
  write(rows: Float32Array): Promise<void>;
  /** Writes the rest: padding, and rows still buffered. */
  finish(): Promise<void>;
}

/** All placements of every tensor. `rowCount`: length of a tensor's axis 0. */
export function placementsByTensor(
  jobs: readonly WeightJob[],
  rowCount: (tensor: string) => number,
): ReadonlyMap<string, readonly Placement[]> {
  const placements = new Map<string, Placement[]>();
  for (const job of jobs) {
    const { tensors, paddedRows } = job.source;
    let firstRow = 0;
    tensors.forEach((tensor, i) => {
      const rows = rowCount(tensor);
      const end = firstRow + rows;
      const placement = { job, firstRow, rows, paddingRows: i === tensors.length - 1 ? paddedRows - end : 0 };
      const known = placements.get(tensor);
      if (known === undefined) placements.set(tensor, [placement]);
      else known.push(placement);
      firstRow = end;
    });
  }
  return placements;
}

/** The data file a job's regions lie in. */
export function locationOf(job: WeightJob): string {
  return job.kind === 'quantized' ? job.weights.location : job.to.location;
}
