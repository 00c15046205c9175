/** The vision tower's kernels that move rows: patches into window order, rotary positions, features back into image order. */
import { patchElements, type PatchShape, type VisionConfig } from '../../../model/vision-config.ts';
import { packing, type Stored } from '../attention/cache-format.ts';
import { type Binding, kernel, PARAMS, type RowKernel } from '../gpu/kernel.ts';
import { paddedWidth } from './row-layout.ts';

/** Threads of a workgroup. */
const THREADS = 64;

const ORDER: Binding = { name: 'window_index', type: 'array<u32>', access: 'read' };

/**
 * Cuts an image into `params.tokens` patches, `params.columns` of them side by side, in window order: channel, frame, row, column,
 * rows padded with zeros. Bindings: pixels u8 `[height, width, 3]`, normalised f32 `[3, 256]`, window_index u32
 * `[groups]`, patches, params. Source: src/image/patchify.ts, which does the same on the host.
 */
export function patchKernel(shape: PatchShape & Pick<VisionConfig, 'spatialMergeSize'>): RowKernel {
  const { patchSize: side, spatialMergeSize: merge, inChannels: channels } = shape;
  const cols = patchElements(shape);
  const stride = paddedWidth(cols);
  const body = `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${stride}u || id.y >= params.tokens) { return; }
  let element = min(id.x, ${cols - 1}u);
  let channel = element / ${cols / channels}u;
  let place = element % ${side * side}u;
  let group = window_index[id.y / ${merge * merge}u];
  let patch_in_group = id.y % ${merge * merge}u;
  let groups_across = params.columns / ${merge}u;
  let y = (group / groups_across * ${merge}u + patch_in_group / ${merge}u) * ${side}u + place / ${side}u;
  let x = (group % groups_across * ${merge}u + patch_in_group % ${merge}u) * ${side}u + place % ${side}u;
  let at = (y * params.columns * ${side}u + x) * ${channels}u + channel;
  let value = (pixels[at / 4u] >> (at % 4u * 8u)) & 0xffu;
  patches[id.y * ${stride}u + id.x] = select(0.0, normalised[channel * 256u + value], id.x < ${cols}u);
}`;
  const bindings: Binding[] = [
    { name: 'pixels', type: 'array<u32>', access: 'read' },
    { name: 'normalised', type: 'array<f32>', access: 'read' },
    ORDER,
    { name: 'patches', type: 'array<f32>', access: 'read_write' },
    PARAMS,
  ];
  return { kernel: kernel({ label: 'vision patches', bindings, body }), groups: Math.ceil(stride / THREADS) };
}

/**
 * Rotates queries and keys in place (the two halves of a head are not interleaved), and scales queries for a softmax by powers of two:
 * log2(e) / sqrt(headDim). Bindings: qkv f32 `[params.tokens, 3 numHeads headDim]`, cos and sin f32 `[tokens, headDim / 2]`, params.
 */
export function rotaryKernel({
  numHeads,
  headDim,
}: {
  readonly numHeads: number;
  readonly headDim: number;
}): RowKernel {
  const half = headDim / 2;
  const hidden = numHeads * headDim;
  const body = `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${hidden}u || id.y >= params.tokens) { return; } // one pair per thread, of the queries and of the keys
  let j = id.x % ${half}u;
  let at = id.y * ${paddedWidth(3 * hidden)}u + (id.x / ${half}u) * ${headDim}u + j;
  let scale = select(1.0, ${Math.LOG2E / Math.sqrt(headDim)}f, id.x < ${hidden / 2}u);
  let c = cos_rows[id.y * ${half}u + j] * scale;
  let s = sin_rows[id.y * ${half}u + j] * scale;
  let a = qkv[at];
  let b = qkv[at + ${half}u];
  qkv[at] = a * c - b * s;
  qkv[at + ${half}u] = b * c + a * s;
}`;
  const bindings: Binding[] = [
    { name: 'qkv', type: 'array<f32>', access: 'read_write' },
    { name: 'cos_rows', type: 'array<f32>', access: 'read' },
    { name: 'sin_rows', type: 'array<f32>', access: 'read' },
    PARAMS,
  ];
  return { kernel: kernel({ label: 'vision rotary', bindings, body }), groups: Math.ceil(hidden / THREADS) };
}

