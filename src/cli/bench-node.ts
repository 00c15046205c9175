/**
 * npm run -s bench-node -- [--model 3b|7b|tiny] [--backend webgpu] [--steps N] [--cached N] [--repeat N] [--tuning NAME:N,...]
 *                          [--language DIR] [--json]
 *
 * Measures our kernels in Node, through Dawn, with random weights of a preset: the benchmark page's measurements in
 * Chromium. Bundled into one file it needs only the package `webgpu` and a folder for --language.
 */
import { defineCommand } from 'citty';
import type { Preset } from '../architectures/architecture.ts';
import { allPresets, folderModel, presetNamed } from '../architectures/registry.ts';
import { openOnDevice } from '../backends/webgpu/gpu/device-failure.ts';
import { parseTuning } from '../backends/webgpu/gpu/tuning.ts';
import { startDawn } from '../backends/webgpu/node/dawn.ts';
import { openWebGpuBackend, type WebGpuBackendOptions } from '../backends/webgpu/webgpu-backend.ts';
import { randomFolder } from '../converter/random-folder.ts';
import { nodeFolder } from '../io/node/node-folder.ts';
import { MANIFEST_FILE, parseManifest } from '../model/manifest.ts';
import { NamedError } from '../shared/errors.ts';
import { tryParseJson } from '../shared/json.ts';
import { BUNDLED_MODEL } from './bundled-model.ts';
import { measureSpeed } from './node-speed.ts';
import { start } from './start.ts';
import { untilFailure } from './until-failure.ts';

const command = defineCommand({
  meta: { name: 'bench-node', description: "Measures our kernels in Node, with random weights of a model's preset." },
  args: {
    model: { type: 'string', default: '7b', description: [...allPresets().keys()].join(' | ') },
    backend: { type: 'string', default: 'webgpu', description: 'webgpu: the only one that is measured' },
    steps: { type: 'string', default: '64', description: 'Decode steps of a measurement' },
    cached: { type: 'string', default: '512', description: 'Tokens in the KV cache before the first step' },
    repeat: { type: 'string', default: '5', description: 'Measurements; the median is reported' },
    tuning: { type: 'string', default: '', description: "The kernels' sizes, rowsPerThread:4,tile:128 say" },
    language: { type: 'string', default: BUNDLED_MODEL, description: 'Model folder to take the tokenizer from' },
    json: { type: 'boolean', default: false, description: 'Print one JSON object as the last line' },
  },
  async run({ args }) {
    if (args.backend !== 'webgpu') {
      throw new NamedError('UsageError', `--backend is "${args.backend}"; only webgpu is measured.`);
    }
    const preset = presetNamed(args.model);
    const counts = { steps: parseCount('steps', args.steps), cached: parseCount('cached', args.cached) };
    const repeat = parseCount('repeat', args.repeat);
    const report = await bench({ ...counts, preset, repeat, tuning: args.tuning, language: args.language });
    if (args.json) console.log(JSON.stringify(report));
    else console.log(report);
  },
});

interface Options {
  readonly preset: Preset;
  readonly steps: number;
  readonly cached: number;
  readonly repeat: number;
  readonly tuning: string;
  readonly language: string;
}

async function bench({ preset, steps, cached, repeat, tuning: text, language }: Options): Promise<object> {
  const tuning = parseTuning(text);
  const started = performance.now();
  const dawn = await startDawn();
  const { hasF16, hasSubgroups, description: adapter } = dawn.probe;
  const variant = hasF16 ? 'f16' : 'f32';
  const dtype = hasF16 ? 'q4f16' : 'q4';
  const folder = await openRandomFolder(preset, dtype, language);
  const device = await dawn.open({ f16: hasF16, subgroups: hasSubgroups });
  const { backend, failure } = await openOnDevice(device, async () => {
    const options = { device, folder, variant, tuning, onEvent: () => undefined } as const;
    return { backend: await openWebGpuBackend(options) };
  });
  const loadMs = performance.now() - started;
  try {
    const speed = await untilFailure(
      failure,
      measureSpeed({
        model: folder.model,
        backend,
        steps,
        cached,
        repeat,
      }),
    );
    const { name } = folder.manifest;
    return { model: name, dtype, adapter, notes: backend.notes(), steps, cached, repeat, loadMs, ...speed };
  } finally {
    await backend.dispose();
  }
}

/** The files alone: a tokenizer would bring onnxruntime-node and sharp along. */
async function openRandomFolder(
  preset: Preset,
  dtype: 'q4f16' | 'q4',
  language: string,
): Promise<WebGpuBackendOptions['folder']> {
  const files = await randomFolder(preset, dtype, nodeFolder(language));
  const blobs = new Map(files.map(({ path, blob }) => [path, blob]));
  const blob = (path: string): Blob => {
    const found = blobs.get(path);
    if (found === undefined) throw new Error(`the random folder has no ${path}`);
    return found;
  };
  const manifest = parseManifest(tryParseJson(await blob(MANIFEST_FILE).text()));
  return { manifest, model: folderModel(manifest), blob };
}

function parseCount(name: string, value: string): number {
  const count = Number(value);
  if (/^\d+$/.test(value) && count >= 1) return count;
  throw new NamedError('UsageError', `--${name} is "${value}"; use a whole number of at least 1.`);
}

void start(command);
