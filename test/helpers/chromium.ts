/** The Chromium that browser tests drive: headless, and talking to nobody by itself. */
import { type Browser, chromium } from 'playwright-core';
import { findChromium, QUIET } from '../../scripts/chromium.mjs';

/** Starts a browser. `args`: command-line switches to add. */
export function launchChromium(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium() ?? '/usr/bin/chromium', args: [...QUIET, ...args] });
}
