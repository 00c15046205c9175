/**
 * What the engine does while nothing is asked: the beginning of the next prompt, then views that the model's tool will probably ask
 * for. Whatever is asked goes first: it waits for the beginning of its own prompt, which it needs, and at most for one view.
 */
import { throwIfStopped } from '../engine/device-queue.ts';
import type { ChatContext } from '../protocol/chat.ts';
import type { TurnEvent } from '../protocol/events.ts';
import type { TurnSettings } from '../protocol/turn.ts';
import type { EngineCore } from './engine-core.ts';
import type { ImageViews } from './image-views.ts';
import { encodeLikely, type LikelyLimits, prefetch } from './prefetch.ts';
import type { TurnContext } from './turn-context.ts';

/** The question that is expected. */
export interface Expected {
  readonly views: ImageViews;
  readonly settings: TurnSettings;
  readonly chat: ChatContext;
}

/** Work for it. */
interface Started {
  readonly about: Expected;
  /** Ends all of it, and its second part alone. */
  readonly stop: AbortController;
  readonly stopLikely: AbortController;
  /** Whether what the question itself needs is done. */
  isPrompted: boolean;
  ended: Promise<void>;
}

/** Runs it, one question at a time. */
export class IdleWork {
  readonly #core: EngineCore;
  readonly #limits: LikelyLimits;
  #started: Started | null = null;

  constructor(core: EngineCore, limits: LikelyLimits) {
    this.#core = core;
    this.#limits = limits;
  }

  /**
   * Works for a question, and ends the work for another. Resolves when done, when ended, or when impossible: asking then reports why.
   */
  async run(about: Expected): Promise<void> {
    const before = this.#started;
    if (before !== null && isFor(before.about, about)) return before.ended;
    this.end();
    const [stop, stopLikely] = [new AbortController(), new AbortController()];
    const started: Started = { about, stop, stopLikely, isPrompted: false, ended: Promise.resolve() };
    this.#started = started;
    started.ended = this.#work(started, before).catch(() => undefined);
    await started.ended;
    if (this.#started === started) this.#started = null;
  }

  /**
   * Makes way for a question: ends all that it does not need and waits for the rest, which `onEvent` hears of. `signal`: the
   * question's own stop.
   */
  async giveWay(asked: Expected, signal: AbortSignal, onEvent: (event: TurnEvent) => void): Promise<void> {
    const started = this.#started;
    if (started === null) return;
    started.stopLikely.abort();
    if (!isFor(started.about, asked)) started.stop.abort();
    if (!started.isPrompted) onEvent({ type: 'stage', round: 1, stage: 'encode' });
    signal.addEventListener('abort', () => started.stop.abort(), { once: true });
    await started.ended;
  }

  /** Ends it, without waiting. */
  end(): void {
    this.#started?.stop.abort();
    this.#started?.stopLikely.abort();
  }

  /** Ends it; resolves when it has ended, though the device may still compute what it was given. */
  async ended(): Promise<void> {
    this.end();
    await this.#started?.ended;
  }

  async #work(started: Started, before: Started | null): Promise<void> {
    const { about, stop, stopLikely } = started;
    await before?.ended;
    const context = await this.#beginPrompt(about, stop.signal);
    started.isPrompted = true;
    await encodeLikely(context, { ...about.chat, ...about }, { ...this.#limits, signal: stopLikely.signal });
  }

  /** Returns the context that the question will use. */
  async #beginPrompt({ views, settings, chat }: Expected, signal: AbortSignal): Promise<TurnContext> {
    await this.#core.queue.idle();
    throwIfStopped(signal);
    views.setLimits(settings);
    const context = await this.#core.contextFor(settings);
    await prefetch(context, { ...chat, views, settings }, signal);
    return context;
  }
}

/** Whether work for one question is work for the other. */
function isFor(started: Expected, { views, settings, chat }: Expected): boolean {
  const names = ['downsample', 'tool', 'toolName', 'pixelBudget', 'minPixels', 'maxNewTokens', 'maxRounds'] as const;
  if (started.views !== views || names.some((name) => started.settings[name] !== settings[name])) return false;
  return started.chat === chat || JSON.stringify(started.chat) === JSON.stringify(chat);
}
