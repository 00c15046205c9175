/** Features of an image as this backend keeps them: a tensor where the vision encoder left it. */
import type { ImageFeatures } from '../../engine/backend.ts';
import { activationsToF32 } from './activations.ts';
import type { Tensor } from './runtime.ts';

/** Features in a tensor `[1, tokens, hidden]` of the activations' type, which they own. */
export class TensorFeatures implements ImageFeatures {
  readonly tensor: Tensor;

  readonly #settled: () => Promise<void>;

  /** `settled` resolves once the runtime has computed the tensor. */
  constructor(tensor: Tensor, settled: () => Promise<void>) {
    this.tensor = tensor;
    this.#settled = settled;
  }

  get tokens(): number {
    return this.tensor.dims[1] ?? 0;
  }

  async read(): Promise<Float32Array> {
    return activationsToF32(await this.tensor.read());
  }

  async computed(): Promise<void> {
    await this.#settled();
  }

  dispose(): void {
    this.tensor.dispose();
  }
}

/** The tensor of features made by this backend. Throws TypeError for another backend's features. */
export function tensorOf(features: ImageFeatures): Tensor {
  if (features instanceof TensorFeatures) return features.tensor;
  throw new TypeError('these features were made by another backend');
}
