/** A page that records a video whose brightness grows, and reads its frames. */
import { videoFrames } from '../../src/client/video-frames.ts';

/** Milliseconds of a recording. */
const LENGTH_MS = 1600;

/** A recording of a canvas that fades from black to white. */
async function record(): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = 64;
  canvas.height = 48;
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('no canvas');
  const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/webm' });
  const parts: Blob[] = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const ended = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  const start = performance.now();
  for (let at = 0; at < LENGTH_MS; at = performance.now() - start) {
    const level = Math.round((255 * at) / LENGTH_MS);
    context.fillStyle = `rgb(${level}, ${level}, ${level})`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  recorder.stop();
  await ended;
  return new Blob(parts, { type: 'video/webm' });
}

/** Size and brightness of a frame's middle. */
async function look(frame: Blob): Promise<{ type: string; width: number; height: number; level: number }> {
  const bitmap = await createImageBitmap(frame);
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d');
  context?.drawImage(bitmap, 0, 0);
  const [level = -1] = context?.getImageData(width / 2, height / 2, 1, 1).data ?? [];
  return { type: frame.type, width, height, level };
}

Object.assign(globalThis, {
  framesOfRecording: async () => Promise.all((await videoFrames(await record())).map(look)),
  framesOfNonsense: () =>
    videoFrames(new Blob(['no video'], { type: 'video/webm' })).then(
      () => 'frames',
      (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : 'nothing'),
    ),
});
