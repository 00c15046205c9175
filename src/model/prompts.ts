/**
 * The prompts a model was trained on. They belong to the model folder (`prompts.json`): the bundled model's differ from
 * VisionThink's, and an ordinary chat model has no tool prompts. `{image}` and `{question}` are the placeholders.
 */
import type { ChatFormat } from './chat-format.ts';
import { NamedError } from '../shared/errors.ts';
import { isObject, type JsonObject } from '../shared/json.ts';
import type { ResponseTags, TagPair } from '../shared/response-tags.ts';

/** The name of a model's tool, and the templates of its replies. */
export interface ToolPrompts {
  /** Which tool the model calls: a name in src/conversation/tools/registry.ts. */
  readonly name: string;
  /** Precedes the tool's images or text; `{call}` in it is the number of the calling round from 0, `{observation}` from 1. */
  readonly replyPrefix: string;
  /** Repeated once per image. */
  readonly perImage: string;
  /** Stands between images. */
  readonly betweenImages: string;
  /** Follows the images; `{question}` in it repeats the question. */
  readonly replySuffix: string;
  /** The reply to a malformed call; `{error}` is the error's text. null: a malformed call ends the turn. */
  readonly errorReply: string | null;
}

/** Every string of a conversation, apart from ChatML's own. */
export interface Prompts {
  /** Replaces `{image}`; its image token is repeated once per visual token. */
  readonly imagePlaceholder: string;
  /** The system message when the tool is offered; null: no system message. */
  readonly system: string | null;
  /** The system message when the tool is not offered. */
  readonly systemWithoutTool: string | null;
  readonly userTemplate: string;
  /** The user's message when the tool is not offered. */
  readonly userTemplateWithoutTool: string;
  /** What marks thinking and answer in the model's responses. */
  readonly tags: Pick<ResponseTags, 'thinking' | 'answer'>;
  /** null: the model knows no tool. */
  readonly tool: ToolPrompts | null;
}

/** The tool of prompts without a tool name: VisionThink's. */
const DEFAULT_TOOL = 'resize';

/** The tags of prompts without tags: VisionThink's. */
const DEFAULT_TAGS = {
  thinking: ['<think>', '</think>'],
  answer: ['<answer>', '</answer>'],
} as const;

/**
 * Reads a prompts.json: its `efficient` section if present (two rounds, tool), else `general` (one round).
 * @throws ModelFolderError when neither is usable
 */
export function parsePrompts(json: unknown, { imagePad }: ChatFormat): Prompts {
  if (!isObject(json)) throw broken('it is no JSON object');
  const imagePlaceholder = text(json, 'image_placeholder');
  if (imagePlaceholder.split(imagePad).length !== 2) throw broken(`image_placeholder must hold one ${imagePad}`);
  const section = json['efficient'] ?? json['general'];
  if (!isObject(section)) throw broken('it has neither "efficient" nor "general"');
  const userTemplate = userTemplateOf(section, 'user_template');
  const system = optionalText(section, 'system');
  return {
    imagePlaceholder,
    system,
    systemWithoutTool: 'system_without_tool' in section ? optionalText(section, 'system_without_tool') : system,
    userTemplate,
    userTemplateWithoutTool:
      'user_template_without_tool' in section ? userTemplateOf(section, 'user_template_without_tool') : userTemplate,
    tags: parseTags(section),
    tool: json['efficient'] === undefined ? null : parseTool(section),
  };
}

function userTemplateOf(section: JsonObject, key: string): string {
  const template = text(section, key);
  holdsOnce(key, template, '{image}');
  holdsOnce(key, template, '{question}');
  return template;
}

/** `"tags": {"thinking": ["<think>", "</think>"], "answer": null}`: null or nothing where there are no such tags. */
function parseTags({ tags }: JsonObject): Prompts['tags'] {
  if (tags === undefined) return DEFAULT_TAGS;
  if (!isObject(tags)) throw broken('"tags" must be an object');
  return { thinking: tagPair(tags, 'thinking'), answer: tagPair(tags, 'answer') };
}

function tagPair(tags: JsonObject, kind: keyof Prompts['tags']): TagPair | null {
  const pair: unknown = tags[kind] ?? null;
  if (pair === null) return null;
  const [open, close, ...more]: unknown[] = Array.isArray(pair) ? pair : [];
  if (isTag(open) && isTag(close) && open !== close && more.length === 0) return [open, close];
  throw broken(`"tags.${kind}" must be an opening and a closing tag, found ${JSON.stringify(pair)}`);
}

function isTag(tag: unknown): tag is string {
  return typeof tag === 'string' && tag !== '';
}

function parseTool(section: JsonObject): ToolPrompts {
  const perImage = text(section, 'tool_response_turn_per_image');
  holdsOnce('tool_response_turn_per_image', perImage, '{image}');
  const errorReply = optionalText(section, 'error_turn_template');
  if (errorReply !== null) holdsOnce('error_turn_template', errorReply, '{error}');
  return {
    name: optionalText(section, 'tool') ?? DEFAULT_TOOL,
    replyPrefix: text(section, 'tool_response_turn_prefix'),
    perImage,
    betweenImages: optionalText(section, 'tool_response_turn_between_images') ?? '',
    replySuffix: text(section, 'tool_response_turn_suffix'),
    errorReply,
  };
}

function holdsOnce(key: string, template: string, placeholder: string): void {
  if (template.split(placeholder).length !== 2) throw broken(`"${key}" must hold ${placeholder} once`);
}

function text(from: JsonObject, key: string): string {
  const value = from[key];
  if (typeof value !== 'string') throw broken(`"${key}" must be a string, found ${JSON.stringify(value) ?? 'nothing'}`);
  return value;
}

function optionalText(from: JsonObject, key: string): string | null {
  return from[key] === undefined || from[key] === null ? null : text(from, key);
}

function broken(why: string): NamedError {
  return new NamedError(
    'ModelFolderError',
    `prompts.json cannot be used: ${why}. Convert the checkpoint again, or copy its prompts.json anew.`,
  );
}
