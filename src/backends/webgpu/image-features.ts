/** Features of an image as this backend keeps them: in the buffer that the vision tower writes. */
import type { ImageFeatures } from '../../engine/backend.ts';
import type { Activations } from '../../model/manifest.ts';
import { activationBuffer, readActivations } from './gpu/activation-buffer.ts';

/** How large features are. */
export interface FeaturesShape {
  readonly tokens: number;
  readonly hiddenSize: number;
  readonly activations: Activations;
}

/** Features `[tokens, hidden]` in the activations' type, in their own buffer. */
export class BufferFeatures implements ImageFeatures {
  readonly tokens: number;
  readonly buffer: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #shape: FeaturesShape;

  /** Allocates the buffer and leaves it unwritten. */
  constructor(device: GPUDevice, shape: FeaturesShape) {
    const { tokens, hiddenSize, activations } = shape;
    this.tokens = tokens;
    this.buffer = activationBuffer(device, { label: 'features', activations, count: tokens * hiddenSize });
    this.#device = device;
    this.#shape = shape;
  }

  read(): Promise<Float32Array> {
    const { tokens, hiddenSize, activations } = this.#shape;
    return readActivations(this.#device, this.buffer, tokens * hiddenSize, activations);
  }

  /** Waits for everything that was submitted so far. */
  async computed(): Promise<void> {
    await this.#device.queue.onSubmittedWorkDone();
  }

  dispose(): void {
    this.buffer.destroy();
  }
}

/** The buffer of features made by this backend. Throws TypeError for another backend's features. */
export function bufferOf(features: ImageFeatures): GPUBuffer {
  if (features instanceof BufferFeatures) return features.buffer;
  throw new TypeError('these features were made by another backend');
}
