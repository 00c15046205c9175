/** Saves screenshots of the open pages to test-results/ when a browser test fails. Vitest runs this before each test file. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import { openPages } from './chromium.ts';

const FOLDER = fileURLToPath(new URL('../../test-results/', import.meta.url));
/** Limit for a page that is busy or has crashed. */
const PATIENCE_MS = 10_000;

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  mkdirSync(FOLDER, { recursive: true });
  const name = task.name.replaceAll(/[^\w-]+/g, '-').slice(0, 80);
  for (const [i, page] of openPages().entries()) {
    const path = `${FOLDER}${name}-${i}.png`;
    await page.screenshot({ path, timeout: PATIENCE_MS }).catch((error: unknown) => console.warn(String(error)));
  }
});
