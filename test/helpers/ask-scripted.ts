/** Asks a scripted engine about one picture, and returns the turn's result, its events and the model's input. */
import type { Engine } from '../../src/conversation/engine.ts';
import type { TurnEvent } from '../../src/protocol/events.ts';
import { DEFAULT_SETTINGS, type TurnResult, type TurnSettings } from '../../src/protocol/turn.ts';
import { NamedError } from '../../src/shared/errors.ts';
import { type EngineOptions, IMAGE_PAD, openScripted, picture } from './scripted-engine.ts';
import type { ScriptedBackend } from './scripted-backend.ts';

/** The defaults, with fewer tokens. */
export const SETTINGS: TurnSettings = { ...DEFAULT_SETTINGS, maxNewTokens: 200 };
export const QUESTION = 'How many stars are there?';
/** Visual tokens of the picture, 112 x 112 pixels. */
export const FULL_TOKENS = 16;
export const HALF_TOKENS = 4;

/** A turn's result and events. */
export interface Asked {
  readonly result: TurnResult;
  readonly events: readonly TurnEvent[];
  readonly backend: ScriptedBackend;
  readonly engine: Engine;
}

/** An engine that holds the picture. */
export async function open(options: EngineOptions): Promise<{ engine: Engine; backend: ScriptedBackend }> {
  const opened = openScripted(options);
  await opened.engine.setImage(picture(112, 112));
  return opened;
}

/** Asks one question about the picture. */
export async function ask(
  options: EngineOptions,
  settings: Partial<TurnSettings> = {},
  question = QUESTION,
): Promise<Asked> {
  const { engine, backend } = await open(options);
  const events: TurnEvent[] = [];
  const result = await engine.ask(question, { ...SETTINGS, ...settings }, (event) => events.push(event));
  return { result, events, backend, engine };
}

/** The error of a promise that rejects. */
export async function failure(promise: Promise<unknown>): Promise<NamedError> {
  const thrown = await promise.then(
    () => new Error('nothing was thrown'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof NamedError)) throw thrown;
  return thrown;
}

/** The ids of the cache as the decoder saw them, image tokens as pads. */
export function watching(script: EngineOptions['script']): { script: EngineOptions['script']; last: () => number[] } {
  let last: number[] = [];
  return {
    script: {
      ...script,
      next(sequence) {
        last = sequence.map((id) => (id < 0 ? IMAGE_PAD : id));
        return script.next(sequence);
      },
    },
    last: () => last,
  };
}
