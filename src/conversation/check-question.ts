/** What a question may hold, checked before anything is computed: its caller may have read it from a file. */
import type { ChatContent } from '../protocol/chat.ts';
import type { TurnSettings } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';

/** Most characters of a question per token of the context: a longer question cannot fit, so it is not tokenised. */
const CHARACTERS_PER_TOKEN = 16;

/** What a model takes. */
export interface QuestionLimits {
  /** In tokens. */
  readonly contextLength: number;
  /** Tokens of the model's text: ids count from 0 up to this. */
  readonly vocabSize: number;
}

/** Throws QuestionError for a question without words. */
export function checkWords(question: string): void {
  if (question.trim() === '') throw new NamedError('QuestionError', 'The question is empty. Type one, then ask.');
}

/** Throws QuestionError for more text than can fit, and for tokens that the model does not have. */
export function checkContent(content: readonly ChatContent[], { contextLength, vocabSize }: QuestionLimits): void {
  const limit = contextLength * CHARACTERS_PER_TOKEN;
  const length = content.reduce((sum, piece) => sum + (piece.type === 'text' ? piece.text.length : 0), 0);
  if (length > limit) {
    throw new NamedError(
      'QuestionError',
      `What is asked has ${length} characters; this model takes at most about ${limit}. Shorten it.`,
    );
  }
  for (const piece of content) {
    if (piece.type !== 'tokens') continue;
    const unknown = piece.ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (unknown === undefined) continue;
    throw new NamedError(
      'QuestionError',
      `The conversation holds the token ${unknown}; this model has ${vocabSize}, counted from 0. It is another model's: start a new chat.`,
    );
  }
}

/** What a setting that is a number may be. */
interface NumberLimits {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

/** The settings that are numbers. Those that are null stand for no limit or the model's own. */
const NUMBERS = {
  maxNewTokens: { least: 0, most: Infinity, whole: true },
  maxRounds: { least: 1, most: Infinity, whole: true },
  maxImages: { least: 0, most: Infinity, whole: true },
  pixelBudget: { least: 1, most: Infinity, whole: false },
  minPixels: { least: 1, most: Infinity, whole: false },
  temperature: { least: 0, most: Infinity, whole: false },
  topP: { least: 0, most: 1, whole: false },
} as const satisfies Partial<Record<keyof TurnSettings, NumberLimits>>;

/** Throws QuestionError for a setting that is no number it could be. */
export function checkSettings(settings: TurnSettings): void {
  for (const name of Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]) {
    const { least, most, whole }: NumberLimits = NUMBERS[name];
    const value = settings[name];
    if (value === null || (Number.isFinite(value) && value >= least && value <= most && !(whole && value % 1 !== 0)))
      continue;
    const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new NamedError('QuestionError', `${name} is ${value}; use a ${whole ? 'whole ' : ''}number ${range}.`);
  }
}
