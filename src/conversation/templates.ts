/**
 * Messages for a question, a tool's reply and an error, from a model's prompts: fills in `{image}`, `{question}` and `{error}` and
 * leaves the rest exactly as in training.
 */
import type { Prompts, ToolPrompts } from '../model/prompts.ts';
import type { ImageRequest } from '../shared/image-request.ts';
import { type Content, type Message, trustedText, untrustedText } from './messages.ts';
import type { ReplyPart } from './tools/tool.ts';

/** The question of a turn. */
export interface Question {
  readonly question: string;
  readonly images: readonly ImageRequest[];
  /** Whether the system message offers the tool. */
  readonly offersTool: boolean;
}

/** The system message, if the model has one, and the user's. */
export function questionMessages(prompts: Prompts, asked: Question): readonly Message[] {
  return [...systemMessages(prompts, asked.offersTool), ...followUpMessages(prompts, asked)];
}

/** The user's message of a later question: the system message stands before the first. */
export function followUpMessages(prompts: Prompts, { question, images, offersTool }: Question): readonly Message[] {
  const template = offersTool ? prompts.userTemplate : prompts.userTemplateWithoutTool;
  return [{ role: 'user', content: fill(template, { image: shown(images), question: [untrustedText(question)] }) }];
}

/** The model's own system message; none where it has none. */
export function systemMessages(prompts: Prompts, offersTool: boolean): readonly Message[] {
  const system = offersTool ? prompts.system : prompts.systemWithoutTool;
  return system === null ? [] : [{ role: 'system', content: [trustedText(system)] }];
}

/** What a reply answers: the turn's question, and the number of the calling round, counted from 1. */
export interface Answered {
  readonly question: string;
  readonly round: number;
}

/** The reply to an executed tool call: images, texts in their place, or one text; and the question again if the prompts say so. */
export function toolReply(
  { replyPrefix, perImage, betweenImages, replySuffix }: ToolPrompts,
  reply: readonly ReplyPart[] | string,
  { question, round }: Answered,
): Message {
  const prefix = fill(replyPrefix, {
    call: [trustedText(String(round - 1))],
    observation: [trustedText(String(round))],
  });
  const between = betweenImages === '' ? [] : [trustedText(betweenImages)];
  const body =
    typeof reply === 'string'
      ? [untrustedText(reply)]
      : reply.flatMap((part, i) => [...(i === 0 ? [] : between), ...fill(perImage, { image: partOf(part) })]);
  const suffix = fill(replySuffix, { question: [untrustedText(question)] });
  return { role: 'tool', content: [...prefix, ...body, ...suffix] };
}

function partOf(part: ReplyPart): readonly Content[] {
  return typeof part === 'string' ? [untrustedText(part)] : shown([part]);
}

/** The reply to a malformed call. */
export function errorReply(template: string, error: string): Message {
  return { role: 'tool', content: fill(template, { error: [untrustedText(error)] }) };
}

function shown(images: readonly ImageRequest[]): Content[] {
  return images.map((request) => ({ type: 'image', request }));
}

/** A template with content in place of each `{name}` of `values`. */
function fill(template: string, values: Readonly<Record<string, readonly Content[]>>): Content[] {
  const names = new RegExp(`\\{(${Object.keys(values).join('|')})\\}`);
  // split() keeps the captured names between the pieces: every other element is a name.
  return template.split(names).flatMap((piece, i) => (i % 2 === 0 ? [trustedText(piece)] : (values[piece] ?? [])));
}
