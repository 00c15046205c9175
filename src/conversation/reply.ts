/** Answers a tool call: with the tool's reply, an error message, or the end of the turn. */
import type { ToolPrompts } from '../model/prompts.ts';
import type { ToolCall, TurnSettings } from '../protocol/turn.ts';
import { isNamed, messageOf } from '../shared/errors.ts';
import type { ImageViews } from './image-views.ts';
import type { Conversation, Message } from './messages.ts';
import { errorReply, toolReply } from './templates.ts';
import type { ParsedCall, Tool } from './tools/tool.ts';

/** Errors caused by the call: the model reads them and may try again. */
const CALL_FAULTS = ['ToolCallError', 'ImageShapeError', 'ImageRegionError'] as const;

/** The context of a call. */
export interface CallContext {
  readonly tool: Tool;
  /** The tool's prompts; null if the turn does not offer the tool. */
  readonly offered: ToolPrompts | null;
  /** The conversation, which ends with the calling message. */
  readonly conversation: Conversation;
  readonly question: string;
  readonly views: ImageViews;
  readonly settings: TurnSettings;
  /** The calling round, counted from 1. */
  readonly round: number;
  /** Images the turn has shown so far, and the most it may show. */
  readonly shown: number;
  readonly maxImages: number;
}

/** The answer to a call. */
export interface Reply {
  /** The next message; null: the call is refused, and the turn ends. */
  readonly message: Message | null;
  /** Why the call failed or was refused, for the result; null if it succeeded. */
  readonly fault: Partial<ToolCall> | null;
}

/** Rounds that may generate: as many as the settings say, or else the tool's reference allows. */
export function roundsOf({ maxRounds }: Pick<TurnSettings, 'maxRounds'>, tool: Tool): number {
  return maxRounds ?? tool.describe().maxRounds;
}

/** Executes a call, or explains why it cannot. */
export function replyTo(call: ParsedCall, context: CallContext): Reply {
  const { tool, offered, settings, round } = context;
  if (offered === null) return refused(`The ${tool.name} tool was not offered.`);
  if (round >= roundsOf(settings, tool)) {
    return refused(round === 1 ? 'The only round is used up.' : `All ${round} rounds are used up.`);
  }
  if (!call.valid) return afterError(call.error, offered, null);
  try {
    const reply = tool.apply(call.arguments, context.conversation);
    const images = typeof reply === 'string' ? [] : reply.filter((part) => typeof part !== 'string');
    const { maxImages } = context;
    if (context.shown + images.length > maxImages) return refused(`A turn shows at most ${maxImages} images.`);
    for (const request of images) context.views.view(request); // throws for an image that cannot be shown
    return { message: toolReply(offered, reply, context), fault: null };
  } catch (thrown) {
    if (!CALL_FAULTS.some((name) => isNamed(thrown, name))) throw thrown;
    const error = messageOf(thrown);
    return afterError(error, offered, { valid: false, error });
  }
}

function refused(error: string): Reply {
  return { message: null, fault: { error } };
}

/** The reply to an error, if the model was trained with one. */
function afterError(error: string, { errorReply: template }: ToolPrompts, fault: Reply['fault']): Reply {
  if (template === null)
    return { message: null, fault: { ...fault, error: `${error} The model has no turn for errors.` } };
  return { message: errorReply(template, error), fault };
}
