/**
 * The built page on WebGPU, computed in software by SwiftShader: token by token what the engine gives on Node. Slow (one to
 * two minutes), so it asks one question, of two rounds.
 */
import { openAsBlob } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SWIFTSHADER } from '../../scripts/chromium.mjs';
import { BUNDLED_MODEL } from '../../src/cli/bundled-model.ts';
import { openNodeModel } from '../../src/cli/node-engine.ts';
import { createNodeImageDecoder } from '../../src/io/node/node-image-decoder.ts';
import { DEFAULT_SETTINGS, type TurnResult } from '../../src/protocol/turn.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { AppPage, serveSite, type Site } from '../helpers/site.ts';

/** Four times what a quiet machine of two cores takes, twice what one takes that runs another file beside. */
const LIMIT_MS = 400_000;

const { file, question, answer, rounds } = nanoQuestion(6);

let site: Site;
let browser: Browser;

beforeAll(async () => {
  site = await serveSite();
  browser = await launchChromium(SWIFTSHADER);
}, 200_000);

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

/** Whether Chromium offers a WebGPU adapter at all. */
async function hasAdapter(): Promise<boolean> {
  const page = await browser.newPage();
  await page.goto(`${site.url}favicon.svg`);
  const found = await page.evaluate(async () => 'gpu' in navigator && (await navigator.gpu.requestAdapter()) !== null);
  await page.close();
  return found;
}

/** What the engine on Node makes of the question. */
async function turnOnNode(): Promise<TurnResult> {
  const { engine } = await openNodeModel({ directory: BUNDLED_MODEL, backend: 'cpu' });
  try {
    await engine.setImage(await createNodeImageDecoder().decode(await openAsBlob(file)));
    return await engine.ask(question, DEFAULT_SETTINGS, () => undefined);
  } finally {
    await engine.dispose();
  }
}

/** Runs in the page before its scripts: keeps every turn's result that a worker sends, since the page shows no token ids. */
function overhearTurns(): void {
  const turns: unknown[] = [];
  Object.assign(globalThis, {
    overheardTurns: turns,
    Worker: class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        this.addEventListener('message', ({ data }: MessageEvent<{ value?: { rounds?: unknown } } | null>) => {
          if (data?.value?.rounds !== undefined) turns.push(data.value);
        });
      }
    },
  });
}

describe('the page on WebGPU', () => {
  it(
    'gives the tokens that the engine gives on Node, on the device whose arithmetic passes the check',
    async ({ skip }) => {
      if (!(await hasAdapter())) {
        console.warn('SKIPPED: this Chromium offers no WebGPU adapter, so nothing was computed on WebGPU.');
        skip('this Chromium offers no WebGPU adapter');
      }
      const expected = await turnOnNode();
      expect(expected.rounds.map((round) => round.text)).toEqual(rounds);

      const started = performance.now();
      const app = await AppPage.open(browser, 'about:blank');
      app.page.context().setDefaultTimeout(LIMIT_MS);
      await app.page.addInitScript(overhearTurns);
      await app.page.goto(`${site.url}?backend=webgpu`);
      const why = await app.ready();
      const loaded = performance.now();
      expect(why).toContain('Ready on WebGPU');
      // SwiftShader computes attention wrongly with subgroups: the check must see it, and the next device must pass.
      expect(why).toMatch(/WebGPU with f32 activations and subgroups failed: .*attention/i);
      expect(why).toContain('Running on WebGPU with f32 activations without subgroups.');

      await app.choose(file);
      expect(await app.askFor(question)).toBe(answer);
      console.log(
        `WebGPU on SwiftShader: loaded in ${((loaded - started) / 1000).toFixed(0)} s, ` +
          `answered in ${((performance.now() - loaded) / 1000).toFixed(0)} s`,
      );
      const [turn, ...more] = await app.page.evaluate<TurnResult[]>('overheardTurns');
      expect(more).toEqual([]);
      const tokens = turn?.rounds.map((round) => round.tokenIds) ?? [];
      expect(tokens).toEqual(expected.rounds.map((round) => round.tokenIds));
      for (const ids of tokens) expect(ids.length).toBeGreaterThanOrEqual(12);
      expect(turn?.rounds.map((round) => round.text)).toEqual(rounds);
      expect(app.uncaught).toEqual([]);
    },
    LIMIT_MS,
  );
});
