/** A worker that decodes whatever it is sent and answers with the pixels or the error's name. */
import { createWebImageDecoder } from '../../src/io/web/web-image-decoder.ts';

const decoder = createWebImageDecoder();

addEventListener('message', (event: MessageEvent<Blob>) => {
  decoder.decode(event.data).then(
    ({ width, height, data }) => postMessage({ width, height, rgb: width * height <= 4096 ? [...data] : [] }),
    (thrown: Error) => postMessage({ error: thrown.name, message: thrown.message }),
  );
});
