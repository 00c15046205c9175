/** What follows a tool call: the tool's reply, the error turn, or the end of the turn. */
import type { ToolPrompts } from '../model/prompts.ts';
import type { ToolCall, TurnSettings } from '../protocol/turn.ts';
import { isNamed, messageOf } from '../shared/errors.ts';
import type { ImageViews } from './image-views.ts';
import type { Conversation, Message } from './messages.ts';
import { errorReply, toolReply } from './templates.ts';
import type { ParsedCall, Tool } from './tools/tool.ts';

/** Errors that the call is to blame for: the model hears of them and may try again. */
const CALL_FAULTS = ['ToolCallError', 'ImageShapeError', 'ImageRegionError'] as const;

/** Where a call was made. */
export interface CallContext {
  readonly tool: Tool;
  /** How the tool is answered; null when the turn does not offer it. */
  readonly offered: ToolPrompts | null;
  /** Ends with the message that calls. */
  readonly conversation: Conversation;
  readonly question: string;
  readonly views: ImageViews;
  readonly settings: TurnSettings;
  /** The round that called, counted from 1. */
  readonly round: number;
  /** Images that the turn has shown. */
  readonly shown: number;
}

/** What follows. */
export interface Reply {
  /** The next message; null: the call is refused, and the turn ends. */
  readonly message: Message | null;
  /** What the call's result says beyond what parsing found: why it failed, or was refused. */
  readonly fault: Partial<ToolCall> | null;
}

/** Carries a call out, or says why not. */
export function replyTo(call: ParsedCall, context: CallContext): Reply {
  const { tool, offered, settings, round } = context;
  if (offered === null) return refused(`The ${tool.name} tool was not offered.`);
  if (round >= settings.maxRounds) {
    return refused(round === 1 ? 'The only round is used up.' : `All ${round} rounds are used up.`);
  }
  if (!call.valid) return afterError(call.error, offered, null);
  try {
    const reply = tool.apply(call.arguments, context.conversation);
    const images = typeof reply === 'string' ? [] : reply;
    const { maxImages } = tool.describe();
    if (context.shown + images.length > maxImages) return refused(`A turn shows at most ${maxImages} images.`);
    for (const request of images) context.views.view(request); // throws for what cannot be shown
    return { message: toolReply(offered, reply, context.question), fault: null };
  } catch (thrown) {
    if (!CALL_FAULTS.some((name) => isNamed(thrown, name))) throw thrown;
    const error = messageOf(thrown);
    return afterError(error, offered, { valid: false, error });
  }
}

function refused(error: string): Reply {
  return { message: null, fault: { error } };
}

/** The error turn, where the model was trained with one. */
function afterError(error: string, { errorReply: template }: ToolPrompts, fault: Reply['fault']): Reply {
  if (template === null)
    return { message: null, fault: { ...fault, error: `${error} The model has no turn for errors.` } };
  return { message: errorReply(template, error), fault };
}
