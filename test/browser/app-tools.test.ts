/** The built page with another tool than the bundled model's: named in the link, asked for, and changed in the settings. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOOL_NAMES } from '../../src/shared/prompt-sets.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { AppPage, serveSite, type Site } from '../helpers/site.ts';

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

describe('a tool in the link', () => {
  it('is offered: its model starts at full resolution; the settings name it and choose another', async () => {
    const { file, question } = nanoQuestion(17);
    const app = await AppPage.open(browser, `${site.url}?tool=mini-o3&max-new-tokens=8`);
    await app.ready();
    await app.choose(file);
    await app.page.getByText('Settings', { exact: true }).click();
    const tool = app.page.getByLabel('Tool', { exact: true });
    expect(await tool.inputValue()).toBe('mini-o3');
    expect(await tool.locator('option').allTextContents()).toEqual(['model’s own', ...TOOL_NAMES]);
    await app.page.getByText('this model was not trained with this tool').waitFor();
    await app.page.getByText('Full resolution first; the model may ask for parts of the image.').waitFor();
    await app.askFor(question);
    expect(await app.rounds()).toEqual(['full resolution 336 × 336 · 144 tokens']);

    await tool.selectOption('adaptvision');
    await app.page.getByText('Half resolution first; the model may ask for a part of the full image.').waitFor();
    await tool.selectOption('');
    await app.page.getByText('Half resolution first; the model may ask for the full image.').waitFor();
  });
});
