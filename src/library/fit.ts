/** Judges whether a model fits a machine, in sentences: its needs against the machine's limits. Pure. */
import type { ModelConfig } from '../model/model-config.ts';
import type { BackendOption } from '../protocol/engine-api.ts';
import type { Finding, StorageFacts } from '../protocol/library-api.ts';

/** Tokens of the cache in the estimate: two rounds of a large image and a long answer. */
const CACHE_TOKENS = 4096;

/** Size limit of a 32-bit heap. */
const WASM_BYTES = 4e9;

/** Above this, WebAssembly takes minutes for an answer. */
const SLOW_ON_WASM_BYTES = 0.5e9;

/** Storage left free after storing a model, for the browser's own needs. */
const STORAGE_MARGIN_BYTES = 50e6;

/** The graphics adapter's properties; a sentence if there is none. */
export type Machine =
  | {
      readonly adapter: string;
      readonly hasF16: boolean;
      readonly isSoftware: boolean;
      /** Largest buffer a kernel can read. */
      readonly maxBindingBytes: number;
    }
  | string;

/** A model's requirements. */
export interface Needs {
  readonly dtype: string;
  readonly gpuBytes: number;
  readonly largestTensorBytes: number;
}

/** Bytes on the graphics device: weights, a cache for {@link CACHE_TOKENS}, and the working buffers of a prefill of as many. */
export function gpuBytesOf({ text }: ModelConfig, weightBytes: number): number {
  const elementBytes = 2;
  const cache = 2 * text.numLayers * text.numKvHeads * text.headDim * CACHE_TOKENS * elementBytes;
  const scratch = CACHE_TOKENS * (2 * text.intermediateSize + 4 * text.hiddenSize) * elementBytes;
  return weightBytes + cache + scratch + text.vocabSize * 4;
}

/** Whether the machine can run the model, judged by its limits. `asked`: the backend that was chosen, null for the best one. */
export function judgeMachine(needs: Needs, machine: Machine, asked: BackendOption | null): Finding {
  if (asked?.device === 'cpu') return judgeWasm(needs, `${asked.label} was asked for.`);
  if (typeof machine === 'string') {
    return asked !== null ? no(`${machine} ${ELSEWHERE}`) : judgeWasm(needs, machine);
  }
  const { adapter, hasF16, isSoftware, maxBindingBytes } = machine;
  if (maxBindingBytes < needs.largestTensorBytes) {
    const limit = `${adapter} binds at most ${size(maxBindingBytes)} at once, this model's largest weight has ${size(needs.largestTensorBytes)}.`;
    return no(`${limit} Choose a dtype with fewer bits or a smaller model.`);
  }
  if (isSoftware) {
    const reason = `The only graphics adapter (${adapter}) computes on the CPU.`;
    return asked !== null ? doubtful(`${reason} Expect minutes for an answer.`) : judgeWasm(needs, reason);
  }
  if (!hasF16 && needs.dtype !== 'q4' && needs.dtype !== 'fp32') {
    return doubtful(
      `${adapter} has no 16-bit arithmetic (shader-f16): some weights are unpacked to 32 bits and take more memory. q4 avoids that.`,
    );
  }
  return { verdict: 'yes', text: `${adapter} can bind its largest weight (${size(needs.largestTensorBytes)}).` };
}

function judgeWasm({ gpuBytes }: Needs, reason: string): Finding {
  if (gpuBytes > WASM_BYTES * 0.9) {
    return no(
      `${reason} The model needs ${size(gpuBytes)}, and WebAssembly has ${size(WASM_BYTES)} at most. ${ELSEWHERE}`,
    );
  }
  if (gpuBytes > SLOW_ON_WASM_BYTES) return doubtful(`${reason} On the CPU this model takes minutes for an answer.`);
  return { verdict: 'yes', text: `${reason} This model is small enough for the CPU.` };
}

const ELSEWHERE =
  'Use a browser with WebGPU on a machine with a graphics card, choose a smaller model, or run it on a server of your own.';

/** Interprets a trial allocation. `refusal`: why it ended early; null: everything was allocated. */
export function judgeTrial(bytes: number, takenBytes: number, refusal: string | null): Finding {
  if (refusal === null) return { verdict: 'yes', text: `The graphics card held ${size(bytes)} in a trial just now.` };
  return no(
    `The graphics card gave ${size(takenBytes)} of ${size(bytes)} in a trial just now (${refusal.replace(/\.$/, '')}). Close other ` +
      'pages and programs that use it and try again, choose a dtype with fewer bits or a smaller model, or run it on a server of your own.',
  );
}

/** Whether `bytes` more may be stored. */
export function judgeStorage(bytes: number, { freeBytes, mayBeMore }: StorageFacts): Finding {
  if (freeBytes === null) return doubtful('This browser does not say how much storage it gives this site.');
  if (bytes + STORAGE_MARGIN_BYTES <= freeBytes) {
    const text = mayBeMore
      ? `This browser offers this site ${size(freeBytes)} or more, as far as the disk has it.`
      : `This browser gives this site ${size(freeBytes)} more.`;
    return { verdict: 'yes', text };
  }
  if (mayBeMore) {
    return doubtful(
      `This browser offers at most ${size(freeBytes)}, ${size(bytes)} are needed. If that much is free on the disk it will likely ` +
        'fit; if not, nothing that was written is lost.',
    );
  }
  return no(
    `This browser gives this site ${size(freeBytes)} more, ${size(bytes)} are needed. Delete models below, free disk space, or ` +
      'choose a dtype with fewer bits. A private window gets little storage: use a normal one.',
  );
}

function no(text: string): Finding {
  return { verdict: 'no', text };
}

function doubtful(text: string): Finding {
  return { verdict: 'doubtful', text };
}

function size(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
