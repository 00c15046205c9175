/** Which variants of a model folder our kernels can run on an adapter, and why not the others. */
import type { Activations, Manifest } from '../../model/manifest.ts';
import type { AdapterProbe } from './gpu/adapter.ts';

/** The fit of a model to an adapter. */
export interface AdapterFit {
  /** Variants of the folder that the adapter runs, the faster first; empty if `refusal` is set. */
  readonly activations: readonly Activations[];
  /** Why a faster variant is missing, one sentence each. */
  readonly notes: readonly string[];
  /** Why no variant runs, one sentence; null if one does. */
  readonly refusal: string | null;
}

/** Compares what a model needs with what an adapter has. */
export function fitAdapter(
  { hasF16, maxBindingBytes }: Pick<AdapterProbe, 'hasF16' | 'maxBindingBytes'>,
  { variants, largestTensorBytes }: Pick<Manifest, 'variants' | 'largestTensorBytes'>,
): AdapterFit {
  if (maxBindingBytes < largestTensorBytes) {
    const [limit, needed] = [maxBindingBytes, largestTensorBytes].map((bytes) => Math.ceil(bytes / 2 ** 20));
    const refusal = `The adapter binds at most ${limit} MB at once, the model's largest weight has ${needed} MB.`;
    return { activations: [], notes: [], refusal };
  }
  const has = (activations: Activations): boolean => variants.some(({ name }) => name === activations);
  const notes: string[] = [];
  const activations: Activations[] = [];
  if (has('f16') && hasF16) activations.push('f16');
  else if (has('f16')) notes.push('The adapter has no shader-f16, so activations are f32.');
  else notes.push('The model folder has no f16 graphs, so activations are f32.');
  if (has('f32')) activations.push('f32');
  if (activations.length > 0) return { activations, notes, refusal: null };
  const refusal =
    'It computes in f16 only, which the adapter cannot: convert it with dtype q4f16, which computes in f32, too.';
  return { activations, notes: [], refusal };
}
