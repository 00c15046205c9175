/** The frames of a video, through the browser's own decoder: evenly from the first to the last, as many as the model is shown. */
import { messageOf, NamedError } from '../shared/errors.ts';
import { pause } from '../shared/pause.ts';
import { MAX_VIDEO_FRAMES } from '../shared/video-frames.ts';

/** Milliseconds after which a video that does not go on counts as damaged. */
const PATIENCE_MS = 20_000;

/** Milliseconds after a seek within which its frame is presented, where frames are. */
const PRESENTED_WITHIN_MS = 500;

/** Seconds before a video's end at which its last frame is shown: at the very end some browsers show nothing. */
const BEFORE_END = 0.02;

/** Eight frames as PNG files. Throws VideoError when the browser cannot play the file. */
export async function videoFrames(file: Blob): Promise<readonly [Blob, ...Blob[]]> {
  const video = document.createElement('video');
  const url = URL.createObjectURL(file);
  try {
    video.muted = true;
    video.preload = 'auto';
    const loaded = once(video, 'loadeddata');
    video.src = url;
    await loaded;
    const duration = await durationOf(video);
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext('2d');
    if (context === null || canvas.width === 0) throw new Error('it has no picture');
    const last = Math.max(0, duration - BEFORE_END);
    const frameAt = async (time: number): Promise<Blob> => {
      if (video.currentTime !== time) await seek(video, time);
      context.drawImage(video, 0, 0);
      return toPng(canvas);
    };
    const frames: [Blob, ...Blob[]] = [await frameAt(0)];
    for (let i = 1; i < MAX_VIDEO_FRAMES && last > 0; i++)
      frames.push(await frameAt((i * last) / (MAX_VIDEO_FRAMES - 1)));
    return frames;
  } catch (cause) {
    throw new NamedError(
      'VideoError',
      `The video cannot be played here (${messageOf(cause)}). Try it as MP4 (H.264) or WebM, or choose pictures of it.`,
      { cause },
    );
  } finally {
    video.removeAttribute('src');
    video.load(); // lets go of the file
    URL.revokeObjectURL(url);
  }
}

/**
 * Goes to a time in seconds, and waits for its frame. The event alone is not enough: a browser may still hold the frame before, which
 * a canvas would then get. A page that is not seen presents no frames, so the wait is short.
 */
async function seek(video: HTMLVideoElement, time: number): Promise<void> {
  const presented = new Promise<void>((resolve) => video.requestVideoFrameCallback?.(() => resolve()));
  const sought = once(video, 'seeked');
  video.currentTime = time;
  await sought;
  await Promise.race([presented, pause(PRESENTED_WITHIN_MS)]);
}

/** Seconds. A recording may not state its length; seeking far beyond its end finds it. */
async function durationOf(video: HTMLVideoElement): Promise<number> {
  if (video.duration !== Infinity) return video.duration;
  await seek(video, 1e9);
  return Number.isFinite(video.duration) ? video.duration : video.currentTime;
}

/** Resolves at the next event of this type. Rejects when the video fails or nothing happens for long. */
function once(video: HTMLVideoElement, type: 'loadeddata' | 'seeked'): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = new AbortController();
    const { signal } = stop;
    const timer = setTimeout(() => fail(`nothing came for ${PATIENCE_MS / 1000} seconds`), PATIENCE_MS);
    const end = (): void => {
      clearTimeout(timer);
      stop.abort();
    };
    const fail = (why: string): void => {
      end();
      reject(new Error(why));
    };
    video.addEventListener(type, () => (end(), resolve()), { signal });
    video.addEventListener('error', () => fail(video.error?.message || 'its format is not known'), { signal });
  });
}

function toPng(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error('no PNG')) : resolve(blob)), 'image/png');
  });
}
