/** Self-test at load of split-K: a small MLP between two norms, and the GEMMs around attention, as in a layer. */
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { product, rmsNorm, silu } from '../cases/reference.ts';
import { KernelFixture } from './kernel-fixture.ts';
import type { KernelContext } from '../context.ts';
import { loadMadeUpMatrix } from './matmul-test.ts';
import type { SizedKernel } from '../gpu/sized-kernel.ts';
import type { KernelTarget } from '../matmul/select.ts';
import { compileSplitK, type SplitKLayer } from '../matmul/split-k-layer.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';

/** Rows and inputs of every matrix: whole blocks, but neither whole tiles nor a power of two. */
const SIDE = 192;
/** Most tokens: more than a tile, and not a multiple of one. */
const TOKENS = 70;
/** Keeps intermediates within f16. */
const GAMMA = 1 / 64;

/** Tests the kernels of a layer whose matrices have the format `format`. Throws NumericCheckError when one is wrong. */
export async function testSplitKLayers(
  context: KernelContext,
  format: MatrixFormat,
  epsilon: number,
  target: KernelTarget,
): Promise<void> {
  const matrix = { ...format, rows: SIDE, cols: SIDE };
  const matrices = { qkv: matrix, output: matrix, gate: matrix, down: matrix };
  const text = { hiddenSize: SIDE, rmsNormEps: epsilon };
  for (const layer of (await compileSplitK(context.compiler, matrices, text, target)) ?? []) {
    await testLayer(context, layer, { format: matrix, tokens: Math.min(TOKENS, layer.upTo - 5), epsilon });
  }
}

async function testLayer(
  context: KernelContext,
  layer: SplitKLayer,
  { format, tokens, epsilon }: { readonly format: MatrixFormat; readonly tokens: number; readonly epsilon: number },
): Promise<void> {
  const random = pseudoRandom();
  const fixture = new KernelFixture(context);
  try {
    const matrix = () => loadMadeUpMatrix(context, fixture, format, random);
    const [gate, up, down, qkv, output] = [
      await matrix(),
      await matrix(),
      await matrix(),
      await matrix(),
      await matrix(),
    ];
    const [stream, x, bias] = [random(tokens * SIDE), random(tokens * SIDE), random(SIDE)];
    const weight = new Float32Array(SIDE).fill(GAMMA);
    const gamma = fixture.filled(weight);
    const [hidden, after] = [fixture.filled(stream), fixture.filled(stream)];
    const [normed, intermediate] = [fixture.empty(tokens * SIDE * 4), fixture.empty(tokens * SIDE * 4)]; // f16 on subgroup matrices
    const lengths = layer.partialSums(tokens);
    const [sums, upPartialSums] = [fixture.empty(lengths.sums * 4), fixture.empty(lengths.upPartialSums * 4)];
    const y = fixture.empty(tokens * SIDE * 4);
    const params = fixture.params({ tokens });
    const run = (step: SizedKernel, ...buffers: readonly GPUBuffer[]): void => {
      const { compiled, grid } = step(tokens);
      fixture.dispatch(compiled, [...buffers, params], grid);
    };
    run(layer.firstNorm, hidden, gamma, normed);
    run(layer.gateUp, ...gate.buffers, normed, sums);
    run(layer.gateUp, ...up.buffers, normed, upPartialSums);
    run(layer.swiglu, sums, upPartialSums, intermediate);
    run(layer.down, ...down.buffers, intermediate, sums);
    run(layer.nextNorm, sums, hidden, gamma, normed);
    run(layer.qkv, ...qkv.buffers, normed, sums);
    run(layer.bias, sums, fixture.filled(bias), y);
    run(layer.output, ...output.buffers, fixture.filled(x), sums);
    run(layer.attentionNorm, sums, after, gamma, normed);

    const first = rmsNorm(stream, SIDE, epsilon, weight);
    const gates = times(first, gate.weights);
    const inside = times(first, up.weights).map((value, i) => value * silu(gates[i] ?? 0));
    const behind = sum(stream, times(inside, down.weights));
    const expected = [
      { what: 'MLP, split-K', found: hidden, values: behind },
      {
        what: 'qkv, split-K',
        found: y,
        values: times(rmsNorm(behind, SIDE, epsilon, weight), qkv.weights).map(
          (value, i) => value + (bias[i % SIDE] ?? 0),
        ),
      },
      { what: 'o_proj, split-K', found: after, values: sum(stream, times(x, output.weights)) },
    ];
    for (const { what, found, values } of expected)
      await fixture.expect(what, found, values, { cols: SIDE, stride: SIDE });
  } finally {
    fixture.dispose();
  }
}

/** X Wᵀ. */
function times(x: ArrayLike<number>, weights: Float32Array): Float32Array {
  return Float32Array.from(product(x, weights, SIDE));
}

function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + (b[i] ?? 0));
}
