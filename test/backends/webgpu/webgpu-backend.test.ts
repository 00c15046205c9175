/** The backend of our kernels on a recording device: the dispatches of a run in each regime, their buffers, and cleanup. */
import { describe, expect, it, vi } from 'vitest';
import { createContext } from '../../../src/backends/webgpu/context.ts';
import { compileDecoder } from '../../../src/backends/webgpu/decoder/decoder-kernels.ts';
import { DecoderRun } from '../../../src/backends/webgpu/decoder/decoder-run.ts';
import { decoderWeights } from '../../../src/backends/webgpu/decoder/decoder-weights.ts';
import { decoderFormats, loadDecoder } from '../../../src/backends/webgpu/decoder/loaded-decoder.ts';
import { WebGpuTextModel } from '../../../src/backends/webgpu/decoder/text-model.ts';
import { TokenEmbedding } from '../../../src/backends/webgpu/decoder/token-embedding.ts';
import { traitsOf } from '../../../src/backends/webgpu/gpu/device-traits.ts';
import { DEFAULT_TUNING } from '../../../src/backends/webgpu/gpu/tuning.ts';
import { BufferFeatures } from '../../../src/backends/webgpu/image-features.ts';
import { openWebGpuBackend } from '../../../src/backends/webgpu/webgpu-backend.ts';
import { readStoredGraph, type StoredGraph } from '../../../src/backends/webgpu/weights/stored-graph.ts';
import type { Sequence, TextModel } from '../../../src/engine/backend.ts';
import type { GraphName } from '../../../src/model/manifest.ts';
import type { ModelFolder } from '../../../src/architectures/model-folder.ts';
import type { LoadEvent } from '../../../src/protocol/events.ts';
import { RecordingDevice, stubGpuConstants, type Traits } from './recording-device.ts';
import { storeZeros, tinyKernels, tinyModel } from './stored-model.ts';

stubGpuConstants();

const MODEL = await tinyModel();
const KERNELS = await tinyKernels();
const STORED = storeZeros(MODEL, 'q8');
const MINIMAL: Traits = { f16: false, subgroupSize: null, subgroupMatrices: false };
const WITH_MATRICES: Traits = { f16: true, subgroupSize: 32, subgroupMatrices: true };
const GREEDY = { logitsRows: 1, wantLogits: false } as const;

function part(name: GraphName): Promise<StoredGraph> {
  const { file, data } = STORED.graphs[name];
  return readStoredGraph(
    STORED.blob(file),
    data.map((path) => ({ path, blob: STORED.blob(path) })),
  );
}

/** The language model without its self-test, which a device that computes nothing cannot pass. */
async function openText(traits: Traits): Promise<{ recorder: RecordingDevice; device: GPUDevice; text: TextModel }> {
  const recorder = new RecordingDevice(traits);
  const { device } = recorder;
  const { text } = KERNELS;
  const context = createContext(device, { ...KERNELS, activations: 'f32' }, DEFAULT_TUNING);
  const { initializers, files } = await part('decoder');
  const stored = decoderWeights(initializers, text);
  const formats = decoderFormats(stored);
  const target = { traits: traitsOf(device), tuning: DEFAULT_TUNING };
  const kernels = await compileDecoder(context.compiler, formats, { text, stored: 'f32', target });
  const loaded = await loadDecoder(context.weights.open(files), stored);
  const run = new DecoderRun(context, loaded, kernels, formats.layer.gate.rows);
  const embedding = await TokenEmbedding.open(context, await part('embed_tokens'));
  return { recorder, device, text: new WebGpuTextModel({ context, embedding, run }) };
}

async function openSequence(
  traits: Traits,
): Promise<{ recorder: RecordingDevice; device: GPUDevice; sequence: Sequence }> {
  const { recorder, device, text } = await openText(traits);
  const sequence = await text.open(1024);
  sequence.setLayout([]);
  recorder.take();
  return { recorder, device, sequence };
}

