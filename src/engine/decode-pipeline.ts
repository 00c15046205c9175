/**
 * Pipelined decode: greedy steps submitted one after the other, some before their input token has reached the host. It knows
 * neither tensors nor the content of the sequence.
 */
import type { PendingToken, Sequence } from './backend.ts';
import { type DeviceQueue, untilStopped } from './device-queue.ts';

/** Options of pipelined decode. */
export interface PipelineOptions {
  readonly signal: AbortSignal;
  /** Most steps. */
  readonly most: number;
  /** Called before each step with the number of steps in flight. After false, the tokens in flight still arrive. */
  readonly shouldContinue: (inFlight: number) => boolean;
}

/** What the steps run on, and how deep the pipeline is. */
export interface PipelineContext {
  readonly decodeAhead: NonNullable<Sequence['decodeAhead']>;
  readonly queue: DeviceQueue;
  /** In-flight depth: most steps submitted whose tokens have not arrived. */
  readonly depth: number;
}

/**
 * Decodes from `id` on and yields the tokens in order. Breaking out of the loop abandons the steps in flight: the device
 * computes them, their results are discarded, and the caller truncates the sequence.
 * Throws StoppedError when the signal fires.
 */
export async function* decodePipelined(
  id: number,
  { decodeAhead, queue, depth }: PipelineContext,
  { signal, most, shouldContinue }: PipelineOptions,
): AsyncGenerator<number, void, undefined> {
  const inFlight: Promise<number>[] = [];
  const submit = async (taken: number | null): Promise<PendingToken> => {
    const pending = await decodeAhead(taken);
    pending.token.catch(() => undefined); // nobody awaits an abandoned step's failure
    return pending;
  };
  for (let submitted = 0; ;) {
    while (inFlight.length < depth && submitted < most && shouldContinue(inFlight.length)) {
      const taken = submitted++ === 0 ? id : null;
      inFlight.push((await queue.run(signal, () => submit(taken))).token);
    }
    const oldest = inFlight.shift();
    if (oldest === undefined) return;
    yield await untilStopped(signal, oldest);
  }
}
