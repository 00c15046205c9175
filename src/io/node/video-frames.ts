/**
 * The frames of a video for Node, as many as VisionThink's evaluation shows: an animated GIF or WebP, or a folder of frames as
 * image files. Node has no decoder for MP4 and its kin.
 * Source of the choice of frames: dvlab-research/VisionThink scripts/vllm_tool.py, encode_video.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { about, messageOf, NamedError } from '../../shared/errors.ts';
import type { RgbImage } from '../../shared/rgb-image.ts';
import { frameIndices } from '../../shared/video-frames.ts';
import { checkDecodedSize } from '../image-decoder.ts';
import { Bytes } from '../image-headers/bytes.ts';
import { isGifWhole } from '../image-headers/gif.ts';
import { openFileBlob } from './file-blob.ts';
import { createNodeImageDecoder } from './node-image-decoder.ts';

/** Names of the files of a folder that are frames. */
const IMAGE_NAME = /\.(png|jpe?g|webp|gif|bmp|avif|tiff?)$/i;

/** Up to 8 frames of the video at `path`. Throws VideoError, and what decoding an image throws. */
export async function readVideoFrames(path: string): Promise<readonly RgbImage[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw videoError(`There is no file or folder ${path}. Give the path of a video.`);
  return found.isDirectory() ? framesOfFolder(path) : framesOfFile(path);
}

async function framesOfFolder(path: string): Promise<readonly RgbImage[]> {
  const names = (await readdir(path)).filter((name) => IMAGE_NAME.test(name));
  if (names.length === 0) throw videoError(`The folder ${path} holds no images. Put a video's frames into it.`);
  const { compare } = new Intl.Collator('en', { numeric: true }); // frame 10 comes after frame 9
  names.sort(compare);
  const decoder = createNodeImageDecoder();
  const frames: RgbImage[] = [];
  for (const i of frameIndices(names.length)) {
    const file = join(path, names[i] ?? '');
    const blob = await openFileBlob(file);
    if (blob === undefined) continue;
    try {
      frames.push(await decoder.decode(blob));
    } catch (thrown) {
      throw about(file, thrown);
    }
  }
  return frames;
}

async function framesOfFile(path: string): Promise<readonly RgbImage[]> {
  let pages: number;
  try {
    const { format, pages: counted = 1, width, height } = await sharp(path, { limitInputPixels: false }).metadata();
    checkDecodedSize(width, height);
    if (format !== 'gif' && format !== 'webp') throw new Error(`it is a ${format} image`);
    pages = counted;
    // libvips shows what there is of a frame that was cut short.
    if (format === 'gif' && !isGifWhole(new Bytes(await readFile(path))))
      throw new Error('it was cut short: copy it again');
  } catch (thrown) {
    throw videoError(
      `${path} is no animated GIF or WebP (${messageOf(thrown)}). Other videos cannot be decoded here: ask about them on the page, ` +
        'or write their frames into a folder (ffmpeg -i VIDEO -vf fps=1 FOLDER/%04d.png) and give the folder.',
      thrown,
    );
  }
  const frames: RgbImage[] = [];
  for (const page of frameIndices(pages)) {
    try {
      frames.push(await decodeFrame(path, page));
    } catch (thrown) {
      throw videoError(
        `Frame ${page + 1} of ${path} cannot be decoded (${messageOf(thrown)}): it is damaged. Copy the file again.`,
        thrown,
      );
    }
  }
  return frames;
}

async function decodeFrame(path: string, page: number): Promise<RgbImage> {
  const image = sharp(path, { page, pages: 1, limitInputPixels: false, ignoreIcc: true });
  const { data, info } = await image
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: rgbOf(data, info.channels) };
}

/** RGB of pixels with one or three channels: grey ones are left with one. */
function rgbOf(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data);
  return Uint8Array.from({ length: (data.length / channels) * 3 }, (_, i) => data[Math.floor(i / 3) * channels] ?? 0);
}

function videoError(message: string, cause?: unknown): NamedError {
  return new NamedError('VideoError', message, cause === undefined ? undefined : { cause });
}
