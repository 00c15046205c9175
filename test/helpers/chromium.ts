/** The Chromium that browser tests drive: headless, without requests of its own. */
import { type Browser, chromium, type Page } from 'playwright-core';
import { findChromium, QUIET } from '../../scripts/chromium.mjs';

const launched = new Set<Browser>();

/** Starts a browser. `args`: command-line switches to add. */
export async function launchChromium(args: readonly string[] = []): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: findChromium() ?? '/usr/bin/chromium',
    args: [...QUIET, ...args],
  });
  launched.add(browser);
  browser.on('disconnected', () => launched.delete(browser));
  return browser;
}

/** The pages of every browser that this test file has started and not closed. */
export function openPages(): readonly Page[] {
  return [...launched].flatMap((browser) => browser.contexts().flatMap((context) => context.pages()));
}

/**
 * Waits until a page is painted: new styles, media queries after a change of size and observers of sizes take effect with a frame.
 * Without it a measurement may see the new size with the styles of the old one.
 */
export async function painted(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Pixels by which a painted page is wider than the screen. */
export async function sidewaysOverflow(page: Page): Promise<number> {
  await painted(page);
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Whether pages of the site at `url` are offered a WebGPU adapter. */
export async function hasAdapter(browser: Browser, url: string): Promise<boolean> {
  const page = await browser.newPage();
  await page.goto(`${url}favicon.svg`);
  const found = await page.evaluate(async () => 'gpu' in navigator && (await navigator.gpu.requestAdapter()) !== null);
  await page.close();
  return found;
}
