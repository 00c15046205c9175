/**
 * Conversations against transformers: 2 and 4 images in a turn, 3 turns with images in two, crops in tools' replies. Prompts' ids and
 * 32 greedy tokens are identical, on an empty cache and behind an earlier turn's.
 */
import { openAsBlob } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../../src/conversation/engine.ts';
import { createNodeImageDecoder } from '../../src/io/node/node-image-decoder.ts';
import type { ChatContent, ChatMessage } from '../../src/protocol/chat.ts';
import { DEFAULT_SETTINGS } from '../../src/protocol/turn.ts';
import { GOLDEN_CONVERSATIONS, goldenImage, regionOf } from '../helpers/golden-conversations.ts';
import { convertTiny, type ModelParts, openParts, TINY_NAMES } from '../helpers/tiny-model.ts';

const SETTINGS = { ...DEFAULT_SETTINGS, tool: false, downsample: false, maxNewTokens: 32, maxImages: 8 };
const IM_END = 2;

describe.each(TINY_NAMES)('%s', (name) => {
  const cases = GOLDEN_CONVERSATIONS.filter(({ checkpoint }) => checkpoint === name);
  let parts: ModelParts;
  let engine: Engine;

  beforeAll(async () => {
    parts = await openParts(await convertTiny(name));
    engine = new Engine({ folder: parts.folder, backend: parts.backend });
  });
  afterAll(() => engine.dispose());

  it('has every case', () => {
    expect(cases.map((golden) => golden.case)).toEqual(['two images', 'four images', 'three turns', 'crops']);
  });

  it.each(cases.map((golden) => [golden.case, golden] as const))('%s', async (_, golden) => {
    await engine.newChat();
    const numbers = new Map<string, number>();
    const messages: ChatMessage[] = [];
    for (const { role, content } of golden.messages) {
      const pieces: ChatContent[] = [];
      for (const piece of content) {
        if (typeof piece === 'string') pieces.push({ type: 'text', text: piece, trusted: role !== 'user' });
        else if ('said' in piece) {
          pieces.push({ type: 'tokens', ids: [...parts.folder.tokenizer.encode(piece.said), IM_END] });
        } else {
          let image = numbers.get(piece.image);
          if (image === undefined) {
            const file = await openAsBlob(goldenImage(piece.image));
            ({ image } = await engine.addImage(await createNodeImageDecoder().decode(file)));
            numbers.set(piece.image, image);
          }
          const region = piece.region === null ? null : regionOf(piece.region);
          pieces.push({ type: 'image', request: { image, region, scale: piece.scale } });
        }
      }
      messages.push({ role, content: pieces });
    }
    const { content } = messages.at(-1) ?? { content: [] };
    const chat = { history: messages.slice(0, -1), images: [] };
    const ask = () => engine.ask('', SETTINGS, () => undefined, { chat, content });

    const { rounds } = await ask();
    expect(rounds[0]?.tokenIds).toEqual(golden.greedy_ids);
    expect(rounds[0]?.promptTokens).toBe(golden.ids.length);
    const { builder, decoder } = engine.core.context;
    const prompt = builder.segments(messages, (request) => {
      const view = engine.views?.view(request);
      if (view === undefined) throw new Error('there are images');
      return view.segment;
    });
    const pad = parts.folder.tokenizer.id('<|image_pad|>');
    const ids = prompt.flatMap((segment) =>
      segment.kind === 'text' ? segment.ids : new Array<number>(segment.grid.height * segment.grid.width).fill(pad),
    );
    expect(ids).toEqual(golden.ids);
    expect(decoder.cachedPrefix(prompt)).toBe(ids.length - 1);

    // Behind an earlier turn of the same conversation, and behind one that was edited.
    const first = messages.findIndex(({ role }) => role === 'user');
    for (const edit of [[], [{ type: 'text', text: ' Now?', trusted: false }]] as const) {
      await decoder.forget();
      const earlier = messages[first]?.content ?? [];
      const before = { history: messages.slice(0, first), images: [] };
      await engine.ask('', SETTINGS, () => undefined, { chat: before, content: [...earlier, ...edit] });
      const again = (await ask()).rounds[0];
      expect(again?.tokenIds).toEqual(golden.greedy_ids);
      expect(again?.recomputedTokens).toBe(0);
      expect(again?.computedTokens).toBeLessThan(golden.ids.length);
    }
  });
});
