/** The page half of the decoder's browser test: hands files to the worker, draws SVG itself. */
import { previewImage } from '../../src/client/preview-image.ts';
import { rasterizeSvg } from '../../src/client/rasterize-svg.ts';

const worker = new Worker('worker.js');

function decode(file: Blob): Promise<unknown> {
  return new Promise((resolve) => {
    worker.addEventListener('message', (event: MessageEvent<unknown>) => resolve(event.data), { once: true });
    worker.postMessage(file);
  });
}

Object.assign(globalThis, {
  decodeFile: async (name: string) => decode(await (await fetch(`images/${name}`)).blob()),
  decodeSvg: async (name: string) => decode(await rasterizeSvg(await (await fetch(`images/${name}`)).blob())),
  decodePreview: async (name: string) => decode(await previewImage(await (await fetch(`images/${name}`)).blob())),
  decodeDrawn: async (width: number, height: number) => {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d');
    context?.fillRect(0, 0, width, height);
    return decode(await canvas.convertToBlob({ type: 'image/png' }));
  },
});
