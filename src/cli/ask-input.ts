/** What the command line asks: images in the order of their numbers, and a question in their conversation. */
import type { AskOptions } from '../conversation/engine.ts';
import { openFileBlob } from '../io/node/file-blob.ts';
import { createNodeImageDecoder } from '../io/node/node-image-decoder.ts';
import { readVideoFrames } from '../io/node/video-frames.ts';
import type { AskedImage, AskedRegion, ChatContent, ChatMessage } from '../protocol/chat.ts';
import type { TurnSettings } from '../protocol/turn.ts';
import { about, NamedError } from '../shared/errors.ts';
import { fullOf, halfOf, type PixelRegion } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { type FileContent, type FileMessage, readChatFile } from './chat-file.ts';

/** An image, and what it is called. */
export interface AskedPicture {
  readonly name: string;
  readonly image: RgbImage;
}

/** A question and all that it is about. */
export interface AskInput {
  /** Image `i` is number `i` of the engine's. */
  readonly images: readonly AskedPicture[];
  readonly question: string;
  readonly options: Pick<AskOptions, 'chat' | 'content'>;
}

/** What a question is about. */
export interface QuestionFiles {
  readonly paths: readonly string[];
  readonly video?: string | undefined;
  readonly part: AskedRegion | null;
}

/** A question about image files and a video's frames, in that order. Throws UsageError, VideoError, and what decoding throws. */
export async function readQuestion(question: string, { paths, video, part }: QuestionFiles): Promise<AskInput> {
  const images: AskedPicture[] = [];
  for (const path of paths) {
    const file = await openFileBlob(path);
    if (file === undefined) throw new NamedError('UsageError', `There is no file ${path}. Give the path of an image.`);
    images.push(await decode(file, path));
  }
  if (video !== undefined) {
    const frames = await readVideoFrames(video);
    images.push(...frames.map((image, i) => ({ name: `${video}, frame ${i + 1} of ${frames.length} shown`, image })));
  }
  const [first = 0, ...others] = images.keys();
  const shown: readonly AskedImage[] = part === null ? [first] : withRegion(first, part);
  return { images, question, options: { chat: { history: [], images: [...shown, ...others] } } };
}

function withRegion(image: number, { region, besideWhole }: AskedRegion): readonly AskedImage[] {
  return besideWhole ? [image, { image, region }] : [{ image, region }];
}

/** The region in `x1,y1,x2,y2`, whole pixels of the picture; the second corner is just outside. Throws UsageError. */
export function parseRegion(text: string): PixelRegion {
  const sides = text.split(',').map((side) => (/^\s*\d{1,9}\s*$/.test(side) ? Number(side) : NaN));
  const [left = NaN, top = NaN, right = NaN, bottom = NaN] = sides;
  if (sides.length === 4 && right > left && bottom > top)
    return { left, top, width: right - left, height: bottom - top };
  throw new NamedError(
    'UsageError',
    `--region is "${text.slice(0, 80)}"; use x1,y1,x2,y2 in whole pixels of the picture, x1 below x2 and y1 below y2.`,
  );
}

/** The conversation of a chat's file. Throws ChatError, and what decoding throws. */
export async function readChat(path: string, { downsample }: TurnSettings): Promise<AskInput> {
  const { history, question } = await readChatFile(path);
  const images: AskedPicture[] = [];
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

/** Decodes an image; an error says which one it is about. */
async function decode(blob: Blob, name: string): Promise<AskedPicture> {
  try {
    return { name, image: await createNodeImageDecoder().decode(blob) };
  } catch (thrown) {
    throw about(name, thrown);
  }
}
