/**
 * A compute pass as data: a list of steps, each a kernel over operands named by their content. Plans of steps are made once,
 * when a model is loaded; a run dispatches them and binds the operands through the bind-group cache.
 */
import type { BindGroupCache } from './bind-group-cache.ts';
import type { SizedKernel } from './sized-kernel.ts';

/** One dispatch, before its per-layer operands are determined. */
export interface PassStepSpec<Operand extends string, Count extends string> {
  /** Distinguishes the step from others of the same kernel. */
  readonly name: string;
  readonly kernel: SizedKernel;
  /** The row count that determines the grid. */
  readonly count: Count;
  readonly operands: readonly Operand[];
  /** The operand whose buffer may change between runs, which then remakes the bind group. */
  readonly varying?: Operand;
}

/** One dispatch. */
export interface PassStep<Operand extends string, Count extends string> extends PassStepSpec<Operand, Count> {
  /** Whether it binds a per-layer operand; otherwise all layers share its bind group. */
  readonly isPerLayer: boolean;
}

/** A step. Operands whose name begins with `layer.` differ from layer to layer. */
export function passStep<Operand extends string, Count extends string>(
  spec: PassStepSpec<Operand, Count>,
): PassStep<Operand, Count> {
  return { ...spec, isPerLayer: spec.operands.some((operand) => operand.startsWith('layer.')) };
}

/** The buffers of an operand, in the order in which a kernel binds them: a matrix has one or two. */
export type BuffersOf<Operand extends string> = (operand: Operand) => readonly GPUBuffer[];

/** A run's row counts, and its KV splits. */
export type PassSizes<Count extends string> = Readonly<Record<Count | 'splits', number>>;

/** Dispatches steps; `layer` is the layer whose operands `buffersOf` returns. */
export function runSteps<Operand extends string, Count extends string>(
  groups: BindGroupCache,
  steps: readonly PassStep<Operand, Count>[],
  sizes: PassSizes<Count>,
  operands: { readonly layer: number; readonly buffersOf: BuffersOf<Operand> },
): void {
  const { layer, buffersOf } = operands;
  for (const step of steps) {
    const dispatch = step.kernel(sizes[step.count], sizes.splits);
    groups.dispatch(dispatch, {
      use: step.isPerLayer ? `${step.name} ${layer}` : step.name,
      buffers: () => step.operands.flatMap(buffersOf),
      varying: step.varying === undefined ? null : (buffersOf(step.varying)[0] ?? null),
    });
  }
}
