/** PromptLookup: the proposed drafts, and that drafts never change a model's output. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PromptLookup } from '../../src/engine/prompt-lookup.ts';
import { RESIZE_CALL } from '../../src/conversation/tools/resize.ts';
import type { TurnResult } from '../../src/protocol/turn.ts';
import { DEFAULT_SETTINGS } from '../../src/protocol/turn.ts';
import {
  ANSWER,
  CALL,
  NANO_PROMPTS,
  openScripted,
  picture,
  respond,
  respondIds,
  TOKENIZER,
} from '../helpers/scripted-engine.ts';

const END = 0;

describe('a proposal', () => {
  it('is the tokens that followed an earlier occurrence of the last ones', () => {
    const drafts = new PromptLookup([[1, 2, 3, 4, 5, 6]]);
    expect(drafts.propose([9, 2, 3], 10, [END])).toEqual([4, 5, 6]);
    expect(drafts.propose([9, 2, 3], 2, [END])).toEqual([4, 5]);
  });

  it('needs two tokens in common, and a positive limit', () => {
    const drafts = new PromptLookup([[1, 2, 3, 4]]);
    expect(drafts.propose([9, 3], 10, [END])).toEqual([]);
    expect(drafts.propose([2, 3], 0, [END])).toEqual([]);
    expect(drafts.propose([], 10, [END])).toEqual([]);
  });

  it('follows the longest match, and among equal ones the latest response', () => {
    const drafts = new PromptLookup([[7, 1, 2, 8]]);
    drafts.remember([5, 1, 2, 3]);
    drafts.remember([6, 1, 2, 4]);
    expect(drafts.propose([7, 1, 2], 10, [END])).toEqual([8]);
    expect(drafts.propose([9, 1, 2], 10, [END])).toEqual([4]);
  });

  it('copies from the sequence itself', () => {
    expect(new PromptLookup([]).propose([1, 2, 3, 4, 1, 2], 10, [END])).toEqual([3, 4, 1, 2]);
  });

  it('ends before a token that ends a response', () => {
    const drafts = new PromptLookup([[1, 2, 3, END, 4]]);
    expect(drafts.propose([1, 2], 10, [END])).toEqual([3]);
    expect(drafts.propose([2, 3], 10, [END])).toEqual([]);
  });

  it('is always a run of known tokens, for any sequences', () => {
    const ids = fc.array(fc.nat(4), { maxLength: 30 });
    fc.assert(
      fc.property(ids, ids, fc.nat(12), (known, context, limit) => {
        const draft = new PromptLookup([known]).propose(context, limit, [END]);
        expect(draft.length).toBeLessThanOrEqual(limit);
        expect(draft).not.toContain(END);
        if (draft.length === 0) return;
        const tail = [...context.slice(-2), ...draft].join();
        expect([known, context].some((text) => `,${text.join()},`.includes(`,${tail},`))).toBe(true);
      }),
    );
  });
});

describe('a turn with speculative decoding', () => {
  const settings = { ...DEFAULT_SETTINGS, maxNewTokens: 200 };

  async function ask(...responses: readonly string[]): Promise<readonly TurnResult[]> {
    const { engine, backend } = openScripted({ script: respond(ANSWER), prompts: NANO_PROMPTS });
    await engine.setImage(picture(112, 112));
    const results: TurnResult[] = [];
    for (const response of responses) {
      backend.script = respond(response, ANSWER);
      results.push(await engine.ask('How many?', settings, () => undefined));
    }
    return results;
  }

  it('verifies a tool call in a run or two instead of decoding it', async () => {
    const [result] = await ask(CALL);
    const [round] = result?.rounds ?? [];
    expect(result?.answer).toBe('42');
    expect(round?.text).toBe(`${CALL}<|im_end|>`);
    // A draft needs two tokens, and the last one comes with the verification.
    expect(round?.acceptedTokens).toBeGreaterThanOrEqual(TOKENIZER.encode(RESIZE_CALL).length - 3);
  });

  it('gives the same tokens, whatever was said before', async () => {
    const other = ANSWER.replace('42', '7 or 8');
    const results = await ask(ANSWER, other, ANSWER, other);
    expect(results.map(({ rounds }) => rounds[0]?.text)).toEqual(
      [ANSWER, other, ANSWER, other].map((t) => `${t}<|im_end|>`),
    );
    const last = results.at(-1)?.rounds[0];
    expect(last?.acceptedTokens).toBeGreaterThan(0);
    expect(last?.draftedTokens).toBeGreaterThanOrEqual(last?.acceptedTokens ?? 0);
  });

  it('starts from nothing when the caches were reset', async () => {
    const { engine } = openScripted({ script: respond(ANSWER) });
    await engine.setImage(picture(112, 112));
    const asked = async (): Promise<number | undefined> =>
      (await engine.ask('How many?', settings, () => undefined)).rounds[0]?.draftedTokens;
    const first = await asked();
    expect(await asked()).toBeGreaterThan(first ?? 0);
    await engine.resetCaches();
    expect(await asked()).toBe(first);
  });

  it('leaves every response unchanged, decoded in steps or pipelined', async () => {
    const response = fc.array(fc.integer({ min: 10, max: 14 }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(response, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (responses, pipelined) => {
          const { engine, backend } = openScripted({ script: respond(ANSWER), pipelined });
          await engine.setImage(picture(56, 56));
          for (const ids of responses) {
            backend.script = respondIds(ids);
            const { rounds } = await engine.ask('How many?', settings, () => undefined);
            expect(rounds[0]?.tokenIds.slice(0, -1)).toEqual(ids);
          }
          await engine.dispose();
        },
      ),
      { numRuns: 25 },
    );
  });
});
