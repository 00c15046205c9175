/** Opens the language model's layers and head: loads their weights, compiles their kernels and self-tests them on the device. */
import type { KernelContext } from '../context.ts';
import { traitsOf } from '../gpu/device-traits.ts';
import { selfTestDecoder } from '../self-test/decoder-test.ts';
import type { StoredGraph } from '../weights/stored-graph.ts';
import { compileDecoder, type DecoderKernels } from './decoder-kernels.ts';
import { DecoderRun } from './decoder-run.ts';
import { decoderWeights } from './decoder-weights.ts';
import { decoderFormats, loadDecoder } from './loaded-decoder.ts';

/** The decoder on a device. */
export interface OpenDecoder {
  readonly run: DecoderRun;
  /** Frees its weights and buffers. */
  dispose(): void;
}

/**
 * Loads the weights, compiles the kernels and self-tests them.
 * @throws NumericCheckError when the device computes wrongly
 * @throws RuntimeUnavailableError when a weight has an unknown layout, or the device cannot hold a weight or compile a kernel
 */
export async function openDecoder(context: KernelContext, { initializers, files }: StoredGraph): Promise<OpenDecoder> {
  const { device, model, tuning, compiler } = context;
  const { text, activations } = model;
  const stored = decoderWeights(initializers, text);
  const formats = decoderFormats(stored);
  const weights = context.weights.open(files);
  const config = { text, stored: activations, target: { traits: traitsOf(device), tuning } };
  const compile = async (): Promise<DecoderKernels> => {
    const compiling = compileDecoder(compiler, formats, config);
    await selfTestDecoder(context, formats, compiling, config); // do they compute the right thing here?
    return compiling;
  };
  try {
    // Kernels compile while the weights load.
    const [loaded, kernels] = await Promise.all([loadDecoder(weights, stored), compile()]);
    const run = new DecoderRun(context, loaded, kernels, formats.layer.gate.rows);
    return {
      run,
      dispose: () => {
        run.dispose();
        weights.release();
      },
    };
  } catch (thrown) {
    weights.release();
    throw thrown;
  }
}
