/** Every architecture by its `model_type`. A new one is a folder next to this file, and a line here. */
import { JsonFields } from '../model/json-fields.ts';
import type { Manifest } from '../model/manifest.ts';
import { NamedError } from '../shared/errors.ts';
import type { Architecture, ModelDefinition, Preset } from './architecture.ts';
import { QWEN2_5_VL } from './qwen2_5_vl/qwen2_5_vl.ts';

const ARCHITECTURES = new Map<string, Architecture>();
registerArchitecture(QWEN2_5_VL);

/** Adds an architecture from outside this folder, such as a test's. */
export function registerArchitecture(architecture: Architecture): void {
  ARCHITECTURES.set(architecture.modelType, architecture);
}

/**
 * The model a checkpoint holds, by its config.json's `model_type`; by `architectures` if it has none.
 * @throws CheckpointError for an unknown architecture, and for an invalid config.json
 */
export function checkpointModel(config: unknown, generationConfig: unknown): ModelDefinition {
  return architectureOfCheckpoint(config).fromCheckpoint(config, generationConfig);
}

/**
 * The model a model folder holds.
 * @throws ModelFolderError for an unknown architecture, and for an invalid model config
 */
export function folderModel({ name, architecture, config }: Manifest): ModelDefinition {
  const found = ARCHITECTURES.get(architecture);
  if (found !== undefined) return found.fromManifest(config);
  throw new NamedError(
    'ModelFolderError',
    `${name} is a model of the architecture "${architecture}", which this version of the app does not know; it knows ${knownTypes()}. ` +
      'Use the version that converted it, or convert the checkpoint with this one if that knows it.',
  );
}

/** The presets of every architecture, by name. */
export function allPresets(): ReadonlyMap<string, Preset> {
  return new Map([...ARCHITECTURES.values()].flatMap(({ presets = {} }) => Object.entries(presets)));
}

/** Finds a preset. Throws UsageError for an unknown name. */
export function presetNamed(name: string): Preset {
  const presets = allPresets();
  const found = presets.get(name);
  if (found !== undefined) return found;
  throw new NamedError('UsageError', `There is no preset "${name}"; use ${[...presets.keys()].join(', ')}.`);
}

function architectureOfCheckpoint(config: unknown): Architecture {
  const fields = new JsonFields(config, 'config.json', 'CheckpointError');
  const modelType = fields.get('model_type');
  const architectures = fields.get('architectures');
  if (modelType === undefined && architectures === undefined) {
    throw refused(`has neither model_type nor architectures`);
  }
  const named = (architecture: Architecture): boolean =>
    Array.isArray(architectures) && architectures.includes(architecture.className);
  const all = [...ARCHITECTURES.values()];
  const found =
    modelType === undefined
      ? all.find(named)
      : typeof modelType === 'string'
        ? ARCHITECTURES.get(modelType)
        : undefined;
  if (found === undefined && modelType !== undefined) {
    throw refused(`describes a model of type ${JSON.stringify(modelType)}`);
  }
  if (found === undefined || (architectures !== undefined && !named(found))) {
    throw refused(`names the architecture ${JSON.stringify(architectures)}`);
  }
  return found;
}

function refused(what: string): NamedError {
  const supported = [...ARCHITECTURES.values()].map(
    ({ modelType, className, examples }) => `${modelType} (${className}), as in ${examples}`,
  );
  return new NamedError('CheckpointError', `config.json ${what}; supported is ${supported.join('; ')}`);
}

function knownTypes(): string {
  return [...ARCHITECTURES.keys()].join(', ');
}
