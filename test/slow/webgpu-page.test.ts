/**
 * The built page on WebGPU with the bundled model, computed in software by SwiftShader: token by token what the engine gives on
 * Node, over two rounds. Takes one to two minutes.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SWIFTSHADER } from '../../scripts/chromium.mjs';
import { BUNDLED_MODEL } from '../../src/cli/bundled-model.ts';
import { hasAdapter, launchChromium } from '../helpers/chromium.ts';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { overhearTurns, overheardTurns, turnOnNode } from '../helpers/overhear-turns.ts';
import { AppPage, serveSite, type Site } from '../helpers/site.ts';

/** The test takes one to two minutes on two cores. */
const LIMIT_MS = 15 * 60_000;

const { file, question, answer, rounds } = nanoQuestion(6);

let site: Site;
let browser: Browser;

beforeAll(async () => {
  site = await serveSite();
  browser = await launchChromium(SWIFTSHADER);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

describe('the page on WebGPU', () => {
  it('gives the tokens that the engine gives on Node, on the device whose arithmetic passes the self-test', async ({
    skip,
  }) => {
    if (!(await hasAdapter(browser, site.url))) skip('this Chromium offers no WebGPU adapter');
    const expected = await turnOnNode({ folder: BUNDLED_MODEL, image: file, question });
    expect(expected.rounds.map((round) => round.text)).toEqual(rounds);

    const started = performance.now();
    const app = await AppPage.open(browser, 'about:blank');
    app.page.context().setDefaultTimeout(LIMIT_MS);
    await app.page.addInitScript(overhearTurns);
    await app.page.goto(`${site.url}?backend=webgpu`);
    const why = await app.ready();
    const loaded = performance.now();
    expect(why).toContain('Ready on WebGPU');
    // SwiftShader computes attention wrongly with subgroups: the self-test must see it, and the next device must pass.
    expect(why).toMatch(/WebGPU with f32 activations and subgroups failed: .*attention/i);
    expect(why).toContain('Running on WebGPU with f32 activations without subgroups.');

    await app.choose(file);
    expect(await app.askFor(question)).toBe(answer);
    console.log(
      `WebGPU on SwiftShader: loaded in ${((loaded - started) / 1000).toFixed(0)} s, ` +
        `answered in ${((performance.now() - loaded) / 1000).toFixed(0)} s`,
    );
    const [turn, ...more] = await overheardTurns(app.page);
    expect(more).toEqual([]);
    const tokens = turn?.rounds.map((round) => round.tokenIds) ?? [];
    expect(tokens).toEqual(expected.rounds.map((round) => round.tokenIds));
    for (const ids of tokens) expect(ids.length).toBeGreaterThanOrEqual(12);
    expect(turn?.rounds.map((round) => round.text)).toEqual(rounds);
    expect(app.uncaught).toEqual([]);
  });
});
