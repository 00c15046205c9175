/** The wait of a first-time visitor, which depends on the machine: an answer within a minute of opening the page. */
import { describe, expect, it } from 'vitest';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { AppPage, siteInBrowser } from '../helpers/site.ts';

const BOUND_MS = 60_000;

const opened = siteInBrowser();

describe('the page', () => {
  it('gives its first answer within a minute of being opened', async () => {
    const { file, question, answer } = nanoQuestion(17);
    const started = performance.now();
    const app = await AppPage.open(opened.browser, opened.site.url);
    await app.choose(file);
    expect(await app.askFor(question)).toBe(answer);
    const ms = performance.now() - started;
    console.log(`first answer ${(ms / 1000).toFixed(1)} s after opening the page`);
    expect(ms).toBeLessThan(BOUND_MS);
  });
});
