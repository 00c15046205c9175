/** Which regions each checkpoint tensor goes to: the layout's jobs, seen from the other side. */
import type { WeightJob } from '../onnx/weight-layout.ts';

/** Where the rows of one tensor lie in one job's matrix. */
export interface Placement {
  readonly job: WeightJob;
  /** The tensor's first row in the matrix; tensors are stacked. */
  readonly firstRow: number;
  readonly rows: number;
  /** Rows of zeros behind the tensor's own: the matrix's padding belongs to its last tensor. */
  readonly paddingRows: number;
}

/** Takes the rows of one tensor from the first to the last. */
export interface PlacementWriter {
  /** The next rows, `[n, cols]`. Throws CheckpointError for a value that f16 cannot hold. */
  write(rows: Float32Array): Promise<void>;
  /** Writes what is left: padding, and rows still buffered. */
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
