/**
 * What to say when a folder has no safetensors weights. A folder cannot be listed, so the usual names of other formats
 * are tried, and the error says which of them was found and what to do about it.
 */
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';

interface Explanation {
  readonly files: readonly string[];
  readonly what: string;
}

const EXPLANATIONS: readonly Explanation[] = [
  {
    files: ['adapter_config.json', 'adapter_model.safetensors', 'adapter_model.bin'],
    what: 'is part of a LoRA adapter, not of a whole model; merge it into its base model and save that as safetensors',
  },
  {
    files: ['pytorch_model.bin', 'pytorch_model.bin.index.json', 'pytorch_model.pt', 'model.pt', 'consolidated.00.pth'],
    what:
      'is a pickle, which can run code when it is opened and is not read here; save the model as safetensors ' +
      '(save_pretrained of transformers does)',
  },
  {
    files: ['model.gguf', 'model-f16.gguf', 'model-bf16.gguf', 'ggml-model-f16.gguf', 'ggml-model-q4_k_m.gguf'],
    what: 'is a GGUF model; the original checkpoint, as safetensors, is needed',
  },
  {
    files: Array.from({ length: 20 }, (_, i) => `model-00001-of-${String(i + 1).padStart(5, '0')}.safetensors`),
    what: 'is one shard of a model whose model.safetensors.index.json is missing; download that file too',
  },
];

/**
 * The error for a folder that has neither `model.safetensors` nor its index.
 * @returns a CheckpointError which names what the folder has instead, as far as that can be found out
 */
export async function missingWeights(source: FileSource): Promise<NamedError> {
  if (source.name.endsWith('.gguf')) {
    return new NamedError('CheckpointError', `${source.name} is a GGUF model; the original safetensors are needed`);
  }
  for (const { files, what } of EXPLANATIONS) {
    for (const file of files) {
      if ((await source.blob(file)) !== undefined) {
        return new NamedError('CheckpointError', `${source.name} has no safetensors weights: ${file} ${what}`);
      }
    }
  }
  return new NamedError(
    'CheckpointError',
    `${source.name} has neither model.safetensors nor model.safetensors.index.json; choose the folder of a ` +
      'Qwen2.5-VL checkpoint',
  );
}
