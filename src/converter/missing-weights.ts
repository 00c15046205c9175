/**
 * The error for a folder without safetensors weights: it says what the folder has instead, and what to do. In a folder that
 * cannot be listed it probes for the usual names of other formats.
 */
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';

interface Explanation {
  readonly names: RegExp;
  /** Names to probe for if the folder cannot be listed. */
  readonly usual: readonly string[];
  readonly what: string;
}

const EXPLANATIONS: readonly Explanation[] = [
  {
    names: /^adapter_(config\.json|model\.(safetensors|bin))$/,
    usual: ['adapter_config.json', 'adapter_model.safetensors', 'adapter_model.bin'],
    what: 'is part of a LoRA adapter, not of a whole model; merge it into its base model and save that as safetensors',
  },
  {
    names: /^model-\d+-of-\d+\.safetensors$/,
    usual: Array.from({ length: 20 }, (_, i) => `model-00001-of-${String(i + 1).padStart(5, '0')}.safetensors`),
    what: 'is one shard of a model whose model.safetensors.index.json is missing; download that file too',
  },
  {
    names: /\.(bin(\.index\.json)?|pt|pth|ckpt|pkl)$/,
    usual: ['pytorch_model.bin', 'pytorch_model.bin.index.json', 'pytorch_model.pt', 'model.pt', 'consolidated.00.pth'],
    what:
      'is a pickle, which can run code when it is opened and is not read here; save the model as safetensors ' +
      '(save_pretrained of transformers does)',
  },
  {
    names: /\.gguf$/i,
    usual: ['model.gguf', 'model-f16.gguf', 'model-bf16.gguf', 'ggml-model-f16.gguf', 'ggml-model-q4_k_m.gguf'],
    what: 'is a GGUF model; the original checkpoint, as safetensors, is needed',
  },
];

/** The error for a folder that has neither `model.safetensors` nor its index: a CheckpointError. */
export async function missingWeights(source: FileSource): Promise<NamedError> {
  return (
    (await otherWeights(source)) ??
    new NamedError(
      'CheckpointError',
      `${source.name} has neither model.safetensors nor model.safetensors.index.json; choose the folder of a ` +
        'checkpoint as Hugging Face saves it',
    )
  );
}

/** A CheckpointError about the weights of another format that a folder has; undefined when none are found. */
export async function otherWeights(source: FileSource): Promise<NamedError | undefined> {
  const listed = await source.list?.();
  for (const { names, usual, what } of EXPLANATIONS) {
    const found = listed?.find((path) => names.test(path)) ?? (listed ? undefined : await firstOf(source, usual));
    if (found === undefined && !names.test(source.name)) continue;
    const subject = found === undefined ? 'it' : found;
    return new NamedError('CheckpointError', `${source.name} has no safetensors weights: ${subject} ${what}`);
  }
  return undefined;
}

async function firstOf(source: FileSource, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await source.blob(path)) !== undefined) return path;
  return undefined;
}
