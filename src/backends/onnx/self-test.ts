/**
 * Self-test at load: attention as this machine's driver computes it, against a scalar reference. Known to catch SwiftShader's
 * wrong prefill of 32 or more tokens when subgroups are on; any driver may have a similar fault.
 */
import type { ModelDefinition } from '../../architectures/architecture.ts';
import { ATTENTION_CHECK as NAMES } from '../../onnx/graph-names.ts';
import type { Activations } from '../../model/manifest.ts';
import { attend, groupedAttention } from '../../model/reference-attention.ts';
import { activationType, asActivations } from './activations.ts';
import type { Runtime, Session, Tensor, TensorData, Tensors } from './runtime.ts';
import { NamedError } from '../../shared/errors.ts';
import { f16ToF32 } from '../../shared/float16.ts';
import { pseudoRandom } from '../../shared/pseudo-random.ts';

/** Tokens per run of the self-test: a prefill, a further chunk, and a decode step. */
const CHUNKS = [70, 40, 1];
const CAPACITY = 128;
/** Largest difference allowed, inputs being in [-1, 1]. Measured: 1e-6 in f32, 1e-3 in f16; a wrong kernel gives 0.1 and more. */
const TOLERANCE = { f32: 1e-3, f16: 2e-2 } as const;
const WINDOWS = 3;
const WINDOW_PATCHES = 64;

/** What the test needs from a model: its attention heads and rotary positions. */
type TestedModel = Pick<ModelDefinition, 'config' | 'positions'>;

/**
 * Runs the model folder's attention self-test. `session` runs its `attention_check` graph.
 * Throws NumericCheckError when a result differs by more than the tolerance or is not finite.
 */
export async function testAttention(
  runtime: Runtime,
  session: Session,
  model: TestedModel,
  activations: Activations,
): Promise<void> {
  const test = new AttentionTest(runtime, session, model, activations);
  const error = Math.max(await test.grouped(), await test.windowed());
  if (!(error <= TOLERANCE[activations])) {
    throw new NamedError(
      'NumericCheckError',
      `The graphics driver computes attention wrongly (error ${error.toPrecision(3)}, at most ${TOLERANCE[activations]} is allowed). ` +
        'Update the driver or the browser; until then the app uses another way to compute.',
    );
  }
}

class AttentionTest {
  readonly #runtime: Runtime;
  readonly #session: Session;
  readonly #model: TestedModel;
  readonly #activations: Activations;
  readonly #random = pseudoRandom();

  constructor(runtime: Runtime, session: Session, model: TestedModel, activations: Activations) {
    this.#runtime = runtime;
    this.#session = session;
    this.#model = model;
    this.#activations = activations;
  }

