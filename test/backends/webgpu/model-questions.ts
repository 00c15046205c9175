/** The inputs that the test of whole models gives a model's towers: the same to our kernels and to onnxruntime. */
import type { Decoder } from '../../../src/engine/decoder.ts';
import { preprocess } from '../../../src/image/patchify.ts';
import type { Segment } from '../../../src/engine/segments.ts';
import { DEFAULT_PROCESSOR_SETTINGS } from '../../../src/architectures/qwen2_5_vl/image-processor.ts';
import type { ImageFeatures, VisionModel } from '../../../src/engine/backend.ts';

/** The questions. */
export interface Questions {
  /** Token ids around a synthetic image. */
  readonly prompt: readonly number[];
  /** Tokens to generate, by pipelined decode and by speculative decoding. */
  readonly tokens: number;
  /** Pictures of synthetic pixels: height and width in patches. */
  readonly grids: readonly (readonly [number, number])[];
}

/** The outputs of a language model. */
export interface Continuation {
  /** Tokens after the prompt: by pipelined decode, and verified as drafts, every other one wrong in its fourth token. */
  readonly pipelined: readonly number[];
  readonly drafted: readonly number[];
  /** Logits of the prompt's last token, and of the last generated one. */
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/** Visual tokens in the middle of every prompt. */
const GRID = { height: 3, width: 4 };
const signal = new AbortController().signal;

/** Asks a language model. `invent` makes features of `tokens` tokens whose values `value` gives, one by one. */
export async function continuePrompt(
  decoder: Decoder,
  invent: (tokens: number, value: (i: number) => number) => ImageFeatures,
  { prompt: ids, tokens }: Questions,
): Promise<Continuation> {
  await decoder.reserve(0, ids.length + GRID.height * GRID.width + tokens);
  const features = invent(GRID.height * GRID.width, (i) => Math.sin(i * i) / 20);
  const prompt: Segment[] = [
    { kind: 'text', ids: ids.slice(0, 20) },
    { kind: 'image', serial: 0, grid: GRID, features: async () => features },
    { kind: 'text', ids: ids.slice(20) },
  ];
  const start = await decoder.prefill(prompt, { signal, wantLogits: true });
  const pipelined = [start.greedy];
  for (const until of [Math.ceil(tokens / 2), tokens]) {
    if (decoder.canPipeline) {
      const options = { signal, most: until - pipelined.length, shouldContinue: () => true };
      for await (const id of decoder.pipelined(pipelined.at(-1) ?? -1, options)) pipelined.push(id);
    }
    while (pipelined.length < until) {
      const { tokens: next } = await decoder.step(pipelined.at(-1) ?? -1, { signal, wantLogits: false });
      pipelined.push(...next);
    }
    await decoder.reserve(0, decoder.capacity + 512); // grows in place: the second half reads what the first has cached
  }
  await decoder.forget();
  await decoder.prefill(prompt, { signal, wantLogits: false });
  const drafted = [start.greedy];
  let last: Float32Array | null = null;
  for (let run = 0; drafted.length < tokens; run++) {
    const draft = pipelined
      .slice(drafted.length, drafted.length + 5)
      .map((id, i) => (run % 2 === 1 && i === 3 ? (id + 1) % 300 : id));
    const step = await decoder.step(drafted.at(-1) ?? -1, { signal, wantLogits: true, draft });
    drafted.push(...step.tokens);
    last = step.logits;
  }
  await decoder.clear();
  features.dispose();
  return { pipelined, drafted: drafted.slice(0, tokens), first: [...(start.logits ?? [])], last: [...(last ?? [])] };
}

/** Encodes pictures with a vision tower; returns their features. */
export async function lookAt(vision: VisionModel, { grids }: Questions): Promise<number[][]> {
  const features: number[][] = [];
  for (const [height, width] of grids) {
    const size = { width: width * 14, height: height * 14 };
    const data = Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => 128 + 127 * Math.sin(i * i));
    const encoded = await vision.encode(preprocess({ ...size, data }, DEFAULT_PROCESSOR_SETTINGS));
    features.push([...(await encoded.read())]);
    encoded.dispose();
  }
  return features;
}
