/** The kernels page, on WebGPU computed in software by SwiftShader: it checks kernels one by one, and fits a narrow screen. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SWIFTSHADER } from '../../scripts/chromium.mjs';
import { launchChromium, sidewaysOverflow } from '../helpers/chromium.ts';
import { serveSite, type Site } from '../helpers/site.ts';

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

describe('the kernels page', () => {
  it('runs the cases on the adapter it names, and fits the width of the screen', async () => {
    const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
    await page.goto(`${site.url}kernels.html`);
    await page.getByRole('button', { name: 'Check every kernel' }).click();
    await page.getByText(/^\d\d+ passed, 0 failed/).waitFor({ timeout: 600_000 });
    expect(await page.locator('main').innerText()).toContain('swiftshader');
    expect(await sidewaysOverflow(page)).toBe(0);
    await page.close();
  });
});
