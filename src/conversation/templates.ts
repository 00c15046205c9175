/**
 * The messages that a model's prompts make of a question, a tool's reply and an error: `{image}`, `{question}` and `{error}`
 * filled in, everything else as the model was trained on it.
 */
import type { Prompts, ToolPrompts } from '../model/prompts.ts';
import type { ImageRequest } from '../shared/image-request.ts';
import { type Content, type Message, trustedText, untrustedText } from './messages.ts';

/** What a turn begins with. */
export interface Question {
  readonly question: string;
  readonly images: readonly ImageRequest[];
  /** Whether the system message offers the tool. */
  readonly offersTool: boolean;
}

/** The system message, where the model has one, and the user's. */
export function questionMessages(prompts: Prompts, { question, images, offersTool }: Question): readonly Message[] {
  const system = offersTool ? prompts.system : prompts.systemWithoutTool;
  const content = fill(prompts.userTemplate, { image: shown(images), question: [untrustedText(question)] });
  const user: Message = { role: 'user', content };
  return system === null ? [user] : [{ role: 'system', content: [trustedText(system)] }, user];
}

/** What the model reads after a tool call that was carried out: images or text, and the question again where the prompts say so. */
export function toolReply(
  { replyPrefix, perImage, replySuffix }: ToolPrompts,
  reply: readonly ImageRequest[] | string,
  question: string,
): Message {
  const body =
    typeof reply === 'string'
      ? [untrustedText(reply)]
      : reply.flatMap((request) => fill(perImage, { image: shown([request]) }));
  const suffix = fill(replySuffix, { question: [untrustedText(question)] });
  return { role: 'tool', content: [trustedText(replyPrefix), ...body, ...suffix] };
}

/** What the model reads after a malformed call. */
export function errorReply(template: string, error: string): Message {
  return { role: 'tool', content: fill(template, { error: [untrustedText(error)] }) };
}

function shown(images: readonly ImageRequest[]): Content[] {
  return images.map((request) => ({ type: 'image', request }));
}

/** A template's text with content in place of each `{name}` among `values`. */
function fill(template: string, values: Readonly<Record<string, readonly Content[]>>): Content[] {
  const names = new RegExp(`\\{(${Object.keys(values).join('|')})\\}`);
  // split() puts what the group matched between the pieces: every other one is a name.
  return template.split(names).flatMap((piece, i) => (i % 2 === 0 ? [trustedText(piece)] : (values[piece] ?? [])));
}
