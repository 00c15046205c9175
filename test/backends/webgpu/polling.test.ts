/** Dawn's polls in Node. In a process of its own: the pace holds for a whole process. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MODULE = new URL('../../../src/backends/webgpu/node/polling.ts', import.meta.url);

/** A bound function reads as native code; without its name it looks like one of a binding. */
const SCRIPT = `
  import { promisify } from 'node:util';
  const { noteSubmissions, paceDawn } = await import(process.argv[1]);
  const native = Object.defineProperty(Math.max.bind(null), 'name', { value: '' });
  paceDawn();
  const kindOf = (callback) => setImmediate(callback).constructor.name;
  const idle = kindOf(native);
  const ofJavaScript = [kindOf(() => undefined), kindOf(function () {}.bind(null))];
  const device = { queue: { submitted: 0, submit(commands) { this.submitted += commands.length; } } };
  noteSubmissions(device);
  device.queue.submit([1, 2]);
  const busy = kindOf(native);
  const later = await promisify(setImmediate)('promised');
  console.log(JSON.stringify({ idle, ofJavaScript, busy, later, submitted: device.queue.submitted }));
`;

it('polls at every turn only behind a submission, and leaves other calls of setImmediate alone', async () => {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', SCRIPT, MODULE.href];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toEqual({
    idle: 'Timeout',
    ofJavaScript: ['Immediate', 'Immediate'],
    busy: 'Immediate',
    later: 'promised',
    submitted: 2,
  });
});
