/** The start of a turn: its first messages, and the number of tokens that may follow them. */
import { countTokens } from '../engine/segments.ts';
import type { ToolPrompts } from '../model/prompts.ts';
import type { AskedImage, ChatContent, ChatMessage } from '../protocol/chat.ts';
import type { TurnSettings } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';
import { fullOf, halfOf, type ImageRequest } from '../shared/image-request.ts';
import type { ImageViews } from './image-views.ts';
import { type Content, Conversation, imagesOf, type Message } from './messages.ts';
import { roundsOf } from './reply.ts';
import type { ImageOf } from './prompt-builder.ts';
import { partOf } from './tools/requests.ts';
import { followUpMessages, questionMessages, systemMessages, toolReply } from './templates.ts';
import type { TurnContext } from './turn-context.ts';

/**
 * New tokens of a round that capacity is reserved for. The cache grows for longer responses: reserving all that a round may
 * generate would take a gigabyte of a 7B model's cache for answers that are mostly short.
 */
const RESERVED_TOKENS = 1024;

/** Rounds behind the first that capacity is reserved for: most turns need no more, and the cache grows for those that do. */
const RESERVED_ROUNDS = 2;

/** A question, its images and its settings. */
export interface TurnQuestion {
  /** The question's text. */
  readonly question: string;
  /** The source images, by their indices among the views, and regions of such. */
  readonly images: readonly AskedImage[];
  /** The messages before it; empty or absent: a question without history. */
  readonly history?: readonly ChatMessage[];
  /** The user's message as it is, in place of the model's template around `question` and `images`. */
  readonly content?: readonly ChatContent[] | undefined;
  readonly views: ImageViews;
  readonly settings: TurnSettings;
}

/** A turn that is ready to start. */
export interface TurnStart {
  readonly conversation: Conversation;
  /** How many of the conversation's messages are older than this turn. */
  readonly historyLength: number;
  /** The images of the first round. */
  readonly requests: readonly ImageRequest[];
  /** Most images that the turn may show. */
  readonly maxImages: number;
  /** The tool's prompts; null if the turn does not offer the tool. */
  readonly offered: ToolPrompts | null;
  readonly imageOf: ImageOf;
}

/** The turn's first messages. Throws QuestionError for more images than the settings allow, ImageRegionError, and what the tool's opening throws. */
export function startTurn({ prompts, tool }: Pick<TurnContext, 'prompts' | 'tool'>, asked: TurnQuestion): TurnStart {
  const { question, views, settings } = asked;
  const offered = settings.tool ? prompts.tool : null;
  const offersTool = offered !== null;
  const open = offersTool ? tool.opening : undefined;
  const opened = (image: number): ImageRequest | undefined => open?.(image, views.sourceSize(image), settings);
  const { history = [], content } = asked.content === undefined ? asked : openedChat(asked, opened);
  const whole = settings.downsample ? halfOf : fullOf;
  const viewOf = (shown: AskedImage): ImageRequest => {
    if (typeof shown === 'number') return opened(shown) ?? whole(shown);
    const { image, region } = shown;
    const request = { image, region, scale: 1 };
    views.view(request); // throws for a region that does not lie in the image
    const steps = open?.(image, region, { ...settings, downsample: false }).steps;
    return steps === undefined ? request : partOf(request, region, steps);
  };
  const requests = content === undefined ? asked.images.map(viewOf) : imagesOf({ role: 'user', content });
  const maxImages = settings.maxImages ?? tool.describe().maxImages * Math.max(1, requests.length);
  if (requests.length > maxImages) {
    throw new NamedError(
      'QuestionError',
      `The question has ${requests.length} images, the limit is ${maxImages}. Ask about fewer, or raise the limit (max-images).`,
    );
  }
  const conversation = new Conversation(views);
  if (content !== undefined) {
    const isSystemGiven = history.some(({ role }) => role === 'system');
    if (!isSystemGiven && offersTool) conversation.add(...systemMessages(prompts, offersTool));
    conversation.add(...history, { role: 'user', content });
  } else {
    const asking = { question, images: requests, offersTool };
    conversation.add(...history);
    conversation.add(...(history.length === 0 ? questionMessages(prompts, asking) : followUpMessages(prompts, asking)));
  }
  const historyLength = history.length === 0 ? 0 : conversation.messages.length - 1;
  const imageOf: ImageOf = (request) => views.view(request).segment;
  return { conversation, historyLength, requests, maxImages, offered, imageOf };
}

/** Messages as they are, but for whole images of questions, which are shown as the tool opens them. */
function openedChat(
  { history = [], content = [] }: TurnQuestion,
  opened: (image: number) => ImageRequest | undefined,
): Required<Pick<TurnQuestion, 'history' | 'content'>> {
  const change = (piece: Content): Content => {
    if (piece.type !== 'image' || piece.request.region !== null || piece.request.steps !== undefined) return piece;
    return { type: 'image', request: opened(piece.request.image) ?? piece.request };
  };
  const changed = (message: Message): Message =>
    message.role === 'user' ? { ...message, content: message.content.map(change) } : message;
  return { history: history.map(changed), content: content.map(change) };
}

/**
 * Tokens that a turn will probably need beyond its first prompt: those its rounds generate, up to a limit, and the tool's
 * replies between them.
 * `firstRound`: known length of round 1's response; 0 if the model chooses it.
 */
export function tokensToCome(
  { tool, builder }: Pick<TurnContext, 'tool' | 'builder'>,
  { conversation, offered, imageOf }: TurnStart,
  { question, settings }: TurnQuestion,
  firstRound = 0,
): number {
  const newTokens = Math.min(settings.maxNewTokens, RESERVED_TOKENS);
  const generated = Math.max(newTokens, firstRound) + 1; // 1: <|im_end|> after a truncated text
  if (offered === null) return generated;
  // A call's result cannot be known in advance; the whole image is usually the most that one call requests.
  const last = conversation.shown.at(-1)?.request.image;
  const images = tool.certain?.(conversation) ?? (last === undefined ? [] : [fullOf(last)]);
  const reply = toolReply(offered, images, { question, round: 1 });
  const furtherRound = countTokens(builder.segments([reply], imageOf)) + newTokens;
  const further = Math.min(roundsOf(settings, tool) - 1, RESERVED_ROUNDS);
  return generated + further * furtherRound + Math.max(0, further - 1);
}
