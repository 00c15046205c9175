import { describe, expect, it } from 'vitest';
import { decodeElements, firstNonFinite, openSafetensors, type TensorStore } from '../../src/converter/safetensors.ts';
import { f32File, folder, safetensorsFile } from './safetensors-fixture.ts';

const INDEX = 'model.safetensors.index.json';
const first = f32File({ a: { shape: [3, 2], values: [1, 2, 3, 4, 5, 6] } });
const second = f32File({ b: { shape: [1], values: [7] } });

/** An index which puts tensors into files. */
function index(weightMap: unknown): string {
  return JSON.stringify({ metadata: { total_size: 28 }, weight_map: weightMap });
}

/** A one-tensor checkpoint whose `w` has these bytes. */
function single(dtype: string, shape: readonly number[], data: ArrayBuffer) {
  const header = { w: { dtype, shape, data_offsets: [0, data.byteLength] } };
  return openSafetensors(folder({ 'model.safetensors': safetensorsFile(header, new Uint8Array(data)) }));
}

/** A whole tensor, or some of its rows. */
async function read(
  { tensors, files }: TensorStore,
  name: string,
  firstRow = 0,
  rowCount = Infinity,
): Promise<Float32Array> {
  const entry = tensors.get(name);
  const [rows = 1] = entry?.shape ?? [];
  const blob = entry && files.get(entry.file);
  if (entry === undefined || blob === undefined) throw new Error(`there is no ${name}`);
  const rowBytes = entry.byteLength / rows;
  const start = entry.byteOffset + firstRow * rowBytes;
  const bytes = await blob.slice(start, start + Math.min(rows - firstRow, rowCount) * rowBytes).arrayBuffer();
  return decodeElements(entry, (firstRow * entry.shape.reduce((a, b) => a * b, 1)) / rows, new Uint8Array(bytes));
}

