/** Finds the tensors of a model in a checkpoint, before anything is converted. */
import type { ConvertibleModel } from '../architectures/architecture.ts';
import { NamedError } from '../shared/errors.ts';
import type { TensorEntry } from './safetensors-header.ts';
import type { TensorStore } from './safetensors.ts';

/** The checkpoint's name for every canonical one. */
export interface ResolvedTensors {
  /**
   * The checkpoint's name of a canonical tensor. With tied embeddings the output projection has the embedding's name.
   * @throws CheckpointError when the model has no tensor of that canonical name
   */
  name(canonical: string): string;
}

const FORMATS = ['F32', 'F16', 'BF16'];
/** Faults that a message lists; it only counts the rest. */
const LISTED = 5;

/**
 * Finds every tensor the model needs.
 * @throws CheckpointError listing the first few tensors which are missing or have another shape or an unreadable dtype,
 * or when the checkpoint has more layers than its config.json says
 */
export function resolveTensors(store: TensorStore, { checkpoint, modelType }: ConvertibleModel): ResolvedTensors {
  const names = new Map<string, string>();
  const faults: string[] = [];
  const unreadable: TensorEntry[] = [];
  for (const [canonical, shape] of checkpoint.shapes) {
    const candidates = checkpoint.spellings(canonical);
    const entry = candidates.map((name) => store.tensors.get(name)).find((found) => found !== undefined);
    if (entry === undefined) faults.push(`${candidates.join(' or ')} [${shape}] is missing`);
    else if (entry.shape.join() !== shape.join()) faults.push(`${entry.name} is [${entry.shape}], not [${shape}]`);
    else if (!FORMATS.includes(entry.dtype)) unreadable.push(entry);
    else names.set(canonical, entry.name);
  }
  // A checkpoint with more layers than its config says would convert silently, and answer nonsense.
  const extra = checkpoint.beyond.filter((name) => store.tensors.has(name));
  faults.push(...extra.map((name) => `${name} is beyond config.json's layers`));
  if (unreadable.length > 0) throw unreadableWeights(unreadable);
  if (faults.length > 0) throw mismatch(faults);
  return {
    name(canonical) {
      const name = names.get(canonical);
      if (name === undefined)
        throw new NamedError('CheckpointError', `a ${modelType} model has no tensor ${canonical}`);
      return name;
    },
  };
}

/** A list for a message, cut short. */
function listed(faults: readonly string[]): string {
  const more = faults.length > LISTED ? `; and ${faults.length - LISTED} more` : '';
  return faults.slice(0, LISTED).join('; ') + more;
}

/** The error for weights in an unsupported format: too wide, or quantised by a method that config.json does not name. */
function unreadableWeights(entries: readonly TensorEntry[]): NamedError {
  const list = listed(entries.map(({ name, dtype }) => `${name} is ${dtype}, not ${FORMATS.join(', ')}`));
  const advice = entries.every(({ dtype }) => dtype === 'F64')
    ? 'Save the checkpoint in one of these (model.to(torch.bfloat16), then save_pretrained)'
    : 'Weights of fewer bits are quantised already, and config.json has no quantization_config that says how: use the ' +
      'original checkpoint';
  return new NamedError('CheckpointError', `weights are in a format that is not read: ${list}. ${advice}`);
}

function mismatch(faults: readonly string[]): NamedError {
  return new NamedError(
    'CheckpointError',
    `the weights do not fit config.json: ${listed(faults)}. Check that both are of one checkpoint and that no file is missing`,
  );
}
