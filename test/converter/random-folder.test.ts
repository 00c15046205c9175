/** Folders of random weights: complete, deterministic, and with finite logits in both engines. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { env, Qwen2_5_VLForConditionalGeneration, Tensor } from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { BUNDLED_MODEL } from '../../src/cli/bundled-model.ts';
import { randomFolder } from '../../src/converter/random-folder.ts';
import { Engine } from '../../src/conversation/engine.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { fileListFolder } from '../../src/io/web/file-list-folder.ts';
import { openModelFolder } from '../../src/architectures/model-folder.ts';
import { readManifest } from '../../src/model/read-manifest.ts';
import { hashBlob } from '../../src/shared/sha256.ts';
import { PRESETS } from '../../src/architectures/qwen2_5_vl/presets.ts';
import { createNodeRuntime } from '../../src/backends/onnx/node/node-runtime.ts';
import { openOnnxBackend } from '../../src/backends/onnx/onnx-backend.ts';
import type { FolderFile } from '../../src/shared/files.ts';
import { DEFAULT_SETTINGS } from '../../src/protocol/turn.ts';
import { picture } from '../helpers/scripted-engine.ts';
import { decodeSteps } from '../../workers/decode-steps.ts';

const language = nodeFolder(BUNDLED_MODEL);

async function writeFolder(files: readonly FolderFile[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'random-folder-'));
  for (const { path, blob } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), new Uint8Array(await blob.arrayBuffer()));
  }
  return folder;
}

describe('a folder of random weights', () => {
  it('has every file its manifest lists, and is the same each time', async () => {
    const files = await randomFolder(PRESETS.tiny, 'q4', language);
    const source = fileListFolder('random', files);
    await openModelFolder(source, await readManifest(source), { isTrusted: true });
    const again = await randomFolder(PRESETS.tiny, 'q4', language);
    for (const [i, { path, blob }] of files.entries()) {
      expect(again[i]?.path).toBe(path);
      expect(await hashBlob(again[i]?.blob ?? new Blob())).toBe(await hashBlob(blob));
    }
  });

  it.each([
    ['3b', 3_754_622_976],
    ['7b', 8_292_166_656],
  ] as const)('of the preset %s is laid out quickly, and has as many parameters as the model', async (name, count) => {
    const files = await randomFolder(PRESETS[name], 'q4f16', language);
    const manifest = await readManifest(fileListFolder('random', files));
    expect(manifest.parameters).toBe(count);
    expect(files.reduce((sum, { blob }) => sum + blob.size, 0)).toBeGreaterThan(count / 2);
    for (const { blob } of files) expect(blob.size).toBeLessThan(2 ** 31);
  });

  it('runs in both engines, with finite logits', async () => {
    const folder = await writeFolder(await randomFolder(PRESETS.tiny, 'q4', language));

    const source = nodeFolder(folder);
    const ours = await openModelFolder(source, await readManifest(source), { isTrusted: true });
    const runtime = createNodeRuntime(folder);
    const backend = await openOnnxBackend({ folder: ours, variant: 'f32', runtime, onEvent: () => undefined });
    const engine = new Engine({ folder: ours, backend });
    await engine.setImage(picture(112, 84));
    const settings = { ...DEFAULT_SETTINGS, temperature: 1, seed: 1 }; // sampling reads logits
    const { tokenIds: ids } = await decodeSteps({ engine, question: 'What is this?', settings, steps: 11 });
    await engine.dispose();
    expect(ids).toHaveLength(12);
    expect(new Set(ids).size).toBeGreaterThan(4); // NaN would give the same token again and again

    env.allowRemoteModels = false;
    env.localModelPath = `${dirname(folder)}/`;
    const upstream = await Qwen2_5_VLForConditionalGeneration.from_pretrained(basename(folder), { device: 'cpu' });
    const count = 20;
    const output = (await upstream.forward({
      input_ids: new Tensor(
        'int64',
        BigInt64Array.from({ length: count }, (_, i) => BigInt(20 + i)),
        [1, count],
      ),
      attention_mask: new Tensor('int64', new BigInt64Array(count).fill(1n), [1, count]),
    })) as { logits: Tensor };
    await upstream.dispose();
    const logits = output.logits.data as Float32Array;
    expect(logits.every(Number.isFinite)).toBe(true);
    const mean = logits.reduce((sum, x) => sum + x, 0) / logits.length;
    const deviation = Math.sqrt(logits.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logits.length);
    expect(deviation).toBeGreaterThan(0.3);
    expect(deviation).toBeLessThan(3);
  });
});
