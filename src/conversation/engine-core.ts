/**
 * The components of a loaded model, for the engine's turns and for benchmarks of single stages. It does no scheduling: callers
 * must run one operation at a time.
 */
import type { Backend } from '../engine/backend.ts';
import { Decoder } from '../engine/decoder.ts';
import { notFinite } from '../engine/not-finite.ts';
import { DeviceQueue } from '../engine/device-queue.ts';
import { PromptLookup } from '../engine/prompt-lookup.ts';
import { countTokens } from '../engine/segments.ts';
import type { ModelFolder } from '../architectures/model-folder.ts';
import { parsePrompts, type Prompts } from '../model/prompts.ts';
import { DEFAULT_SETTINGS, type TurnSettings } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';
import { promptSetOf } from '../shared/prompt-sets.ts';
import { EncodePace } from './encode-pace.ts';
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
  /** What turns with the model's own tool use. */
  readonly context: TurnContext;
  readonly queue: DeviceQueue;
  readonly contextLength: number;
  readonly #folder: ModelFolder;
  readonly #backend: Backend;
  readonly #tools: readonly [Tool, ...Tool[]];
  /** The contexts of other tools that were chosen, by the tool's name. */
  readonly #chosen = new Map<string, TurnContext>();
  readonly #pace = new EncodePace();
  #nextSerial = 0;

  /** Throws ModelFolderError when the prompts name an unknown tool. */
  constructor({ folder, backend, tools }: CoreOptions) {
    const { prompts, tokenizer } = folder;
    const { chat, config } = folder.model;
    this.#folder = folder;
    this.#backend = backend;
    this.#tools = tools;
    this.queue = new DeviceQueue(backend.leavesThreadFree);
    this.contextLength = Math.min(config.text.maxPositionEmbeddings, MAX_CONTEXT);
    this.context = {
      ...this.#withPrompts(prompts),
      markUnit: chat.markUnit ?? 'pixels',
      builder: new PromptBuilder(prompts, tokenizer, chat),
      tokenizer,
      decoder: new Decoder({ text: backend.text, contextLength: this.contextLength, queue: this.queue }),
      ends: [...config.tokens.eosTokenIds, tokenizer.id(chat.endOfMessage)],
    };
  }

  /**
   * What turns with these settings use: the model's own tool, or the chosen one with its own prompts. Throws QuestionError for a
   * tool that is unknown or brings no prompts.
   */
  async contextFor({ tool, toolName }: Pick<TurnSettings, 'tool' | 'toolName'>): Promise<TurnContext> {
    if (!tool || toolName === undefined || toolName === this.context.prompts.tool?.name) return this.context;
    const known = this.#chosen.get(toolName);
    if (known !== undefined) return known;
    const { chat } = this.#folder.model;
    const set = this.#tools.some(({ name }) => name === toolName) ? promptSetOf(toolName) : null;
    if (set === null) throw unknownTool(toolName, this.tools);
    const { promptsFile } = await import('../model/prompt-files.ts');
    const { imagePlaceholder } = this.context.prompts;
    const prompts = { ...parsePrompts(promptsFile(set, chat), chat), imagePlaceholder };
    const context = { ...this.context, ...this.#withPrompts(prompts) };
    this.#chosen.set(toolName, context);
    return context;
  }

  /** The tools that may be chosen: the model's own, and those that bring prompts. */
  get tools(): readonly Tool[] {
    const own = this.context.prompts.tool?.name;
    return this.#tools.filter(({ name }) => name === own || promptSetOf(name) !== null);
  }

  /** Forgets the responses from which later ones were drafted. */
  forgetDrafts(): void {
    for (const { drafts } of [this.context, ...this.#chosen.values()]) drafts.forget();
  }

  #withPrompts(prompts: Prompts): Pick<TurnContext, 'prompts' | 'tool' | 'tags' | 'drafts'> {
    const { tokenizer } = this.#folder;
    const tool = toolOf(prompts, this.#tools);
    const { calls, callTags } = tool.describe();
    const drafts = new PromptLookup(prompts.tool === null ? [] : calls.map((call) => tokenizer.encode(call)));
    return { prompts, tool, tags: { ...prompts.tags, toolCall: callTags }, drafts };
  }

  /** Empty views for the next image. */
  newViews(): ImageViews {
    return new ImageViews({
      processor: this.#folder.processor,
      vision: this.#backend.vision,
      queue: this.queue,
      pace: this.#pace,
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

function unknownTool(name: string, tools: readonly Tool[]): NamedError {
  const known = tools.map((tool) => tool.name);
  return new NamedError(
    'QuestionError',
    `There is no tool "${name.slice(0, 40)}" for this model. Choose auto, none or one of: ${known.join(', ')}.`,
  );
}