function ids(count: number): { kind: 'ids'; ids: readonly number[] }[] {
  return [{ kind: 'ids', ids: Array.from({ length: count }, (_, i) => i) }];
}

/** The dispatches before and after the layers of every run. */
const BEFORE = ['embedding', 'residual'];
const AFTER = ['head', 'arg max, candidates', 'arg max'];

/** A layer's dispatches in each regime, and the token counts that select it. */
const REGIMES = [
  { regime: 'GEMV', tokens: 1, layer: ['qkv', 'attention, decode', 'o_proj', 'gate, up', 'down'] },
  {
    regime: 'skinny GEMM',
    tokens: 8,
    layer: [
      'qkv, skinny GEMM',
      'rotary, cache',
      'attention',
      'o_proj, skinny GEMM',
      'gate, up, skinny GEMM',
      'down, skinny GEMM',
    ],
  },
  {
    regime: 'split-K',
    tokens: 27,
    before: ['norm, split-K reduce'],
    layer: [
      'qkv, split-K',
      'qkv bias, split-K reduce',
      'rotary, cache',
      'attention',
      'o_proj, split-K',
      'norm, split-K reduce',
      'qkv, split-K', // gate and up are of the same shape here, so one kernel serves all
      'qkv, split-K',
      'SwiGLU, split-K reduce',
      'down, split-K',
      'norm, split-K reduce',
    ],
  },
  {
    regime: 'GEMM',
    tokens: 400,
    layer: [
      'norm',
      'qkv, GEMM',
      'rotary, cache',
      'attention',
      'attention, KV-split reduce',
      'o_proj, GEMM',
      'norm',
      'gate, GEMM',
      'up, GEMM',
      'down, GEMM',
    ],
  },
] as const;

describe("a run's dispatches", () => {
  it.each(REGIMES)('with $tokens tokens are those of $regime', async ({ tokens, layer, ...more }) => {
    const { recorder, sequence } = await openSequence(MINIMAL);
    await sequence.forward(ids(tokens), GREEDY);
    const before = 'before' in more ? more.before : [];
    const labels = recorder
      .take()
      .flat()
      .map(({ label }) => label);
    expect(labels).toEqual([...BEFORE, ...before, ...layer, ...layer, ...AFTER]);
  });

  it.each([
    [MINIMAL, 16, 'o_proj, skinny GEMM'],
    [WITH_MATRICES, 12, 'o_proj, skinny GEMM'],
    [WITH_MATRICES, 16, 'o_proj, split-K'],
  ])(
    'leave the skinny GEMM earlier where the device has faster arithmetic: %o, %d tokens',
    async (traits, tokens, label) => {
      const { recorder, sequence } = await openSequence(traits);
      await sequence.forward(ids(tokens), GREEDY);
      expect(
        recorder
          .take()
          .flat()
          .map((dispatch) => dispatch.label),
      ).toContain(label);
    },
  );

  it("bind each layer's weights and cache, and buffers that all layers share", async () => {
    const { recorder, sequence } = await openSequence(MINIMAL);
    await sequence.forward(ids(1), GREEDY);
    const bound = recorder.take().flat();
    const down = bound.filter(({ label }) => label === 'down').map(({ buffers }) => buffers);
    const [first, second] = ['0', '1'].map((i) =>
      ['q', 'scales'].map((kind) => `language_model.layers.${i}.mlp.down_proj.weight.${kind}`),
    );
    expect(down).toEqual([
      [...(first ?? []), 'qkv', 'hidden', 'params'],
      [...(second ?? []), 'qkv', 'hidden', 'params'],
    ]);
    const attention = bound.filter(({ label }) => label === 'attention, decode').map(({ buffers }) => buffers);
    expect(attention.map((buffers) => buffers.slice(0, 5))).toEqual([
      ['qkv', 'cos', 'sin', 'keys 0', 'values 0'],
      ['qkv', 'cos', 'sin', 'keys 1', 'values 1'],
    ]);
  });
});

