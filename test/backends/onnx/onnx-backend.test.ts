/** The ONNX backend on a scripted runtime: both kinds of cache, pipelined decode, the self-test, and cleanup. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openOnnxBackend } from '../../../src/backends/onnx/onnx-backend.ts';
import { Engine } from '../../../src/conversation/engine.ts';
import type { Backend, Sequence } from '../../../src/engine/backend.ts';
import { preprocess } from '../../../src/image/patchify.ts';
import { DEFAULT_PROCESSOR_SETTINGS } from '../../../src/architectures/qwen2_5_vl/image-processor.ts';
import { DEFAULT_SETTINGS, type TurnResult } from '../../../src/protocol/turn.ts';
import {
  ANSWER,
  CALL,
  modelFolder,
  NANO_PROMPTS,
  picture,
  respond,
  respondIds,
  smallConfig,
} from '../../helpers/scripted-engine.ts';
import { type ScriptedOptions, ScriptedRuntime } from './scripted-runtime.ts';

const CONFIG = smallConfig(4096);
const FOLDER = modelFolder(CONFIG, NANO_PROMPTS);
const KINDS = ['host', 'device'] as const;

/** The token after a sequence is a weighted sum of its tokens: any token at a wrong place changes it. */
const SUMS = {
  next: (sequence: readonly number[]): number =>
    Math.abs(sequence.reduce((sum, token, i) => (sum * 3 + token * (i + 1)) % 97, 0)) + 10,
};

async function open(
  options: Partial<ScriptedOptions> & Pick<ScriptedOptions, 'kind'>,
): Promise<{ backend: Backend; runtime: ScriptedRuntime }> {
  const runtime = new ScriptedRuntime({ config: CONFIG, script: SUMS, ...options });
  const backend = await openOnnxBackend({
    folder: FOLDER,
    variant: 'f32',
    runtime,
    onEvent: () => undefined,
  });
  return { backend, runtime };
}

async function newSequence(backend: Backend): Promise<Sequence> {
  const sequence = await backend.text.open(64);
  sequence.setLayout([]);
  return sequence;
}

const ids = (...values: number[]) => [{ kind: 'ids', ids: values }] as const;
const GREEDY = { logitsRows: 1, wantLogits: false } as const;

describe.each(KINDS)('a sequence on a %s', (kind) => {
  it('gives the arg max of each of the last rows, and none for a chunk', async () => {
    const { backend } = await open({ kind });
    const sequence = await newSequence(backend);
    expect(await sequence.forward(ids(11, 12), { logitsRows: 0, wantLogits: false })).toEqual({
      greedy: [],
      logits: null,
    });
    const { greedy, logits } = await sequence.forward(ids(13, 14, 15), { logitsRows: 2, wantLogits: true });
    expect(greedy).toEqual([SUMS.next([11, 12, 13, 14]), SUMS.next([11, 12, 13, 14, 15])]);
    expect(logits).toBeInstanceOf(Float32Array);
    expect(sequence.length).toBe(5);
  });

  it('continues after the remaining tokens when it is truncated', async () => {
    const { backend } = await open({ kind });
    const sequence = await newSequence(backend);
    await sequence.forward(ids(11, 12, 13, 14), GREEDY);
    await sequence.truncate(2);
    expect(sequence.length).toBe(2);
    expect((await sequence.forward(ids(20), GREEDY)).greedy).toEqual([SUMS.next([11, 12, 20])]);
  });

  it('keeps the cached length when a run fails', async () => {
    const { backend, runtime } = await open({ kind });
    const sequence = await newSequence(backend);
    await sequence.forward(ids(11, 12), GREEDY);
    runtime.beforeRun = ({ graph }) => {
      if (graph === 'decoder') throw new Error('the device is lost');
    };
    await expect(sequence.forward(ids(13), GREEDY)).rejects.toThrow('the device is lost');
    runtime.beforeRun = undefined;
    expect((await sequence.forward(ids(14), GREEDY)).greedy).toEqual([SUMS.next([11, 12, 14])]);
  });

  it('takes rows of an image between text', async () => {
    const { backend } = await open({ kind });
    const features = await backend.vision.encode(preprocess(picture(84, 56), DEFAULT_PROCESSOR_SETTINGS));
    expect(features.tokens).toBe(6);
    const mark = (await features.read())[0] ?? 0;
    const sequence = await backend.text.open(64);
    sequence.setLayout([
      { kind: 'text', tokens: 1 },
      { kind: 'image', grid: { height: 2, width: 3 } },
    ]);
    const rows = { kind: 'features', features, first: 2, count: 3 } as const;
    const { greedy } = await sequence.forward([...ids(11), rows, ...ids(12)], GREEDY);
    expect(greedy).toEqual([SUMS.next([11, mark, mark, mark, 12])]);
  });

  it('refuses features of another backend', async () => {
    const { backend } = await open({ kind });
    const dispose = (): void => undefined;
    const features = { tokens: 1, read: async () => new Float32Array(8), computed: async () => undefined, dispose };
    const sequence = await newSequence(backend);
    const running = sequence.forward([{ kind: 'features', features, first: 0, count: 1 }], GREEDY);
    await expect(running).rejects.toThrow(TypeError);
  });
});

