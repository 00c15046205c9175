/** The queue of device work: one job at a time, abandoned at once when stopped, usable afterwards. */
import { describe, expect, it } from 'vitest';
import { DeviceQueue } from '../../src/engine/device-queue.ts';

const never = new AbortController().signal;

/** A job that ends when the test settles it. */
function work(): {
  run: () => Promise<string>;
  finish: (value: string) => void;
  fail: (error: Error) => void;
  started: () => boolean;
} {
  let isStarted = false;
  let finish: (value: string) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const done = new Promise<string>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  return {
    run: () => ((isStarted = true), done),
    finish: (value) => finish(value),
    fail: (error) => fail(error),
    started: () => isStarted,
  };
}

/**
 * Resolves after every message now in transit has arrived, however slow the machine: immediates come after messages
 * in Node's event loop, where a timer may overtake them.
 */
async function soon(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe.each([true, false])('DeviceQueue, leavesThreadFree %s', (leavesThreadFree) => {
  it("passes on the job's result", async () => {
    const queue = new DeviceQueue(leavesThreadFree);
    expect(await queue.run(never, async () => 7)).toBe(7);
    await expect(queue.run(never, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(
      queue.run(never, () => {
        throw new Error('at once');
      }),
    ).rejects.toThrow('at once');
    expect(await queue.run(never, async () => 8)).toBe(8);
  });

  it('runs one job at a time, in order, however many wait', async () => {
    const queue = new DeviceQueue(leavesThreadFree);
    const pieces = [work(), work(), work()];
    const results = pieces.map((piece) => queue.run(never, piece.run));
    for (const [i, piece] of pieces.entries()) {
      await soon();
      expect(pieces.map((other) => other.started())).toEqual(pieces.map((_, j) => j <= i));
      piece.finish(`piece ${i}`);
    }
    expect(await Promise.all(results)).toEqual(['piece 0', 'piece 1', 'piece 2']);
  });

  it('abandons a running job at once, and starts the next only after it', async () => {
    const queue = new DeviceQueue(leavesThreadFree);
    const stop = new AbortController();
    const [first, second] = [work(), work()];
    const left = queue.run(stop.signal, first.run);
    await soon();
    stop.abort();
    await expect(left).rejects.toMatchObject({ name: 'StoppedError' });
    const next = queue.run(never, second.run);
    await soon();
    expect(second.started()).toBe(false);
    first.finish('too late');
    await soon();
    expect(second.started()).toBe(true);
    second.finish('done');
    expect(await next).toBe('done');
  });

  it('also stops a waiting job at once, and never starts it', async () => {
    const queue = new DeviceQueue(leavesThreadFree);
    const stop = new AbortController();
    const [first, second] = [work(), work()];
    const running = queue.run(never, first.run);
    const waiting = queue.run(stop.signal, second.run);
    await soon();
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'StoppedError' });
    first.finish('done');
    expect(await running).toBe('done');
    await queue.idle();
    expect(second.started()).toBe(false);
  });

  it('refuses a job whose signal has fired', async () => {
    const queue = new DeviceQueue(leavesThreadFree);
    const piece = work();
    await expect(queue.run(AbortSignal.abort(), piece.run)).rejects.toMatchObject({ name: 'StoppedError' });
    expect(piece.started()).toBe(false);
  });

  it('ignores the failure of an abandoned job', async () => {
    const queue = new DeviceQueue(leavesThreadFree);
    const stop = new AbortController();
    const piece = work();
    const left = queue.run(stop.signal, piece.run);
    await soon();
    stop.abort();
    await expect(left).rejects.toMatchObject({ name: 'StoppedError' });
    piece.fail(new Error('the device is lost'));
    await queue.idle();
    expect(await queue.run(never, async () => 1)).toBe(1);
  });

  it('is idle only when nothing runs or waits', async () => {
    const queue = new DeviceQueue(leavesThreadFree);
    const pieces = [work(), work()];
    const results = pieces.map((piece) => queue.run(never, piece.run));
    let idle = false;
    const waiting = queue.idle().then(() => (idle = true));
    pieces[0]?.finish('a');
    await soon();
    expect(idle).toBe(false);
    pieces[1]?.finish('b');
    await Promise.all(results);
    await waiting;
  });

  it('leaves no listener behind', async () => {
    const queue = new DeviceQueue(leavesThreadFree);
    const stop = new AbortController();
    let listeners = 0;
    const { signal } = stop;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
    for (let i = 0; i < 20; i++) await queue.run(signal, async () => i);
    await soon();
    expect(listeners).toBe(0);
  });
});

describe('a thread that runs block', () => {
  it('receives messages before each job', async () => {
    const queue = new DeviceQueue(false);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 0);
    let pieces = 0;
    const endless = async (): Promise<void> => {
      for (;;) {
        await queue.run(stop.signal, async () => {
          const end = performance.now() + 2;
          while (performance.now() < end); // blocks, as WASM does
          pieces++;
        });
      }
    };
    await expect(endless()).rejects.toMatchObject({ name: 'StoppedError' });
    expect(pieces).toBeLessThan(50);
  });
});
