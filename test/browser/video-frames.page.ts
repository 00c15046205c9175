/** A page that reads the frames of a video. */
import { videoFrames } from '../../src/client/video-frames.ts';

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
  framesOfRecording: async () => {
    const file = await (await fetch('fade.webm')).blob();
    return Promise.all((await videoFrames(file)).map(look));
  },
  framesOfNonsense: () =>
    videoFrames(new Blob(['no video'], { type: 'video/webm' })).then(
      () => 'frames',
      (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : 'nothing'),
    ),
});
