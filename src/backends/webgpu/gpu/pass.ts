/**
 * A compute pass as data: a list of steps, each a kernel over operands named by what they hold. Plans of steps are made once
 * when a model is loaded; a run walks over them and binds the operands through the bind-group cache.
 */
import type { BindGroupCache } from './bind-group-cache.ts';
import type { SizedKernel } from './sized-kernel.ts';

/** One dispatch, before it is known which operands differ from layer to layer. */
export interface PassStepSpec<Operand extends string, Count extends string> {
  /** Tells the step from others of the same kernel. */
  readonly name: string;
  readonly kernel: SizedKernel;
  /** Whose number of rows the grid follows from. */
  readonly count: Count;
  readonly operands: readonly Operand[];
  /** The operand whose buffer may be another in every run; the bind group is made anew when it is. */
  readonly varying?: Operand;
}

/** One dispatch. */
export interface PassStep<Operand extends string, Count extends string> extends PassStepSpec<Operand, Count> {
  /** Whether it binds something of a layer; one that does not shares its bind group among all layers. */
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

/** How many rows of each kind a run has, and KV splits. */
export type PassSizes<Count extends string> = Readonly<Record<Count | 'splits', number>>;

/** Dispatches steps; `layer` says which layer's operands `buffersOf` gives. */
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