  /** Largest error of grouped-query attention with rotary over a cache. */
  async grouped(): Promise<number> {
    const { numHeads, numKvHeads, headDim } = this.#model.config.text;
    const width = (numHeads + 2 * numKvHeads) * headDim;
    const { positions } = this.#model;
    const cos = new Float32Array(CAPACITY * positions.rowLength);
    const sin = new Float32Array(cos.length);
    positions.fillPrompt(cos, sin, []);
    const total = CHUNKS.reduce((a, b) => a + b, 0);
    const qkv = this.#random(total * width);
    const cacheDims = [1, numKvHeads, CAPACITY, headDim];
    const type = activationType(this.#activations);
    const runtime = this.#runtime;
    const inPlace = runtime.kind === 'device';
    const past = (): Tensor =>
      runtime.kind === 'device'
        ? runtime.allocate(type, cacheDims)
        : this.#floats(new Float32Array(0), [1, numKvHeads, 0, headDim]);
    let key = past();
    let value = past();
    let done = 0;
    let worst = 0;
    for (const count of CHUNKS) {
      const results = await this.#session.run(
        {
          ...this.#idleVision(),
          [NAMES.packedQkv]: this.#floats(qkv.slice(done * width, (done + count) * width), [1, count, width]),
          [NAMES.pastKey]: key,
          [NAMES.pastValue]: value,
          [NAMES.seqlensK]: this.#runtime.tensor('int32', Int32Array.of(done + count - 1), [1]),
          [NAMES.totalSequenceLength]: this.#runtime.tensor('int32', Int32Array.of(done + count), []),
          [NAMES.cosCache]: this.#floats(cos, [CAPACITY, positions.rowLength]),
          [NAMES.sinCache]: this.#floats(sin, [CAPACITY, positions.rowLength]),
        },
        {
          [NAMES.attention]: null,
          [NAMES.presentKey]: inPlace ? key : null,
          [NAMES.presentValue]: inPlace ? value : null,
        },
      );
      if (!inPlace) {
        key = results[NAMES.presentKey] ?? key;
        value = results[NAMES.presentValue] ?? value;
      }
      const expected = groupedAttention({ heads: this.#model.config.text, qkv, cos, sin, first: done, count });
      worst = Math.max(worst, await this.#error(results[NAMES.attention], expected));
      done += count;
    }
    key.dispose();
    value.dispose();
    return worst;
  }

  /** Largest error of windowed attention, the last window cut short by the bias. */
  async windowed(): Promise<number> {
    const { numHeads, hiddenSize, headDim } = this.#model.config.vision;
    const size = WINDOWS * WINDOW_PATCHES * hiddenSize;
    const [query, key, value] = [this.#random(size), this.#random(size), this.#random(size)] as const;
    const bias = new Float32Array(WINDOWS * WINDOW_PATCHES * WINDOW_PATCHES);
    const visible = WINDOW_PATCHES / 4;
    for (let row = 2 * WINDOW_PATCHES; row < WINDOWS * WINDOW_PATCHES; row++) {
      bias.fill(-30000, row * WINDOW_PATCHES + visible, (row + 1) * WINDOW_PATCHES);
    }
    const dims = [WINDOWS, WINDOW_PATCHES, hiddenSize];
    const results = await this.#session.run(
      {
        ...this.#idleText(),
        [NAMES.visionQuery]: this.#floats(query, dims),
        [NAMES.visionKey]: this.#floats(key, dims),
        [NAMES.visionValue]: this.#floats(value, dims),
        [NAMES.visionBias]: this.#floats(bias, [WINDOWS, 1, WINDOW_PATCHES, WINDOW_PATCHES]),
      },
      { [NAMES.visionAttention]: null },
    );
    const expected = new Float32Array(size);
    const row = (window: number, patch: number, head: number): number =>
      (window * WINDOW_PATCHES + patch) * hiddenSize + head * headDim;
    for (let window = 0; window < WINDOWS; window++) {
      const keys = window === 2 ? visible : WINDOW_PATCHES;
      for (let head = 0; head < numHeads; head++) {
        for (let patch = 0; patch < WINDOW_PATCHES; patch++) {
          const at = row(window, patch, head);
          attend({
            query: query.subarray(at, at + headDim),
            count: keys,
            key: (i) => key.subarray(row(window, i, head), row(window, i, head) + headDim),
            value: (i) => value.subarray(row(window, i, head), row(window, i, head) + headDim),
            out: expected.subarray(at, at + headDim),
          });
        }
      }
    }
    return this.#error(results[NAMES.visionAttention], expected);
  }

  /** Smallest inputs for the half of the graph that is not under test. */
  #idleVision(): Tensors {
    const { hiddenSize } = this.#model.config.vision;
    const one = (): Tensor => this.#floats(new Float32Array(hiddenSize), [1, 1, hiddenSize]);
    return {
      [NAMES.visionQuery]: one(),
      [NAMES.visionKey]: one(),
      [NAMES.visionValue]: one(),
      [NAMES.visionBias]: this.#floats(new Float32Array(1), [1, 1, 1, 1]),
    };
  }

  #idleText(): Tensors {
    const { numHeads, numKvHeads, headDim } = this.#model.config.text;
    const width = (numHeads + 2 * numKvHeads) * headDim;
    const past = (): Tensor =>
      this.#runtime.kind === 'device'
        ? this.#floats(new Float32Array(numKvHeads * headDim), [1, numKvHeads, 1, headDim])
        : this.#floats(new Float32Array(0), [1, numKvHeads, 0, headDim]);
    return {
      [NAMES.packedQkv]: this.#floats(new Float32Array(width), [1, 1, width]),
      [NAMES.pastKey]: past(),
      [NAMES.pastValue]: past(),
      [NAMES.seqlensK]: this.#runtime.tensor('int32', Int32Array.of(0), [1]),
      [NAMES.totalSequenceLength]: this.#runtime.tensor('int32', Int32Array.of(1), []),
      [NAMES.cosCache]: this.#floats(new Float32Array(headDim / 2).fill(1), [1, headDim / 2]),
      [NAMES.sinCache]: this.#floats(new Float32Array(headDim / 2), [1, headDim / 2]),
    };
  }

  #floats(values: Float32Array, dims: readonly number[]): Tensor {
    return this.#runtime.tensor(activationType(this.#activations), asActivations(values, this.#activations), dims);
  }

  async #error(tensor: Tensor | undefined, expected: Float32Array): Promise<number> {
    const data: TensorData = (await tensor?.read()) ?? new Float32Array(0);
    tensor?.dispose();
    const values = data instanceof Uint16Array ? f16ToF32(data) : data;
    if (values.length !== expected.length) return Infinity;
    let worst = 0;
    for (let i = 0; i < expected.length; i++) {
      const difference = Math.abs(Number(values[i]) - (expected[i] ?? 0));
      if (!(difference <= worst)) worst = difference; // NaN sticks
      if (Number.isNaN(worst)) return Infinity;
    }
    return worst;
  }
}