describe('pipelined decode', () => {
  it('is available on a device, not on a host', async () => {
    const [host, device] = await Promise.all(KINDS.map(async (kind) => newSequence((await open({ kind })).backend)));
    expect(host?.decodeAhead).toBeUndefined();
    expect(device?.decodeAhead).toBeDefined();
  });

  it('passes tokens from step to step on the device, and can be rolled back', async () => {
    const { backend, runtime } = await open({ kind: 'device' });
    const before = runtime.allocated.size;
    const sequence = await newSequence(backend);
    await sequence.forward(ids(11, 12), GREEDY);
    const expected = [11, 12, 20];
    const pending: (Promise<number> | undefined)[] = [];
    for (const id of [20, null, null]) {
      pending.push((await sequence.decodeAhead?.(id))?.token);
      expected.push(SUMS.next(expected));
    }
    expect(sequence.length).toBe(5);
    const tokens: (number | undefined)[] = [];
    for (const token of pending) tokens.push(await token);
    expect(tokens).toEqual(expected.slice(3));
    await sequence.truncate(3);
    const again = await sequence.decodeAhead?.(30);
    expect(await again?.token).toBe(SUMS.next([11, 12, 20, 30]));
    sequence.dispose();
    expect(runtime.allocated.size).toBe(before);
  });
});

describe('an engine on it', () => {
  it('answers the same on a cache that grows and on one that does not', async () => {
    const response = fc.array(fc.integer({ min: 10, max: 14 }), { minLength: 1, maxLength: 30 });
    const [host, device] = await Promise.all(
      KINDS.map(async (kind) => {
        const { backend, runtime } = await open({ kind });
        const engine = new Engine({ folder: FOLDER, backend });
        await engine.setImage(picture(56, 56));
        return { engine, runtime };
      }),
    );
    if (host === undefined || device === undefined) throw new Error('there are two machines');
    await fc.assert(
      fc.asyncProperty(response, async (answer) => {
        const rounds: TurnResult['rounds'][number]['tokenIds'][] = [];
        for (const { engine, runtime } of [host, device]) {
          runtime.script = respondIds(answer);
          const result = await engine.ask('How many?', { ...DEFAULT_SETTINGS, maxNewTokens: 60 }, () => undefined);
          rounds.push(result.rounds[0]?.tokenIds ?? []);
        }
        expect(rounds[0]?.slice(0, -1)).toEqual(answer);
        expect(rounds[1]).toEqual(rounds[0]);
      }),
      { numRuns: 10 },
    );
  });

  it.each(KINDS)('gives a long response on a %s whose cache grows meanwhile', async (kind) => {
    const long = Array.from({ length: 1500 }, (_, i) => 10 + (i % 7));
    const { backend, runtime } = await open({ kind, script: respondIds(long, [11, 12]) });
    const engine = new Engine({ folder: FOLDER, backend });
    await engine.setImage(picture(56, 56));
    const { rounds } = await engine.ask('How many?', { ...DEFAULT_SETTINGS, tool: false }, () => undefined);
    expect(rounds[0]?.tokenIds).toEqual([...long, 2]);
    await engine.dispose();
    expect(runtime.allocated.size).toBe(0);
  });

  it.each(KINDS)('takes a second round on a %s, and frees everything', async (kind) => {
    const { backend, runtime } = await open({ kind, script: respond(CALL, ANSWER) });
    const engine = new Engine({ folder: FOLDER, backend });
    await engine.setImage(picture(112, 112));
    const { answer, rounds } = await engine.ask('How many?', { ...DEFAULT_SETTINGS }, () => undefined);
    expect(answer).toBe('42');
    expect(rounds.map(({ recomputedTokens }) => recomputedTokens)).toEqual([0, 0]);
    await engine.dispose();
    expect(runtime.released).toEqual(['attention_check', 'vision_encoder', 'embed_tokens', 'decoder', 'runtime']);
    expect(runtime.allocated.size).toBe(0);
  });
});

describe('opening', () => {
  it.each(KINDS)('refuses a %s whose attention is wrong, and releases everything it opened', async (kind) => {
    const runtime = new ScriptedRuntime({ config: CONFIG, script: SUMS, kind, wrongAttention: true });
    const opening = openOnnxBackend({ folder: FOLDER, variant: 'f32', runtime, onEvent: () => undefined });
    await expect(opening).rejects.toMatchObject({ name: 'NumericCheckError' });
    expect(runtime.released).toEqual(['attention_check']);
  });

  it('says which graphs a folder lacks', async () => {
    const runtime = new ScriptedRuntime({ config: CONFIG, script: SUMS, kind: 'host' });
    const opening = openOnnxBackend({ folder: FOLDER, variant: 'f16', runtime, onEvent: () => undefined });
    await expect(opening).rejects.toMatchObject({ name: 'ModelFolderError' });
  });
});
