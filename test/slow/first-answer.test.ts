/** The wait of a first-time visitor, which depends on the machine: an answer within a minute of opening the page. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../helpers/chromium.ts';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { AppPage, serveSite, type Site } from '../helpers/site.ts';

const BOUND_MS = 60_000;

let site: Site;
let browser: Browser;

beforeAll(async () => {
  site = await serveSite();
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

describe('the page', () => {
  it('gives its first answer within a minute of being opened', async () => {
    const { file, question, answer } = nanoQuestion(17);
    const opened = performance.now();
    const app = await AppPage.open(browser, site.url);
    await app.choose(file);
    expect(await app.askFor(question)).toBe(answer);
    const ms = performance.now() - opened;
    console.log(`first answer ${(ms / 1000).toFixed(1)} s after opening the page`);
    expect(ms).toBeLessThan(BOUND_MS);
  });
});
