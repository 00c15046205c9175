/**
 * Pipelined decode: greedy steps submitted one behind the other, some before the token they take is known here. It knows
 * neither tensors nor what the sequence holds.
 */
import type { PendingToken, Sequence } from './backend.ts';
import { type DeviceQueue, untilStopped } from './device-queue.ts';

/** What pipelined decode goes by. */
export interface PipelineOptions {
  readonly signal: AbortSignal;
  /** Steps at most. */
  readonly most: number;
  /** Asked before each step, with the number of steps in flight. At no, what is in flight still comes. */
  readonly goOn: (inFlight: number) => boolean;
}

/** What the steps run on. */
export interface PipelineContext {
  readonly decodeAhead: NonNullable<Sequence['decodeAhead']>;
  readonly queue: DeviceQueue;
  /** Steps in flight at most. */
  readonly depth: number;
}

/**
 * Steps behind the sequence, the first of which takes `id`; gives their tokens in order. Breaking out of the loop abandons
 * the steps in flight: the device computes them, their results are discarded, and the caller truncates the sequence.
 * Throws StoppedError when the signal fires.
 */
export async function* decodePipelined(
  id: number,
  { decodeAhead, queue, depth }: PipelineContext,
  { signal, most, goOn }: PipelineOptions,
): AsyncGenerator<number, void, undefined> {
  const inFlight: Promise<number>[] = [];
  const submit = async (taken: number | null): Promise<PendingToken> => {
    const pending = await decodeAhead(taken);
    pending.token.catch(() => undefined); // an abandoned step's failure has no listener
    return pending;
  };
  for (let submitted = 0; ;) {
    while (inFlight.length < depth && submitted < most && goOn(inFlight.length)) {
      const taken = submitted++ === 0 ? id : null;
      inFlight.push((await queue.run(signal, () => submit(taken))).token);
    }
    const oldest = inFlight.shift();
    if (oldest === undefined) return;
    yield await untilStopped(signal, oldest);
  }
}
