/** The Chromium that browser tests drive: headless, and talking to nobody by itself. */
import { type Browser, chromium } from 'playwright-core';
import { findChromium, QUIET } from '../../scripts/chromium.mjs';

/** Starts a browser. `args`: command-line switches to add. */
export function launchChromium(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium() ?? '/usr/bin/chromium', args: [...QUIET, ...args] });
}

/** Whether pages of the site at `url` are offered a WebGPU adapter. */
export async function hasAdapter(browser: Browser, url: string): Promise<boolean> {
  const page = await browser.newPage();
  await page.goto(`${url}favicon.svg`);
  const found = await page.evaluate(async () => 'gpu' in navigator && (await navigator.gpu.requestAdapter()) !== null);
  await page.close();
  return found;
}
