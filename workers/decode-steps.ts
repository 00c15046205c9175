/** Measures decode steps alone with the engine's core: prefills a prompt, then decodes a fixed number of tokens, whatever they are. */
import type { Engine } from '../src/conversation/engine.ts';
import { startTurn } from '../src/conversation/turn-start.ts';
import { generateTokens } from '../src/engine/generate.ts';
import { Sampler } from '../src/engine/sampler.ts';
import { countTokens } from '../src/engine/segments.ts';
import { TextStream } from '../src/engine/text-stream.ts';
import type { TurnSettings } from '../src/protocol/turn.ts';
import { NamedError } from '../src/shared/errors.ts';

/** Options of the measurement. */
export interface DecodeStepsOptions {
  readonly engine: Engine;
  readonly question: string;
  /** Ignores maxNewTokens: `steps` sets the number of tokens. */
  readonly settings: TurnSettings;
  readonly steps: number;
}

/** Timing of a run of decode steps. */
export interface DecodeSteps {
  readonly tokenIds: readonly number[];
  readonly promptTokens: number;
  /** Milliseconds from the prefill's token to the last one, detokenization included as in a turn. */
  readonly decodeMs: number;
}

/**
 * Makes `steps` decode steps after a question about the engine's image, without speculative decoding and past any end token. The KV cache
 * keeps the prompt, so that the next measurement with the same question finds it there. Stops whatever the engine does.
 * Throws QuestionError when there is no image, ContextLengthError.
 */
export async function decodeSteps({ engine, question, settings, steps }: DecodeStepsOptions): Promise<DecodeSteps> {
  await engine.stop();
  const { views, core } = engine;
  if (views === null) throw new NamedError('QuestionError', 'There is no image yet. Choose one, then measure.');
  views.setLimits(settings);
  const { builder, decoder, tokenizer } = core.context;
  const { signal } = new AbortController();
  const { conversation, imageOf } = startTurn(core.context, { question, images: [0], views, settings });
  const prompt = builder.segments(conversation.messages, imageOf);
  const promptTokens = countTokens(prompt);
  // The prefill gives the first token, so there is one more than there are steps.
  await decoder.reserve(promptTokens + 1, promptTokens + steps + 2);
  const source = settings.temperature > 0 ? new Sampler({ ...settings, seed: settings.seed ?? 0 }) : null;
  const prefilled = await decoder.prefill(prompt, { signal, wantLogits: source !== null });
  const stream = new TextStream(tokenizer);
  const response = { tokenIds: [], draftedTokens: 0, acceptedTokens: 0 };
  const start = performance.now();
  await generateTokens(decoder, response, {
    prefilled,
    before: [],
    source,
    drafts: null,
    maxTokens: steps + 1,
    ends: [],
    onToken: (id) => void stream.push(id),
    signal,
  });
  return { tokenIds: response.tokenIds, promptTokens, decodeMs: performance.now() - start };
}
