/** The start of a turn: its first messages, and the number of tokens that may follow them. */
import { countTokens } from '../engine/segments.ts';
import type { ToolPrompts } from '../model/prompts.ts';
import type { TurnSettings } from '../protocol/turn.ts';
import { fullOf, halfOf, type ImageRequest } from '../shared/image-request.ts';
import type { ImageViews } from './image-views.ts';
import { Conversation } from './messages.ts';
import { roundsOf } from './reply.ts';
import type { ImageOf } from './prompt-builder.ts';
import { questionMessages, toolReply } from './templates.ts';
import type { TurnContext } from './turn-context.ts';

/** A question, its images and its settings. */
export interface TurnQuestion {
  readonly question: string;
  /** The source images, by their indices among the views. */
  readonly images: readonly number[];
  readonly views: ImageViews;
  readonly settings: TurnSettings;
}

/** A turn that is ready to start. */
export interface TurnStart {
  readonly conversation: Conversation;
  /** The images of the first round. */
  readonly requests: readonly ImageRequest[];
  /** The tool's prompts; null if the turn does not offer the tool. */
  readonly offered: ToolPrompts | null;
  readonly imageOf: ImageOf;
}

/** The turn's first messages. */
export function startTurn({ prompts, tool }: Pick<TurnContext, 'prompts' | 'tool'>, asked: TurnQuestion): TurnStart {
  const { question, views, settings } = asked;
  const offered = settings.tool ? prompts.tool : null;
  const whole = settings.downsample ? halfOf : fullOf;
  const open = offered === null ? undefined : tool.opening;
  const requests = asked.images.map((image) => open?.(image, views.sourceSize(image), settings) ?? whole(image));
  const conversation = new Conversation(views);
  conversation.add(...questionMessages(prompts, { question, images: requests, offersTool: offered !== null }));
  return { conversation, requests, offered, imageOf: (request) => views.view(request).segment };
}

/**
 * Tokens that a turn may need beyond its first prompt: the tokens its rounds generate, and the tool's replies between them.
 * `firstRound`: known length of round 1's response; 0 if the model chooses it.
 */
export function tokensToCome(
  { tool, builder }: Pick<TurnContext, 'tool' | 'builder'>,
  { conversation, offered, imageOf }: TurnStart,
  { question, settings }: TurnQuestion,
  firstRound = 0,
): number {
  const generated = Math.max(settings.maxNewTokens, firstRound) + 1; // 1: <|im_end|> after a truncated text
  if (offered === null) return generated;
  // A call's result cannot be known in advance; the whole image is usually the most that one call requests.
  const likely = tool.likely(conversation);
  const last = conversation.shown.at(-1)?.request.image ?? 0;
  const reply = toolReply(offered, likely.length > 0 ? likely : [fullOf(last)], { question, round: 1 });
  const furtherRound = countTokens(builder.segments([reply], imageOf)) + settings.maxNewTokens;
  const further = roundsOf(settings, tool) - 1;
  return generated + further * furtherRound + Math.max(0, further - 1);
}
