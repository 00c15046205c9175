/** A scalar attention, independent of src/model/reference-attention.ts, which the self-test compares it with. */
import type { Tensor, Tensors } from '../../../src/backends/onnx/runtime.ts';
import type { ModelConfig } from '../../../src/model/model-config.ts';
import { ATTENTION_CHECK } from '../../../src/onnx/graph-names.ts';
import { floats, host, HostTensor, of } from './host-tensor.ts';

/** Grouped-query attention with rotary over a cache. `inPlace`: the cache is static. `wrong`: makes the last number wrong. */
export function groupedAttention(
  feeds: Tensors,
  text: ModelConfig['text'],
  { inPlace, wrong }: { readonly inPlace: boolean; readonly wrong: boolean },
): Record<string, Tensor> {
  const { numHeads, numKvHeads, headDim } = text;
  const width = (numHeads + 2 * numKvHeads) * headDim;
  const qkv = floats(of(feeds, ATTENTION_CHECK.packedQkv));
  const count = qkv.length / width;
  const total = Number(host(of(feeds, ATTENTION_CHECK.totalSequenceLength)).data[0]);
  const past = total - count;
  const cos = floats(of(feeds, ATTENTION_CHECK.cosCache));
  const sin = floats(of(feeds, ATTENTION_CHECK.sinCache));
  const rotated = (token: number, head: number): number[] => {
    const half = headDim / 2;
    const x = qkv.subarray(token * width + head * headDim, token * width + (head + 1) * headDim);
    return Array.from(x, (_, j) => {
      const row = (past + token) * half + (j % half);
      const partner = j < half ? -(x[j + half] ?? 0) : (x[j - half] ?? 0);
      return (x[j] ?? 0) * (cos[row] ?? 1) + partner * (sin[row] ?? 0);
    });
  };
  const grow = (name: string, of1: (token: number, kvHead: number) => ArrayLike<number>): HostTensor => {
    const old = host(of(feeds, name));
    const length = old.dims[2] ?? 0;
    const newLength = inPlace ? length : total;
    const data = new Float32Array(numKvHeads * newLength * headDim);
    for (let head = 0; head < numKvHeads; head++) {
      data.set(
        floats(old).subarray(head * length * headDim, (head * length + past) * headDim),
        head * newLength * headDim,
      );
      for (let i = 0; i < count; i++) data.set(of1(i, head), (head * newLength + past + i) * headDim);
    }
    if (inPlace) floats(old).set(data);
    return inPlace ? old : new HostTensor('float32', data, [1, numKvHeads, newLength, headDim]);
  };
  const key = grow(ATTENTION_CHECK.pastKey, (token, head) => rotated(token, numHeads + head));
  const value = grow(ATTENTION_CHECK.pastValue, (token, head) => {
    const at = token * width + (numHeads + numKvHeads + head) * headDim;
    return qkv.subarray(at, at + headDim);
  });
  const length = key.dims[2] ?? 0;
  const out = new Float32Array(count * numHeads * headDim);
  for (let i = 0; i < count; i++) {
    for (let head = 0; head < numHeads; head++) {
      const kvHead = Math.floor((head * numKvHeads) / numHeads);
      const row = (tensor: HostTensor, j: number): Float32Array => {
        const at = (kvHead * length + j) * headDim;
        return floats(tensor).subarray(at, at + headDim);
      };
      const seen = Array.from({ length: past + i + 1 }, (_, j) => j);
      const attended = attend(
        rotated(i, head),
        seen.map((j) => row(key, j)),
        seen.map((j) => row(value, j)),
        () => 0,
      );
      out.set(attended, (i * numHeads + head) * headDim);
    }
  }
  if (wrong) out[out.length - 1] = 3;
  return {
    [ATTENTION_CHECK.attention]: new HostTensor('float32', out, [1, count, numHeads * headDim]),
    [ATTENTION_CHECK.presentKey]: key,
    [ATTENTION_CHECK.presentValue]: value,
  };
}

/** Attention in windows, with a bias. */
export function windowedAttention(feeds: Tensors, vision: ModelConfig['vision']): Record<string, Tensor> {
  const { numHeads, headDim } = vision;
  const query = of(feeds, ATTENTION_CHECK.visionQuery);
  const [windows = 0, patches = 0, width = 0] = query.dims;
  const bias = floats(of(feeds, ATTENTION_CHECK.visionBias));
  const part = (name: string, window: number, patch: number, head: number): Float32Array => {
    const at = (window * patches + patch) * width + head * headDim;
    return floats(of(feeds, name)).subarray(at, at + headDim);
  };
  const out = new Float32Array(windows * patches * width);
  const all = Array.from({ length: patches }, (_, j) => j);
  for (let window = 0; window < windows; window++) {
    for (let head = 0; head < numHeads; head++) {
      const keys = all.map((j) => part(ATTENTION_CHECK.visionKey, window, j, head));
      const values = all.map((j) => part(ATTENTION_CHECK.visionValue, window, j, head));
      for (const i of all) {
        const q = part(ATTENTION_CHECK.visionQuery, window, i, head);
        const attended = attend(q, keys, values, (j) => bias[(window * patches + i) * patches + j] ?? 0);
        out.set(attended, (window * patches + i) * width + head * headDim);
      }
    }
  }
  return { [ATTENTION_CHECK.visionAttention]: new HostTensor('float32', out, query.dims) };
}

function attend(
  query: ArrayLike<number>,
  keys: readonly Float32Array[],
  values: readonly Float32Array[],
  bias: (key: number) => number,
): number[] {
  const scores = keys.map(
    (key, j) => key.reduce((sum, k, d) => sum + k * (query[d] ?? 0), 0) / Math.sqrt(query.length) + bias(j),
  );
  const max = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - max));
  const sum = weights.reduce((a, b) => a + b, 0);
  return Array.from(query, (_, d) =>
    values.reduce((acc, value, j) => acc + ((weights[j] ?? 0) / sum) * (value[d] ?? 0), 0),
  );
}
