/** The engine on Node: a model folder on disk, on the first backend that starts. */
import { Engine } from '../conversation/engine.ts';
import type { Backend } from '../engine/backend.ts';
import type { Candidate } from '../backends/backend-host.ts';
import { planBackends } from '../backends/registry.ts';
import { FAILURE_REPORT_MS, failureWithin } from '../backends/webgpu/gpu/device-failure.ts';
import { nodeFolder } from '../io/node/node-folder.ts';
import { type ModelFolder, openModelFolder } from '../architectures/model-folder.ts';
import type { VariantName } from '../model/manifest.ts';
import { readManifest } from '../model/read-manifest.ts';
import { filesFor } from '../model/variant-files.ts';
import type { BackendChoice } from '../protocol/engine-api.ts';
import { isNamed, messageOf, NamedError } from '../shared/errors.ts';
import { untilFailure } from './until-failure.ts';

/** Options of opening a model. */
export interface NodeModelOptions {
  /** The model folder. */
  readonly directory: string;
  readonly backend: BackendChoice;
}

/** A model folder, the graphs of it that run, and the engine on the backend that runs them. The caller disposes the engine. */
export interface NodeModel {
  readonly folder: ModelFolder;
  readonly variant: VariantName;
  readonly backend: Backend;
  readonly engine: Engine;
  /** Runs `work` on the model and returns its result. Throws DeviceLostError when the graphics device fails meanwhile. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Opens the model folder at `directory` on the first backend that starts, and reports on stderr which one and why, unless the
 * CPU was requested.
 * Throws ModelFolderError, NumericCheckError, RuntimeUnavailableError when none starts.
 */
export async function openNodeModel({ directory, backend: choice }: NodeModelOptions): Promise<NodeModel> {
  const source = nodeFolder(directory);
  const manifest = await readManifest(source);
  const { candidates, reasons } = await planBackends({ choice, manifest, directory });
  const notes = new Set(reasons);
  let failed: unknown;
  for (const candidate of candidates) {
    const folder = await openModelFolder(source, manifest, { needed: filesFor(manifest, candidate.variant) });
    for (const note of candidate.notes) notes.add(note);
    try {
      const model = await startModel(folder, candidate);
      if (choice === 'auto' || candidate.place !== 'cpu') {
        const why = [...notes, ...model.backend.notes()];
        process.stderr.write(`Backend: ${[`${candidate.label}.`, ...why].join(' ')}\n`);
      }
      return model;
    } catch (thrown) {
      if (candidates.length === 1 || isNamed(thrown, 'ModelFolderError')) throw thrown;
      failed = thrown;
      notes.add(`${candidate.label} failed: ${messageOf(thrown)}`);
    }
  }
  const advice = choice === 'auto' ? '' : 'Update the driver, or let the app choose: --backend auto.';
  throw new NamedError(
    'RuntimeUnavailableError',
    `${manifest.name} could not be started. ${[...notes].join(' ')} ${advice}`.trimEnd(),
    { cause: failed },
  );
}

/** Opens the candidate's backend, and on a graphics device warms it up, which compiles kernels. Frees everything when it throws. */
async function startModel(folder: ModelFolder, { place, variant, open }: Candidate): Promise<NodeModel> {
  const { backend, failure } = await open(folder, () => undefined);
  const engine = new Engine({ folder, backend });
  const model: NodeModel = { folder, variant, backend, engine, run: (work) => untilFailure(failure, work()) };
  if (place === 'cpu') return model;
  try {
    await engine.warmUp();
    const failed = await failureWithin(failure, 0);
    if (failed !== null) throw failed;
    return model;
  } catch (thrown) {
    const failed = await failureWithin(failure, FAILURE_REPORT_MS); // before the device is destroyed, which looks like its loss
    await engine.dispose();
    throw failed ?? thrown;
  }
}
