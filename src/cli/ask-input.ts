/** What the command line asks: images in the order of their numbers, and a question in their conversation. */
import type { AskOptions } from '../conversation/engine.ts';
import { openFileBlob } from '../io/node/file-blob.ts';
import { createNodeImageDecoder } from '../io/node/node-image-decoder.ts';
import { readVideoFrames } from '../io/node/video-frames.ts';
import type { ChatContent, ChatMessage } from '../protocol/chat.ts';
import type { TurnSettings } from '../protocol/turn.ts';
import { type ErrorName, NamedError } from '../shared/errors.ts';
import { fullOf, halfOf } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { type FileContent, type FileMessage, readChatFile } from './chat-file.ts';

/** A question and all that it is about. */
export interface AskInput {
  /** Image `i` is number `i` of the engine's. */
  readonly images: readonly RgbImage[];
  readonly question: string;
  readonly options: Pick<AskOptions, 'chat' | 'content'>;
}

/** A question about image files and a video's frames, in that order. Throws UsageError, VideoError, and what decoding throws. */
export async function readQuestion(
  question: string,
  paths: readonly string[],
  video: string | undefined,
): Promise<AskInput> {
  const images: RgbImage[] = [];
  for (const path of paths) {
    const file = await openFileBlob(path);
    if (file === undefined) throw new NamedError('UsageError', `There is no file ${path}. Give the path of an image.`);
    images.push(await createNodeImageDecoder().decode(file));
  }
  if (video !== undefined) images.push(...(await readVideoFrames(video)));
  return { images, question, options: { chat: { history: [], images: images.map((_, i) => i) } } };
}

/** The conversation of a chat's file. Throws ChatError, and what decoding throws. */
export async function readChat(path: string, { downsample }: TurnSettings): Promise<AskInput> {
  const { history, question } = await readChatFile(path);
  const images: RgbImage[] = [];
  const numbers = new Map<Blob, number>();
  for (const piece of [...history, question].flatMap(({ content }) => content)) {
    if (piece.type !== 'image' || numbers.has(piece.blob)) continue;
    numbers.set(piece.blob, images.length);
    images.push(await decode(piece.blob, piece.name));
  }
  const requestOf = downsample ? halfOf : fullOf;
  const contentOf = ({ role, content }: FileMessage): ChatContent[] =>
    content.map((piece: FileContent) =>
      piece.type === 'image'
        ? { type: 'image', request: requestOf(numbers.get(piece.blob) ?? 0) }
        : { type: 'text', text: piece.text, trusted: role !== 'user' },
    );
  const earlier = history.map((message): ChatMessage => ({ role: message.role, content: contentOf(message) }));
  const text = question.content.map((piece) => (piece.type === 'text' ? piece.text : '')).join('');
  return {
    images,
    question: text,
    options: { chat: { history: earlier, images: [] }, content: contentOf(question) },
  };
}

/** Decodes an image; an error says which of the conversation's it is about. */
async function decode(blob: Blob, name: string): Promise<RgbImage> {
  try {
    return await createNodeImageDecoder().decode(blob);
  } catch (thrown) {
    if (!(thrown instanceof NamedError)) throw thrown;
    const errorName: ErrorName = thrown.name;
    throw new NamedError(errorName, `${name}: ${thrown.message}`, { cause: thrown });
  }
}
