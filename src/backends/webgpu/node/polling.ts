/**
 * Dawn's binding for Node learns of results by polling: while a promise of its is pending, it asks the driver at every turn of the
 * event loop, through the global `setImmediate`, which keeps a core busy for as long as a kernel compiles. Here it asks that often
 * only while work was submitted a moment ago, so that no step of decode waits for a timer; otherwise it asks every millisecond.
 *
 * See dawn-gpu/node-webgpu issue 17 and src/dawn/node/binding/AsyncRunner.cpp in Dawn. Measured with 10 kernels on llvmpipe: 8.8 s
 * of CPU time before, 4.1 s after; in that time 799,102 polls before, 3,456 after.
 */

/** Polls follow one another without a pause for this long after work was submitted. */
const BUSY_FOR_MS = 20;

/** The pause between two polls otherwise. */
const PAUSE_MS = 1;

/** When work was last submitted to any device, on the clock of `performance.now()`. */
let lastSubmitted = -Infinity;
let isPaced = false;

/** Slows down Dawn's polls in this process. Calls of `setImmediate` with functions of JavaScript stay as they are. */
export function paceDawn(): void {
  if (isPaced) return;
  isPaced = true;
  const original = globalThis.setImmediate;
  const paced = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown =>
    isNative(callback) && performance.now() - lastSubmitted > BUSY_FOR_MS
      ? setTimeout(callback, PAUSE_MS, ...args)
      : original(callback, ...args);
  // The copy keeps what `util.promisify` looks for.
  globalThis.setImmediate = Object.assign(paced, original);
}

/** Polls a device without pauses after each of its submissions. */
export function noteSubmissions({ queue }: GPUDevice): void {
  const submit = queue.submit.bind(queue);
  queue.submit = (commands) => {
    lastSubmitted = performance.now();
    submit(commands);
  };
}

/** Whether a function comes from a binding, as Dawn's polls do. The name tells it from one that `bind` made. */
function isNative(callback: (...args: unknown[]) => void): boolean {
  return callback.name === '' && Function.prototype.toString.call(callback).includes('[native code]');
}