describe('a pipelined step', () => {
  it('is one submit from lookup to arg max, and a copy of its token', async () => {
    const { recorder, sequence } = await openSequence(MINIMAL);
    await sequence.decodeAhead?.(3);
    await sequence.decodeAhead?.(null);
    const [first, firstCopy, second, ...rest] = recorder.take();
    const [{ layer }] = REGIMES;
    expect(first?.map(({ label }) => label)).toEqual([...BEFORE, ...layer, ...layer, ...AFTER]);
    expect(second).toEqual(first);
    expect(first?.[0]?.buffers.slice(-2)).toEqual(['step token', 'step embeds']);
    expect(first?.at(-1)?.buffers.at(-1)).toBe('step token');
    expect([firstCopy, ...rest]).toEqual([[], []]);
    expect(sequence.length).toBe(2);
  });

  it('can be rolled back without waiting for its result', async () => {
    const { recorder, sequence } = await openSequence(MINIMAL);
    await sequence.forward(ids(5), GREEDY);
    await sequence.decodeAhead?.(3);
    recorder.take();
    await sequence.truncate(5);
    expect(sequence.length).toBe(5);
    expect(recorder.take()).toEqual([]);
  });
});

describe('a sequence', () => {
  it('copies rows of features between text on the device', async () => {
    const { recorder, device, sequence } = await openSequence(MINIMAL);
    const { hiddenSize } = KERNELS.text;
    const features = new BufferFeatures(device, { tokens: 6, hiddenSize, activations: 'f32' });
    const rows = { kind: 'features', features, first: 2, count: 3 } as const;
    await sequence.forward([...ids(2), rows, ...ids(1)], { logitsRows: 0, wantLogits: false });
    expect(sequence.length).toBe(6);
    const row = hiddenSize * 4;
    expect(recorder.copies).toEqual([
      { from: 'text embeds', first: 0, to: 'embeds', at: 0, length: 2 * row },
      { from: 'features', first: 2 * row, to: 'embeds', at: 2 * row, length: 3 * row },
      { from: 'text embeds', first: 0, to: 'embeds', at: 5 * row, length: row },
    ]);
  });

  it('grows: copies every head of every layer to its new place, and frees the old buffers', async () => {
    const { recorder, sequence } = await openSequence(MINIMAL);
    await sequence.forward(ids(5), GREEDY);
    await sequence.decodeAhead?.(3);
    const before = recorder.alive.size;
    recorder.take();
    recorder.copies.length = 0;
    await sequence.grow(1536);
    expect([sequence.capacity, sequence.length, recorder.alive.size]).toEqual([1536, 6, before]);
    const { numLayers, numKvHeads, headDim } = KERNELS.text;
    const row = headDim * 4;
    const copies = Array.from({ length: numLayers }, (_, layer) =>
      [`keys ${layer}`, `values ${layer}`].map((label) =>
        Array.from({ length: numKvHeads }, (__, head) => ({
          from: label,
          first: head * 1024 * row,
          to: label,
          at: head * 1536 * row,
          length: 6 * row,
        })),
      ),
    );
    expect(recorder.copies).toEqual(copies.flat(2));
    await sequence.forward(ids(1), GREEDY);
    expect(sequence.length).toBe(7);
    sequence.dispose();
    expect([...recorder.alive].some(({ label }) => label.startsWith('keys'))).toBe(false);
  });

  it('keeps the cached tokens when a run fails: features of another backend, no layout', async () => {
    const { recorder, sequence } = await openSequence(MINIMAL);
    await sequence.forward(ids(4), GREEDY);
    const before = recorder.alive.size;
    const dispose = (): void => undefined;
    const features = { tokens: 1, read: async () => new Float32Array(8), computed: async () => undefined, dispose };
    const foreign = { kind: 'features', features, first: 0, count: 1 } as const;
    await expect(sequence.forward([...ids(1), foreign], GREEDY)).rejects.toThrow(TypeError);
    expect([sequence.length, recorder.alive.size]).toEqual([4, before]);
    const { text } = await openText(MINIMAL);
    await expect((await text.open(64)).forward(ids(1), GREEDY)).rejects.toThrow('setLayout() comes before a run');
  });

  it('frees everything that it made', async () => {
    const { recorder, text } = await openText(MINIMAL);
    const warm = await text.open(64);
    warm.setLayout([]);
    const run = async (sequence: Sequence): Promise<void> => {
      await sequence.forward([...ids(3), ...ids(2)], { logitsRows: 2, wantLogits: true });
      await (
        await sequence.decodeAhead?.(1)
      )?.token;
    };
    await run(warm); // makes the buffers that all sequences share
    warm.dispose();
    const before = new Set(recorder.alive);
    const sequence = await text.open(64);
    sequence.setLayout([]);
    await run(sequence);
    sequence.dispose();
    expect([...recorder.alive].filter((buffer) => !before.has(buffer)).map(({ label }) => label)).toEqual([]);
  });
});