/**
 * The same for attention with subgroup matrices: writes rotated queries and keys, and unchanged values, to f16 `[params.tokens, 3 numHeads
 * headDim]`. A thread packs eight numbers of each half of a head. Bindings: qkv, cos, sin, packed, params.
 */
export function packedRotaryKernel({
  numHeads,
  headDim,
}: {
  readonly numHeads: number;
  readonly headDim: number;
}): RowKernel {
  const perHead = headDim / 16;
  const quads = headDim / 4;
  const count = 3 * numHeads * perHead;
  const body = `
${packing('f16')}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${count}u || id.y >= params.tokens) { return; }
  let head = id.x / ${perHead}u; // of the queries, then of the keys, then of the values
  let j = id.x % ${perHead}u;
  let at = id.y * ${paddedWidth(3 * numHeads * headDim) / 4}u + head * ${quads}u + j * 2u;
  var a0 = qkv[at];
  var a1 = qkv[at + 1u];
  var b0 = qkv[at + ${quads / 2}u];
  var b1 = qkv[at + ${quads / 2 + 1}u];
  if (head < ${2 * numHeads}u) {
    let scale = select(1.0, ${Math.LOG2E / Math.sqrt(headDim)}f, head < ${numHeads}u);
    let row = id.y * ${quads / 2}u + j * 2u;
    let c0 = cos_rows[row] * scale;
    let c1 = cos_rows[row + 1u] * scale;
    let s0 = sin_rows[row] * scale;
    let s1 = sin_rows[row + 1u] * scale;
    let r0 = a0 * c0 - b0 * s0;
    let r1 = a1 * c1 - b1 * s1;
    b0 = b0 * c0 + a0 * s0;
    b1 = b1 * c1 + a1 * s1;
    a0 = r0;
    a1 = r1;
  }
  let to = id.y * ${3 * numHeads * (headDim / 8)}u + head * ${headDim / 8}u + j;
  packed[to] = pack8(a0, a1);
  packed[to + ${perHead}u] = pack8(b0, b1);
}`;
  const bindings: Binding[] = [
    { name: 'qkv', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'cos_rows', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'sin_rows', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'packed', type: 'array<vec4<u32>>', access: 'read_write' },
    PARAMS,
  ];
  return { kernel: kernel({ label: 'vision rotary', bindings, body }), groups: Math.ceil(count / THREADS) };
}

/**
 * Reorders features f32 from window order, rows padded, to image order without padding, as `stored`. Bindings:
 * features, window_index u32 `[params.tokens]`, image_features, params. Throws RangeError for an odd width in f16.
 */
export function featureKernel(cols: number, stored: Stored): RowKernel {
  const perWord = stored === 'f16' ? 2 : 1;
  if (cols % perWord !== 0) throw new RangeError(`${cols} f16 numbers are not whole words`);
  const words = cols / perWord;
  const body = `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${words}u || id.y >= params.tokens) { return; }
  let at = id.y * ${paddedWidth(cols)}u + id.x * ${perWord}u;
  image_features[window_index[id.y] * ${words}u + id.x] =
    ${stored === 'f16' ? 'pack2x16float(vec2<f32>(features[at], features[at + 1u]))' : 'bitcast<u32>(features[at])'};
}`;
  const bindings: Binding[] = [
    { name: 'features', type: 'array<f32>', access: 'read' },
    ORDER,
    { name: 'image_features', type: 'array<u32>', access: 'read_write' },
    PARAMS,
  ];
  return { kernel: kernel({ label: 'vision features', bindings, body }), groups: Math.ceil(words / THREADS) };
}