describe('openSafetensors', () => {
  it('opens one file', async () => {
    const store = await openSafetensors(folder({ 'model.safetensors': first }));
    expect([...store.tensors.keys()]).toEqual(['a']);
    expect(await read(store, 'a')).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  });

  it('opens shards through their index', async () => {
    const files = { [INDEX]: index({ a: 'x.safetensors', b: 'y.safetensors' }), 'x.safetensors': first };
    const store = await openSafetensors(folder({ ...files, 'y.safetensors': second }));
    expect(await read(store, 'b')).toEqual(Float32Array.of(7));
    await expect(openSafetensors(folder(files))).rejects.toMatchObject({
      name: 'SafetensorsError',
      message: expect.stringContaining('has no y.safetensors'),
    });
  });

  it('reads only the header and the requested bytes of a file', async () => {
    const slices: [number, number][] = [];
    const spied = new Proxy(first, {
      get(blob, key) {
        if (key === 'size') return blob.size;
        if (key === 'then') return undefined; // a promise of the blob asks whether it is one itself
        if (key !== 'slice') throw new Error(`${String(key)} reads the whole file`);
        return (begin: number, end: number) => {
          slices.push([begin, end]);
          return blob.slice(begin, end);
        };
      },
    });
    const store = await openSafetensors(folder({ 'model.safetensors': spied }));
    await read(store, 'a', 2, 1);
    const data = first.size - 24;
    expect(slices).toEqual([
      [0, 8],
      [8, data],
      [data + 16, data + 24],
    ]);
  });

  it('upcasts f16 and bf16', async () => {
    const half = await single('F16', [2], Uint16Array.of(0x3c00, 0xc000).buffer);
    expect(await read(half, 'w')).toEqual(Float32Array.of(1, -2));
    const brain = await single('BF16', [2], Uint16Array.of(0x3f80, 0xc000).buffer);
    expect(await read(brain, 'w')).toEqual(Float32Array.of(1, -2));
  });

  it('lists tensors of other dtypes, and refuses to read them', async () => {
    const store = await single('I64', [1], new ArrayBuffer(8));
    expect(store.tensors.get('w')?.dtype).toBe('I64');
    await expect(read(store, 'w')).rejects.toMatchObject({
      name: 'CheckpointError',
      message: expect.stringContaining('tensor w of model.safetensors is I64, not F32, F16 or BF16'),
    });
  });

  it.each([
    ['F32', Float32Array.of(0, 0, 0, Number.NaN).buffer],
    ['F32', Float32Array.of(0, 0, 0, -Infinity).buffer],
    ['F16', Uint16Array.of(0, 0, 0, 0x7c00).buffer],
    ['BF16', Uint16Array.of(0, 0, 0, 0xffc0).buffer],
  ])('refuses a NaN or infinity in %s weights, naming the tensor and the element', async (dtype, data) => {
    const store = await single(dtype, [2, 2], data);
    const error = { name: 'CheckpointError', message: expect.stringMatching(/tensor w .*(NaN|Infinity) at element 3/) };
    await expect(read(store, 'w')).rejects.toMatchObject(error);
    await expect(read(store, 'w', 1, 1)).rejects.toMatchObject(error);
    await expect(read(store, 'w', 0, 1)).resolves.toHaveLength(2);
  });

  it.each([
    ['is not JSON', '{'],
    ['has no object "weight_map"', '{}'],
    ['has no object "weight_map"', index(['x.safetensors'])],
    ['names no tensor', index({})],
    ['"../x.safetensors"', index({ a: '../x.safetensors' })],
    ['"x.bin"', index({ a: 'x.bin' })],
    ['"a/../../x.safetensors"', index({ a: 'a/../../x.safetensors' })],
    ['"/x.safetensors"', index({ a: '/x.safetensors' })],
    ['7', index({ a: 7 })],
  ])('refuses an index that %s', async (message, text) => {
    const source = folder({ [INDEX]: text, 'x.safetensors': first, 'y.safetensors': second });
    const error = { name: 'SafetensorsError', message: expect.stringContaining(message) };
    await expect(openSafetensors(source)).rejects.toMatchObject(error);
  });

  it.each([
    ['names tensors that no shard has', { a: 'x.safetensors', b: 'y.safetensors', c: 'x.safetensors' }],
    ['names the wrong shard', { a: 'y.safetensors', b: 'x.safetensors' }],
    ['leaves tensors out', { b: 'y.safetensors', z: 'x.safetensors' }],
    ['writes paths with ./', { a: './x.safetensors', b: './y.safetensors' }],
  ])('trusts the shards where the index %s, as transformers does', async (_, map) => {
    const source = folder({ [INDEX]: index(map), 'x.safetensors': first, 'y.safetensors': second });
    const { tensors } = await openSafetensors(source);
    expect([...tensors].map(([name, { file }]) => [name, file])).toEqual([
      ['a', 'x.safetensors'],
      ['b', 'y.safetensors'],
    ]);
  });

  it('finds shards in a sub-folder', async () => {
    const source = folder({ [INDEX]: index({ a: 'w/x.safetensors' }), 'w/x.safetensors': first });
    expect((await openSafetensors(source)).tensors.get('a')?.file).toBe('w/x.safetensors');
  });

  it('takes the later copy of a tensor that two shards hold, at its place in that file', async () => {
    const files = { 'x.safetensors': first, 'y.safetensors': first, 'z.safetensors': second };
    const source = folder({ ...files, [INDEX]: index({ a: 'x.safetensors', b: 'z.safetensors', c: 'y.safetensors' }) });
    const { tensors } = await openSafetensors(source);
    expect([...tensors].map(([name, { file }]) => [name, file])).toEqual([
      ['a', 'y.safetensors'],
      ['b', 'z.safetensors'],
    ]);
  });

  it.each([
    ['adapter_config.json', 'LoRA adapter'],
    ['adapter_model.safetensors', 'LoRA adapter'],
    ['pytorch_model.bin', 'pickle'],
    ['pytorch_model.bin.index.json', 'pickle'],
    ['model.pt', 'pickle'],
    ['model.gguf', 'GGUF'],
    ['model-00001-of-00004.safetensors', 'model.safetensors.index.json is missing'],
    ['README.md', 'has neither model.safetensors nor'],
  ])('explains what is missing from a folder with only %s', async (file, message) => {
    const error = { name: 'CheckpointError', message: expect.stringContaining(message) };
    await expect(openSafetensors(folder({ [file]: '' }))).rejects.toMatchObject(error);
  });
});

describe('firstNonFinite', () => {
  it('finds the first NaN or infinity and nothing else', () => {
    expect(firstNonFinite(Float32Array.of(3.4e38, -0, 1e-45, -3.4e38))).toBe(-1);
    expect(firstNonFinite(Float32Array.of(0, Infinity, Number.NaN))).toBe(1);
    expect(firstNonFinite(Float32Array.of(Number.NaN, 1, -Infinity).subarray(1))).toBe(1);
  });
});
