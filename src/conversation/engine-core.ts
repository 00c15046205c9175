/**
 * The components of a loaded model, for the engine's turns and for benchmarks of single stages. It does no scheduling: callers
 * must run one operation at a time.
 */
import type { Backend } from '../engine/backend.ts';
import { Decoder, notFinite } from '../engine/decoder.ts';
import { DeviceQueue } from '../engine/device-queue.ts';
import { PromptLookup } from '../engine/prompt-lookup.ts';
import { countTokens } from '../engine/segments.ts';
import type { ModelFolder } from '../architectures/model-folder.ts';
import type { Prompts } from '../model/prompts.ts';
import { DEFAULT_SETTINGS } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';
import { ImageViews } from './image-views.ts';
import { PromptBuilder } from './prompt-builder.ts';
import type { Tool } from './tools/tool.ts';
import type { TurnContext } from './turn-context.ts';
import { startTurn } from './turn-start.ts';

/** The longest context the engine makes a cache for, whatever the model allows. */
const MAX_CONTEXT = 32_768;

/** What a core is built from. */
export interface CoreOptions {
  readonly folder: ModelFolder;
  readonly backend: Backend;
  /** The tools that prompts may name. */
  readonly tools: readonly [Tool, ...Tool[]];
}

/** A loaded model. */
export class EngineCore {
  readonly context: TurnContext;
  readonly queue: DeviceQueue;
  readonly contextLength: number;
  readonly #folder: ModelFolder;
  readonly #backend: Backend;
  #nextSerial = 0;

  /** Throws ModelFolderError when the prompts name an unknown tool. */
  constructor({ folder, backend, tools }: CoreOptions) {
    const { prompts, tokenizer } = folder;
    const { chat, config } = folder.model;
    this.#folder = folder;
    this.#backend = backend;
    this.queue = new DeviceQueue(backend.leavesThreadFree);
    this.contextLength = Math.min(config.text.maxPositionEmbeddings, MAX_CONTEXT);
    const tool = toolOf(prompts, tools);
    const { calls, callTags } = tool.describe();
    this.context = {
      prompts,
      tool,
      tags: { ...prompts.tags, toolCall: callTags },
      builder: new PromptBuilder(prompts, tokenizer, chat),
      tokenizer,
      decoder: new Decoder({ text: backend.text, contextLength: this.contextLength, queue: this.queue }),
      drafts: new PromptLookup(prompts.tool === null ? [] : calls.map((call) => tokenizer.encode(call))),
      ends: [...config.tokens.eosTokenIds, tokenizer.id(chat.endOfMessage)],
    };
  }

  /** Empty views for the next image. */
  newViews(): ImageViews {
    return new ImageViews({
      processor: this.#folder.processor,
      vision: this.#backend.vision,
      queue: this.queue,
      nextSerial: () => this.#nextSerial++,
    });
  }

  /**
   * Runs every stage once on a small image, so that one-time work of the device is done before the first question. Leaves no
   * state. Throws what a first question would throw, and NumericCheckError if its logits are not finite.
   */
  async warmUp(): Promise<void> {
    const { builder, decoder } = this.context;
    const { patchSize, mergeSize } = this.#folder.processor;
    const side = 4 * patchSize * mergeSize;
    const views = this.newViews();
    const data = Uint8Array.from({ length: 3 * side * side }, (_, i) => i * 89);
    const images = [views.add({ width: side, height: side, data })];
    const settings = { ...DEFAULT_SETTINGS, downsample: false };
    const signal = new AbortController().signal;
    try {
      const { conversation, imageOf } = startTurn(this.context, { question: '', images, views, settings });
      const prompt = builder.prefix(conversation.messages, imageOf);
      const tokens = countTokens(prompt);
      await decoder.reserve(tokens + 2, tokens + 2);
      const { greedy, logits } = await decoder.prefill(prompt, { signal, wantLogits: true });
      if (logits?.every(Number.isFinite) === false) throw notFinite();
      if (decoder.canPipeline)
        for await (const _ of decoder.pipelined(greedy, { signal, most: 2, shouldContinue: () => true }));
      else await decoder.step(greedy, { signal, wantLogits: false });
    } finally {
      await decoder.clear();
      views.dispose();
    }
  }

  /** Frees everything. */
  async dispose(): Promise<void> {
    await this.context.decoder.clear();
    await this.#backend.dispose();
  }
}

/** The tool that reads a model's calls. */
function toolOf({ tool }: Prompts, tools: readonly [Tool, ...Tool[]]): Tool {
  if (tool === null) return tools[0];
  const known = tools.find(({ name }) => name === tool.name);
  if (known !== undefined) return known;
  throw new NamedError(
    'ModelFolderError',
    `prompts.json names the tool "${tool.name}"; this version knows ${tools.map(({ name }) => name).join(', ')}. ` +
      'Update the app, or name one of these.',
  );
}
