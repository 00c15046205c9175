/**
 * The built page on WebGPU, computed in software by SwiftShader, with a model so small that it answers in seconds: the tokens
 * that the engine gives on Node. `npm run test:slow` asks the same of the bundled model, over two rounds.
 */
import { rmSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SWIFTSHADER } from '../../scripts/chromium.mjs';
import { hasAdapter, launchChromium } from '../helpers/chromium.ts';
import { AppPage, serveSiteWithModels, type SiteWithModels } from '../helpers/site.ts';
import { convertTiny, readGolden, tinyImage } from '../helpers/tiny-model.ts';
import { overhearTurns, overheardTurns, turnOnNode } from '../helpers/overhear-turns.ts';

const NAME = 'nested-tied-bf16';
const NEW_TOKENS = 12;

let folder: string;
let site: SiteWithModels;
let browser: Browser;

beforeAll(async () => {
  folder = await convertTiny(NAME, 'q8');
  site = await serveSiteWithModels({ tiny: folder });
  browser = await launchChromium(SWIFTSHADER);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true });
});

describe('the page on WebGPU', () => {
  it('gives the tokens that the engine gives on Node, on the device whose arithmetic passes the self-test', async ({
    skip,
  }) => {
    if (!(await hasAdapter(browser, site.url))) skip('this Chromium offers no WebGPU adapter');
    const [first] = readGolden(NAME).cases;
    if (first === undefined) throw new Error('there is a golden case');
    const image = tinyImage(NAME, first);
    const expected = await turnOnNode({ folder, image, question: first.question, maxNewTokens: NEW_TOKENS });

    const app = await AppPage.open(browser, 'about:blank');
    await app.page.addInitScript(overhearTurns);
    await app.page.goto(`${site.url}?backend=webgpu&model=models/tiny/`);
    const why = await app.ready();
    expect(why).toContain('Ready on WebGPU');
    // SwiftShader computes attention wrongly with subgroups: the self-test must see it, and the next device must pass.
    expect(why).toMatch(/WebGPU with f32 activations and subgroups failed: .*attention/i);
    expect(why).toContain('Running on WebGPU with f32 activations without subgroups.');

    await app.page.getByText('Settings', { exact: true }).click();
    await app.page.getByRole('textbox', { name: 'Max new tokens' }).fill(String(NEW_TOKENS));
    await app.choose(image);
    await app.askFor(first.question);
    const turns = await overheardTurns(app.page);
    expect(turns.map(({ rounds }) => rounds.map(({ tokenIds }) => tokenIds))).toEqual([
      expected.rounds.map(({ tokenIds }) => tokenIds),
    ]);
    expect(app.uncaught).toEqual([]);
  });
});
