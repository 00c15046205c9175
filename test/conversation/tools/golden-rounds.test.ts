/**
 * A round of every tool against transformers, on tiny checkpoints: the words and images are the references' own, the prompt's ids
 * and 32 greedy tokens behind a reply are identical. Goldens: test/golden/make/tool_rounds.py.
 */
import { openAsBlob, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../../../src/conversation/engine.ts';
import { sayInRound1 } from '../../../src/evaluation/given-text.ts';
import { createNodeImageDecoder } from '../../../src/io/node/node-image-decoder.ts';
import { DEFAULT_SETTINGS } from '../../../src/protocol/turn.ts';
import { convertTiny, type ModelParts, openParts } from '../../helpers/tiny-model.ts';

interface GoldenRound {
  readonly checkpoint: 'flat-f16-sharded' | 'nested-tied-bf16';
  readonly tool: string;
  readonly question: string;
  readonly call: string;
  /** Of the second round's prompt. */
  readonly tokens: number;
  readonly ids_crc32: string;
  readonly greedy_ids: readonly number[];
}

const GOLDEN = new URL('../../golden/', import.meta.url);
const { cases } = JSON.parse(readFileSync(new URL('tool-rounds.json', GOLDEN), 'utf8')) as {
  readonly cases: readonly GoldenRound[];
};

describe.each(['flat-f16-sharded', 'nested-tied-bf16'] as const)('%s', (name) => {
  let parts: ModelParts;
  let engine: Engine;

  beforeAll(async () => {
    parts = await openParts(await convertTiny(name));
    engine = new Engine({ folder: parts.folder, backend: parts.backend });
    const picture = await openAsBlob(fileURLToPath(new URL(`tiny/${name}/image1.png`, GOLDEN)));
    await engine.setImage(await createNodeImageDecoder().decode(picture));
  });
  afterAll(() => engine.dispose());

  const own = cases.filter(({ checkpoint }) => checkpoint === name);

  it.each(own.map((golden) => [golden.tool, golden] as const))('%s', async (tool, golden) => {
    const settings = { ...DEFAULT_SETTINGS, toolName: tool, maxNewTokens: 32 };
    const result = await engine.ask(golden.question, settings, () => undefined, sayInRound1(golden.call));
    expect(result.rounds.map(({ recomputedTokens }) => recomputedTokens)).toEqual([0, 0]);
    expect(result.rounds[1]?.promptTokens).toBe(golden.tokens);
    // All messages but the answer.
    const { builder } = await engine.core.contextFor(settings);
    const prompt = builder.segments(result.messages.slice(0, -1), (request) => {
      const view = engine.views?.view(request);
      if (view === undefined) throw new Error('there is an image');
      return view.segment;
    });
    const pad = parts.folder.tokenizer.id('<|image_pad|>');
    const ids = prompt.flatMap((segment) =>
      segment.kind === 'text' ? segment.ids : new Array<number>(segment.grid.height * segment.grid.width).fill(pad),
    );
    expect(crc32(ids.join()).toString(16).padStart(8, '0')).toBe(golden.ids_crc32);
    expect(result.rounds[1]?.tokenIds).toEqual(golden.greedy_ids);
  });
});
