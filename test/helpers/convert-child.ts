/**
 * A conversion in a process of its own, for tests to kill: `convert-child.ts SOURCE OUT DTYPE [ENDPOINT]`. Prints a line for every
 * event as it happens: the phase, the bytes done, and the tensor or file.
 */
import { convertCheckpoint } from '../../src/converter/convert.ts';
import { parseDtype } from '../../src/converter/dtypes.ts';
import { openHubFolder } from '../../src/io/hub/hub-folder.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { createNodeHash } from '../../src/io/node/node-hash.ts';

const [source = '', out = '', dtype = '', endpoint] = process.argv.slice(2);
const checkpoint = endpoint === undefined ? nodeFolder(source) : await openHubFolder(source, { fetch, endpoint });
console.log('begin 0');
await convertCheckpoint(checkpoint, nodeFolder(out), {
  dtype: parseDtype(dtype),
  name: 'model',
  createHash: createNodeHash,
  onProgress: ({ phase, done, detail }) => console.log(`${phase} ${done} ${detail}`),
});
