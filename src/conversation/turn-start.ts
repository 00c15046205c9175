/** How a turn begins, known before the model has said a word: its first messages, and the tokens that may follow them. */
import { countTokens } from '../engine/segments.ts';
import type { ToolPrompts } from '../model/prompts.ts';
import type { TurnSettings } from '../protocol/turn.ts';
import { fullOf, halfOf, type ImageRequest } from '../shared/image-request.ts';
import type { ImageViews } from './image-views.ts';
import { Conversation } from './messages.ts';
import type { ImageOf } from './prompt-builder.ts';
import { questionMessages, toolReply } from './templates.ts';
import type { TurnContext } from './turn-context.ts';

/** What a question is asked about, and how. */
export interface TurnQuestion {
  readonly question: string;
  /** The source images, by their numbers among the views. */
  readonly images: readonly number[];
  readonly views: ImageViews;
  readonly settings: TurnSettings;
}

/** A turn that can begin. */
export interface TurnStart {
  readonly conversation: Conversation;
  /** What the first round shows. */
  readonly requests: readonly ImageRequest[];
  /** How the tool is answered; null when the turn does not offer it. */
  readonly offered: ToolPrompts | null;
  readonly imageOf: ImageOf;
}

/** The turn's first messages. */
export function startTurn({ prompts }: Pick<TurnContext, 'prompts'>, asked: TurnQuestion): TurnStart {
  const { question, views, settings } = asked;
  const offered = settings.tool ? prompts.tool : null;
  const requests = asked.images.map(settings.downsample ? halfOf : fullOf);
  const conversation = new Conversation(views);
  conversation.add(...questionMessages(prompts, { question, images: requests, offersTool: offered !== null }));
  return { conversation, requests, offered, imageOf: (request) => views.view(request).segment };
}

/**
 * Tokens that a turn may need beyond its first prompt: what its rounds generate, and what the tool replies between them.
 * `firstRound`: tokens that round 1 is known to have; 0 where the model chooses them.
 */
export function tokensToCome(
  { tool, builder }: Pick<TurnContext, 'tool' | 'builder'>,
  { conversation, offered, imageOf }: TurnStart,
  { question, settings }: TurnQuestion,
  firstRound = 0,
): number {
  const generated = Math.max(settings.maxNewTokens, firstRound) + 1; // 1: <|im_end|> behind a cut text
  if (offered === null) return generated;
  // Nobody knows what a call will ask for; the whole image is the most that a single one usually does.
  const likely = tool.likely(conversation);
  const last = conversation.shown.at(-1)?.request.image ?? 0;
  const reply = toolReply(offered, likely.length > 0 ? likely : [fullOf(last)], question);
  const furtherRound = countTokens(builder.segments([reply], imageOf)) + settings.maxNewTokens;
  const further = settings.maxRounds - 1;
  return generated + further * furtherRound + Math.max(0, further - 1);
}
