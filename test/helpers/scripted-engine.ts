/** An engine on a scripted backend, with a real tokenizer and real prompts but no weights. */
import { readFileSync } from 'node:fs';
import { Engine } from '../../src/conversation/engine.ts';
import { LIKELY_LIMITS, type LikelyLimits } from '../../src/conversation/prefetch.ts';
import type { Tool } from '../../src/conversation/tools/tool.ts';
import { CHATML } from '../../src/architectures/qwen2_5_vl/chat.ts';
import type { QwenConfig } from '../../src/architectures/qwen2_5_vl/config.ts';
import type { GraphFiles, GraphName } from '../../src/model/manifest.ts';
import type { ModelFolder } from '../../src/architectures/model-folder.ts';
import { defineQwen } from '../../src/architectures/qwen2_5_vl/qwen2_5_vl.ts';
import { DEFAULT_PROCESSOR_SETTINGS } from '../../src/architectures/qwen2_5_vl/image-processor.ts';
import { promptsFile } from '../../src/model/prompt-files.ts';
import { parsePrompts, type Prompts } from '../../src/model/prompts.ts';
import { Tokenizer } from '../../src/model/tokenizer.ts';
import type { RgbImage } from '../../src/shared/rgb-image.ts';
import { type Script, ScriptedBackend, type ScriptedOptions } from './scripted-backend.ts';

const CHECKPOINT = new URL('../golden/tiny/nested-tied-bf16/checkpoint/', import.meta.url);
const json = (file: string): unknown => JSON.parse(readFileSync(new URL(file, CHECKPOINT), 'utf8'));

/** The small model's tokenizer. */
export const TOKENIZER = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
/** The small model's prompts, which have no error turn. */
export const NANO_PROMPTS: Prompts = parsePrompts(json('prompts.json'), CHATML);
/** VisionThink's prompts. */
export const EFFICIENT_PROMPTS: Prompts = parsePrompts(promptsFile('efficient', CHATML), CHATML);
/** One round, no tool. */
export const GENERAL_PROMPTS: Prompts = parsePrompts(promptsFile('general', CHATML), CHATML);

export const IM_START = 1;
export const IM_END = 2;
export const IMAGE_PAD = 5;

/** The tool call both prompt sets teach. */
export const CALL =
  '<think>Too small.</think><tool_call>{"name": "resize_image", "arguments": {"action": "resize"}}</tool_call>';
export const ANSWER = '<think>I see this clearly.</think><answer>42</answer>';

/** The smallest model config that the interfaces allow. */
export function smallConfig(contextLength: number): QwenConfig {
  return {
    text: {
      hiddenSize: 8,
      intermediateSize: 16,
      numLayers: 2,
      numHeads: 2,
      numKvHeads: 1,
      headDim: 4,
      vocabSize: 336,
      rmsNormEps: 1e-6,
      ropeTheta: 10000,
      mropeSection: [1, 1, 0],
      tieWordEmbeddings: true,
      maxPositionEmbeddings: contextLength,
    },
    vision: {
      depth: 1,
      hiddenSize: 8,
      intermediateSize: 16,
      numHeads: 2,
      headDim: 4,
      patchSize: 14,
      temporalPatchSize: 2,
      inChannels: 3,
      spatialMergeSize: 2,
      windowSize: 112,
      fullAttentionBlocks: [0],
      outHiddenSize: 8,
    },
    tokens: { imageTokenId: IMAGE_PAD, visionStartTokenId: 3, visionEndTokenId: 4, eosTokenIds: [IM_END] },
  };
}

/** Answers round after round with these texts, each ended by `<|im_end|>`. */
export function respond(...rounds: readonly string[]): Script {
  return respondIds(...rounds.map((text) => [...TOKENIZER.encode(text), IM_END]));
}

/** Answers round after round with these ids; `<|im_end|>` when they are used up. */
export function respondIds(...rounds: readonly (readonly number[])[]): Script {
  const header = TOKENIZER.encode('<|im_start|>assistant\n');
  return {
    next(sequence) {
      let round = -1;
      let start = 0;
      for (let i = 0; i + header.length <= sequence.length; i++) {
        if (header.every((id, j) => sequence[i + j] === id)) {
          round++;
          start = i + header.length;
        }
      }
      return rounds[round]?.[sequence.length - start] ?? IM_END;
    },
  };
}

/** A picture whose pixels depend on `seed`. */
export function picture(width: number, height: number, seed = 1): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7 + seed * 31 + (i >> 5) * seed) % 256);
  return { width, height, data };
}

/** The limits of the app, but that no view takes too long: on a busy machine any may. */
const PATIENT: LikelyLimits = { ...LIKELY_LIMITS, longestMs: Infinity };

/** Options of a scripted engine. */
export interface EngineOptions extends Omit<ScriptedOptions, 'vocabSize'> {
  readonly prompts?: Prompts;
  readonly contextLength?: number;
  /** The tools that prompts may name; not given: all. */
  readonly tools?: readonly [Tool, ...Tool[]];
  /** Limits of views that are encoded before they are asked for; not given: those of the app, however long one takes. */
  readonly likely?: LikelyLimits;
}

/** Makes an engine, and returns it with its backend. */
export function openScripted(options: EngineOptions): { engine: Engine; backend: ScriptedBackend } {
  const config = smallConfig(options.contextLength ?? 4096);
  const backend = new ScriptedBackend({ vocabSize: config.text.vocabSize, ...options });
  const folder = modelFolder(config, options.prompts ?? NANO_PROMPTS);
  return { engine: new Engine({ folder, backend, tools: options.tools, likely: options.likely ?? PATIENT }), backend };
}

/** A model folder without files. */
export function modelFolder(config: QwenConfig, prompts: Prompts): ModelFolder {
  const graph = (name: GraphName): GraphFiles => ({ file: `${name}.f32.onnx`, data: [] });
  const graphs = {
    vision_encoder: graph('vision_encoder'),
    embed_tokens: graph('embed_tokens'),
    decoder: graph('decoder'),
    attention_check: graph('attention_check'),
  };
  return {
    manifest: {
      format: 'visionthink-model',
      version: 1,
      name: 'scripted',
      source: 'a test',
      dtype: 'fp32',
      architecture: 'qwen2_5_vl',
      config: config,
      parameters: 0,
      largestTensorBytes: 0,
      variants: [{ name: 'f32', graphs }],
      defaultPixelBudget: null,
      files: [],
    },
    model: defineQwen(config),
    prompts,
    processor: DEFAULT_PROCESSOR_SETTINGS,
    tokenizer: TOKENIZER,
    blob: () => new Blob(),
  };
}
