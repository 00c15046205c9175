/**
 * The engine against Hugging Face transformers (test/golden/README.md), fp32, on six tiny random checkpoints: features,
 * logits, and 64 greedy tokens of both rounds.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/engine/decoder.ts';
import { promptLogits } from '../../src/engine/prompt-logits.ts';
import type { Segment } from '../../src/engine/segments.ts';
import { CHATML } from '../../src/architectures/qwen2_5_vl/chat.ts';
import { parsePrompts } from '../../src/model/prompts.ts';
import { fullOf, halfOf } from '../../src/shared/image-request.ts';
import { firstRound, toolTurn } from '../helpers/prompts.ts';
import {
  convertTiny,
  type Golden,
  type ModelParts,
  openParts,
  readGolden,
  TINY_NAMES,
  tinyImage,
} from '../helpers/tiny-model.ts';

const GREEDY_TOKENS = 64;
/** Tolerance of features and logits, relative to the largest value. */
const TOLERANCE = 1e-3;
/** Tolerance of round 2 on the cache against a full prefill. */
const CACHE_TOLERANCE = 1e-4;
const signal = new AbortController().signal;

/** The largest difference, relative to the largest expected value. */
function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs((found[i] ?? NaN) - (expected[i] ?? NaN)));
    largest = Math.max(largest, Math.abs(expected[i] ?? NaN));
  }
  return difference / largest;
}

function idsOf(segments: readonly Segment[], imagePad: number): number[] {
  return segments.flatMap((segment) =>
    segment.kind === 'text' ? segment.ids : new Array<number>(segment.grid.height * segment.grid.width).fill(imagePad),
  );
}

async function greedy(decoder: Decoder, prompt: readonly Segment[]): Promise<{ ids: number[]; computed: number }> {
  const prefilled = await decoder.prefill(prompt, { signal, wantLogits: false });
  const ids = [prefilled.greedy];
  while (ids.length < GREEDY_TOKENS) {
    ids.push(...(await decoder.step(ids.at(-1) ?? -1, { signal, wantLogits: false })).tokens);
  }
  return { ids, computed: prefilled.computedTokens };
}

/** The same with speculative decoding: drafts of the next five tokens, the fourth wrong in every other draft. */
async function greedyDrafted(
  decoder: Decoder,
  prompt: readonly Segment[],
  right: readonly number[],
): Promise<number[]> {
  const { greedy: first } = await decoder.prefill(prompt, { signal, wantLogits: false });
  const ids = [first];
  for (let run = 0; ids.length < GREEDY_TOKENS; run++) {
    const draft = right
      .slice(ids.length, ids.length + 5)
      .map((id, i) => (run % 2 === 1 && i === 3 ? (id + 1) % 300 : id));
    ids.push(...(await decoder.step(ids.at(-1) ?? -1, { signal, wantLogits: false, draft })).tokens);
  }
  return ids.slice(0, GREEDY_TOKENS);
}

describe.each(TINY_NAMES)('%s', (name) => {
  let golden: Golden;
  let parts: ModelParts;

  beforeAll(async () => {
    golden = readGolden(name);
    parts = await openParts(await convertTiny(name));
  });

  it.each([0, 1])('equals transformers on image %i', async (index) => {
    const expected = golden.cases[index];
    if (expected === undefined) throw new Error('no such case');
    const imagePad = parts.folder.tokenizer.id('<|image_pad|>');
    const views = await parts.views(tinyImage(name, expected));

    // image features, half and full
    for (const resolution of ['half', 'full'] as const) {
      const view = views.view(resolution === 'half' ? halfOf(0) : fullOf(0));
      const reference = expected[resolution];
      expect([view.size.width, view.size.height]).toEqual(reference.resized);
      expect(view.tokens).toBe(reference.tokens);
      const features = await (await view.segment.features()).read();
      expect(relativeError(features, golden.numbers(reference.features))).toBeLessThan(TOLERANCE);
    }

    // round 1: ids, logits, greedy tokens
    const prompt = firstRound(parts.folder, expected.question, views.view(halfOf(0)).segment);
    expect(idsOf(prompt, imagePad)).toEqual(expected.round1.ids);
    const vocabSize = parts.folder.manifest.config.text.vocabSize;
    const logits = await promptLogits(parts.backend.text, prompt);
    expect(
      relativeError(logits.subarray(expected.round1.logits_start * vocabSize), golden.numbers(expected.round1.logits)),
    ).toBeLessThan(TOLERANCE);
    const decoder = parts.newDecoder();
    await decoder.reserve(0, 4096);
    const first = await greedy(decoder, prompt);
    expect(first.ids).toEqual(expected.round1.greedy_ids);
    expect(first.computed).toBe(expected.round1.ids.length);
    expect(await greedyDrafted(decoder, prompt, first.ids)).toEqual(first.ids);

    // round 2 on a forced round 1, on the cache
    const second: Segment[] = [
      ...prompt,
      { kind: 'text', ids: expected.round2.forced_ids },
      ...toolTurn(parts.folder, expected.question, views.view(fullOf(0)).segment),
    ];
    expect(idsOf(second, imagePad)).toEqual(expected.round2.ids);
    const kept = parts.newDecoder();
    await kept.reserve(0, 4096);
    await kept.prefill(prompt, { signal, wantLogits: false });
    for (const id of expected.round2.forced_ids.slice(0, -1)) await kept.step(id, { signal, wantLogits: false });
    const before = kept.length;
    const onCache = await kept.prefill(second, { signal, wantLogits: true });
    expect(onCache.computedTokens).toBe(second.length === 0 ? 0 : expected.round2.ids.length - before);
    const fresh = parts.newDecoder();
    await fresh.reserve(0, 4096);
    const anew = await fresh.prefill(second, { signal, wantLogits: true });
    if (onCache.logits === null || anew.logits === null) throw new Error('logits were asked for');
    expect(relativeError(onCache.logits, anew.logits)).toBeLessThan(CACHE_TOLERANCE);
    expect(relativeError(onCache.logits, golden.numbers(expected.round2.logits))).toBeLessThan(TOLERANCE);
    expect((await greedy(fresh, second)).ids).toEqual(expected.round2.greedy_ids);
  });

  it('carries usable prompts', async () => {
    const text = await parts.folder.blob('prompts.json').text();
    expect(parsePrompts(JSON.parse(text), CHATML).tool).not.toBeNull();
  });
});
