/**
 * A conversation from a file of OpenAI-shaped messages: `{"messages": [{"role", "content"}]}`, content a text or a list of
 * `{"type": "text", "text"}` and `{"type": "image_url", "image_url": {"url": PATH or data URL}}`.
 * Source of the shape: OpenAI, Chat Completions API reference, `messages`.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openFileBlob } from '../io/node/file-blob.ts';
import { messageOf, NamedError } from '../shared/errors.ts';
import { isObject } from '../shared/json.ts';

/** A piece of a message: text, or an image's bytes. The same file is the same Blob. */
export type FileContent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly blob: Blob; readonly name: string };

/** A message. */
export interface FileMessage {
  readonly role: (typeof ROLES)[number];
  readonly content: readonly FileContent[];
}

/** The messages before the last, and the last, which is the user's. */
export interface FileChat {
  readonly history: readonly FileMessage[];
  readonly question: FileMessage;
}

const ROLES = ['system', 'user', 'assistant'] as const;

/** Something with a scheme of at least two letters: a drive letter is none. */
const SCHEME = /^([a-z][a-z\d+.-]+):/i;

/** Reads and checks a file. Throws ChatError, which names the message; images are opened, not decoded. */
export async function readChatFile(path: string): Promise<FileChat> {
  let text: string;
  try {
    text = textOf(await readFile(path));
  } catch (cause) {
    throw chatError(`${path} cannot be read (${messageOf(cause)}). Give the path of a JSON file.`, cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw chatError(`${path} is not JSON (${messageOf(cause)}). Write {"messages": [...]}.`, cause);
  }
  const messages = isObject(json) ? json['messages'] : undefined;
  if (!Array.isArray(messages) || messages.length === 0) {
    throw chatError(`${path} has no "messages", a list of at least one. Write {"messages": [...]}.`);
  }
  const images = new ImageFiles(dirname(path));
  const read: FileMessage[] = [];
  for (const [i, message] of messages.entries()) read.push(await parseMessage(message, `messages[${i}]`, images));
  const question = read.at(-1);
  if (question?.role !== 'user') {
    throw chatError(
      `The last message is the ${question?.role}'s. End with the user's: it is the one that is answered.`,
    );
  }
  if (question.content.every((piece) => piece.type === 'text' && piece.text.trim() === '')) {
    throw chatError('The last message is empty. Put the question into it.');
  }
  return { history: read.slice(0, -1), question };
}

/** A file's text, in UTF-8 or, with its mark, UTF-16, as editors and shells on Windows write it. The mark is no part of it. */
function textOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  return new TextDecoder(first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8').decode(bytes);
}

async function parseMessage(message: unknown, where: string, images: ImageFiles): Promise<FileMessage> {
  if (!isObject(message)) throw chatError(`${where} is no object. Write {"role": "user", "content": "..."}.`);
  const stated = message['role'];
  const role = ROLES.find((known) => known === stated);
  if (role === undefined) {
    throw chatError(`${where}.role is ${shown(stated)}. Use one of ${ROLES.join(', ')}.`);
  }
  const { content } = message;
  if (typeof content === 'string') return { role, content: [{ type: 'text', text: content }] };
  if (!Array.isArray(content)) throw chatError(`${where}.content is ${shown(content)}. Use a text or a list of parts.`);
  const parts: FileContent[] = [];
  for (const [i, part] of content.entries()) parts.push(await parsePart(part, `${where}.content[${i}]`, images));
  return { role, content: parts };
}

async function parsePart(part: unknown, where: string, images: ImageFiles): Promise<FileContent> {
  const type = isObject(part) ? part['type'] : undefined;
  if (isObject(part) && type === 'text') {
    const { text } = part;
    if (typeof text !== 'string') throw chatError(`${where}.text is ${shown(text)}. Give a text.`);
    return { type: 'text', text };
  }
  if (isObject(part) && type === 'image_url') {
    const image = part['image_url'];
    const url = isObject(image) ? image['url'] : undefined;
    if (typeof url !== 'string' || url === '') {
      throw chatError(`${where}.image_url.url is ${shown(url)}. Give the path of an image file, or a data URL.`);
    }
    return images.open(url, where);
  }
  throw chatError(`${where}.type is ${shown(type)}. Use text or image_url.`);
}

/** Opens images, each once. */
class ImageFiles {
  readonly #folder: string;
  readonly #opened = new Map<string, Extract<FileContent, { type: 'image' }>>();

  /** Paths are relative to `folder`, the chat file's, or to the working directory where there is no such file. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(url: string, where: string): Promise<FileContent> {
    const known = this.#opened.get(url);
    if (known !== undefined) return known;
    const scheme = SCHEME.exec(url)?.[1]?.toLowerCase();
    const name = scheme === 'data' ? `${where} (a data URL)` : url;
    const image = { type: 'image', name, blob: await this.#read(url, scheme, where) } as const;
    this.#opened.set(url, image);
    return image;
  }

  async #read(url: string, scheme: string | undefined, where: string): Promise<Blob> {
    if (scheme === 'data') return dataOf(url, where);
    if (scheme !== undefined && scheme !== 'file') {
      throw chatError(
        `${where} names an image elsewhere: ${shown(url)}. Nothing is fetched: save it as a file and give its path, or a data URL.`,
      );
    }
    const path = scheme === 'file' ? pathOf(url, where) : url;
    const blob = (await openFileBlob(resolve(this.#folder, path))) ?? (await openFileBlob(resolve(path)));
    if (blob === undefined)
      throw chatError(`${where} names the image ${path}: there is no such file. Correct the path.`);
    return blob;
  }
}

async function dataOf(url: string, where: string): Promise<Blob> {
  try {
    return await (await fetch(url)).blob(); // decodes it; nothing leaves the machine
  } catch (cause) {
    throw chatError(`${where} has a data URL that is malformed: ${shown(url)}. Write data:image/png;base64,...`, cause);
  }
}

function pathOf(url: string, where: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw chatError(`${where} names ${shown(url)}, which is no file on this machine. Give a path.`, cause);
  }
}

/** A value for a message, cut short. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function chatError(message: string, cause?: unknown): NamedError {
  return new NamedError('ChatError', message, cause === undefined ? undefined : { cause });
}