describe('opening the backend', () => {
  const folderOf = (variants: readonly string[]): ModelFolder => {
    const manifest = {
      name: 'tiny',
      dtype: 'q8',
      variants: variants.map((name) => ({ name, graphs: STORED.graphs })),
    };
    return { manifest, model: MODEL, blob: STORED.blob } as unknown as ModelFolder;
  };

  it('fails on a device that computes wrongly, frees everything it made and leaves the device alone', async () => {
    const recorder = new RecordingDevice(MINIMAL);
    const events: LoadEvent[] = [];
    const opening = openWebGpuBackend({
      device: recorder.device,
      folder: folderOf(['f32']),
      variant: 'f32',
      tuning: DEFAULT_TUNING,
      onEvent: (event) => events.push(event),
    });
    await expect(opening).rejects.toMatchObject({ name: 'NumericCheckError' });
    expect(events).toEqual([{ type: 'loadProgress', phase: 'compile', loaded: 0, total: 3, detail: 'vision_encoder' }]);
    await vi.waitFor(() => expect([...recorder.alive].map(({ label }) => label)).toEqual([]));
    expect(recorder.isDestroyed).toBe(false);
  });

  it('says that there are no kernels for another architecture', async () => {
    const { device } = new RecordingDevice(MINIMAL);
    const { kernels: _kernels, ...model } = MODEL;
    const folder = { ...folderOf(['f32']), model: { ...model, modelType: 'toy_vl' } };
    const options = { device, folder, variant: 'f32', tuning: DEFAULT_TUNING, onEvent: () => undefined } as const;
    await expect(openWebGpuBackend(options)).rejects.toMatchObject({
      name: 'RuntimeUnavailableError',
      message: expect.stringContaining('toy_vl'),
    });
  });

  it('says which graphs a folder lacks', async () => {
    const { device } = new RecordingDevice(MINIMAL);
    const options = { device, folder: folderOf(['f32']), tuning: DEFAULT_TUNING, onEvent: () => undefined };
    const opening = openWebGpuBackend({ ...options, variant: 'f16' });
    await expect(opening).rejects.toMatchObject({ name: 'ModelFolderError' });
  });
});

describe('a compiled kernel', () => {
  it('is described by label, choice, bindings and WGSL', async () => {
    const { device } = new RecordingDevice(MINIMAL);
    const context = createContext(device, { ...KERNELS, activations: 'f32' }, DEFAULT_TUNING);
    await TokenEmbedding.open(context, await part('embed_tokens'));
    const [kernel, ...more] = context.compiler.describe();
    expect(more).toEqual([]);
    expect(kernel).toMatchObject({ label: 'embedding', choice: { algorithm: 'embedding' } });
    expect(kernel?.bindings.map(({ name }) => name).slice(-2)).toEqual(['ids', 'out']);
    expect(kernel?.wgsl).toContain('@compute');
  });
});
