/**
 * The decoder as a session, with the names and meanings of its graph (src/onnx/graph-names.ts): embeddings in, the cache
 * written in place, the next token and logits out. A decode step is one compute pass of six dispatches a layer.
 */
import { DECODER, pastKey, pastValue, presentKey, presentValue } from '../../../onnx/graph-names.ts';
import type { Session, SessionFiles, Tensor } from '../../onnx/runtime.ts';
import { compileDecoder, type DecoderKernels } from './decoder-kernels.ts';
import { type CacheBuffers, DecoderRun } from './decoder-run.ts';
import { deviceBuffer, hostNumber, readBuffer } from '../gpu/device-tensors.ts';
import type { KernelContext } from '../context.ts';
import { traitsOf } from '../gpu/device-traits.ts';
import { decoderFormats, loadDecoder } from './loaded-decoder.ts';
import { readExternalWeights } from '../weights/onnx-initializers.ts';
import { selfTestDecoder } from '../self-test/decoder-test.ts';
import { decoderWeights } from './decoder-weights.ts';

type Tensors = Readonly<Record<string, Tensor>>;
type Outputs = Readonly<Record<string, Tensor | null>>;

/**
 * Loads the weights, compiles the kernels and checks them.
 * @throws NumericCheckError when the device computes wrongly
 * @throws RuntimeUnavailableError when a weight is laid out in an unknown way, or the device cannot hold or compile something
 */
export async function openDecoderSession(parts: KernelContext, files: SessionFiles): Promise<Session> {
  const { runtime, model, tuning, compiler } = parts;
  const { text } = model;
  const { device } = runtime;
  const stored = decoderWeights(readExternalWeights(new Uint8Array(await files.graph.arrayBuffer())), text);
  const formats = decoderFormats(stored);
  const weights = parts.weights.open(files);
  const config = { text, stored: model.activations, target: { traits: traitsOf(device), tuning } };
  const compile = async (): Promise<DecoderKernels> => {
    const compiling = compileDecoder(compiler, formats, config);
    await selfTestDecoder(parts, formats, compiling, config); // do they compute the right thing here?
    return compiling;
  };
  try {
    // Kernels compile while weights are on their way.
    const [loaded, kernels] = await Promise.all([loadDecoder(weights, stored), compile()]);
    const run = new DecoderRun(parts, loaded, kernels, formats.layer.gate.rows);
    return new DecoderSession(parts, run, () => weights.release());
  } catch (thrown) {
    weights.release();
    throw thrown;
  }
}

class DecoderSession implements Session {
  readonly #parts: KernelContext;
  readonly #run: DecoderRun;
  readonly #onRelease: () => void;

  constructor(parts: KernelContext, run: DecoderRun, onRelease: () => void) {
    this.#parts = parts;
    this.#run = run;
    this.#onRelease = onRelease;
  }

  run(feeds: Tensors, outputs: Outputs): Promise<Tensors> {
    return this.bind(feeds, outputs)();
  }

  bind(feeds: Tensors, outputs: Outputs): () => Promise<Tensors> {
    const { runtime, stream } = this.#parts;
    const buffer = (name: string): GPUBuffer => deviceBuffer(runtime, feeds[name], name);
    const number = (name: string): number => hostNumber(runtime, feeds[name], name);
    const embeds = buffer(DECODER.inputsEmbeds);
    const tokens = feeds[DECODER.inputsEmbeds]?.dims[1] ?? 0;
    const cache = this.#cache(feeds, outputs);
    const wantToken = DECODER.nextToken in outputs;
    const wantLogits = DECODER.logits in outputs;
    const givenToken = outputs[DECODER.nextToken] ?? null;
    if (outputs[DECODER.logits] != null) throw new TypeError('logits are returned, not written in place');
    const token = givenToken === null ? null : deviceBuffer(runtime, givenToken, DECODER.nextToken);
    return async () => {
      const total = number(DECODER.totalSequenceLength);
      const start = number(DECODER.logitsStart);
      const logitsRows = Math.min(tokens, start < 0 ? -start : Math.max(0, tokens - start));
      const free = this.#run.freeCapacity(tokens);
      if (free !== null) await free; // a step is recorded at once
      const made = this.#run.record(
        { embeds, cache, token },
        { tokens, past: total - tokens, logitsRows: wantToken || wantLogits ? logitsRows : 0, wantArgMax: wantToken },
      );
      stream.submit();
      this.#run.submitted();
      const results: Record<string, Tensor> = {};
      for (const name in outputs) {
        const given = outputs[name];
        if (given != null) results[name] = given;
      }
      if (wantToken && givenToken === null) {
        const ids = new BigInt64Array(await readBuffer(runtime.device, made.token, logitsRows * 8));
        results[DECODER.nextToken] = runtime.tensor('int64', ids, [1, logitsRows]);
      }
      if (wantLogits) {
        const { vocabSize } = this.#parts.model.text;
        const values = new Float32Array(await readBuffer(runtime.device, made.logits, logitsRows * vocabSize * 4));
        results[DECODER.logits] = runtime.tensor('float32', values, [1, logitsRows, vocabSize]);
      }
      return results;
    };
  }

  async release(): Promise<void> {
    this.#run.dispose();
    this.#onRelease();
  }

  /** The cache and the rotary tables. Throws TypeError unless the present goes where the past is. */
  #cache(feeds: Tensors, outputs: Outputs): CacheBuffers {
    const { runtime, model } = this.#parts;
    const layers = Array.from({ length: model.text.numLayers }, (_, i) => {
      const inPlace = (past: string, present: string): GPUBuffer => {
        const buffer = deviceBuffer(runtime, feeds[past], past);
        if (deviceBuffer(runtime, outputs[present], present) === buffer) return buffer;
        throw new TypeError(`${present} must be the tensor of ${past}: the cache is static`);
      };
      return { keys: inPlace(pastKey(i), presentKey(i)), values: inPlace(pastValue(i), presentValue(i)) };
    });
    return {
      layers,
      cos: deviceBuffer(runtime, feeds[DECODER.cosCache], DECODER.cosCache),
      sin: deviceBuffer(runtime, feeds[DECODER.sinCache], DECODER.sinCache),
      capacity: feeds[pastKey(0)]?.dims[2] ?? 0,
    };
  }
}
