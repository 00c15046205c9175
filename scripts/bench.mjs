/**
 * `npm run bench`: builds the site when it is stale, opens its benchmark page in Chromium on the best adapter, prints
 * progress to stderr, a table, and as the last line the report as one JSON object. Options become the page's parameters.
 */
import { parseArgs } from 'node:util';
import { buildWhenStale, DIST } from './build.mjs';
import { ensureChromium, GRAPHICS_CARD, QUIET, SWIFTSHADER } from './chromium.mjs';
import { installMissing } from './install.mjs';
import { fail } from './run.mjs';
import { serve } from './serve.mjs';

const USAGE = `npm run bench -- [--model bundled|3b|7b|URL] [--backend auto|webgpu|wasm] [--engines ours,upstream]
  [--kernels ours|onnx] [--tuning NAME:N,...] [--only ID,...] [--repeat N] [--steps N] [--questions N] [--limit SECONDS] [--total SECONDS]`;
const PARAMETERS = [
  'model',
  'backend',
  'kernels',
  'tuning',
  'engines',
  'only',
  'repeat',
  'steps',
  'questions',
  'limit',
  'total',
];
/** Where the page posts its lines. Playwright intercepts the requests; no server answers them. */
const LOG = 'bench-log';

/** The values of the options, or undefined after an unknown one. */
function readOptions() {
  try {
    const options = Object.fromEntries(PARAMETERS.map((name) => [name, { type: /** @type {const} */ ('string') }]));
    return parseArgs({ args: process.argv.slice(2), options }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return undefined;
  }
}

/**
 * Starts Chromium on the graphics card; where that gives no adapter, in software.
 * @param {string} url of the site
 */
async function launch(url) {
  const { chromium } = await import('playwright-core');
  const executablePath = await ensureChromium();
  const onCard = await chromium.launch({ executablePath, args: [...QUIET, ...GRAPHICS_CARD] });
  const page = await onCard.newPage();
  await page.goto(`${url}favicon.svg`);
  const found = await page.evaluate(async () => 'gpu' in navigator && (await navigator.gpu.requestAdapter()) !== null);
  await page.close();
  if (found) return onCard;
  await onCard.close();
  console.error('Chromium finds no graphics card: WebGPU is computed in software.');
  return chromium.launch({ executablePath, args: [...QUIET, ...SWIFTSHADER] });
}

/**
 * Runs the page and resolves to the report, as the page sent it.
 * @param {URLSearchParams} search
 */
async function run(search) {
  const site = await serve({ root: DIST, port: 0 });
  const browser = await launch(site.url);
  try {
    const page = await browser.newPage();
    /** @type {Promise<string>} */
    const done = new Promise((resolve, reject) => {
      page.on('crash', () => reject(new Error('The benchmark page crashed.')));
      page.on('pageerror', (error) => console.error(`page: ${error.message}`));
      void page.route(`**/${LOG}`, async (route) => {
        const line = route.request().postData() ?? '';
        await route.fulfill({ status: 204 });
        if (line.startsWith('TABLE ')) console.log(JSON.parse(line.slice('TABLE '.length)));
        else if (line.startsWith('DONE ')) resolve(line.slice('DONE '.length));
        else console.error(line.length > 200 ? `${line.slice(0, 200)} ...` : line);
      });
    });
    await page.goto(`${site.url}bench.html?run&post=${LOG}&${search}`);
    return await done;
  } finally {
    await browser.close();
    await site.close();
  }
}

const values = readOptions();
if (values === undefined) {
  process.exitCode = 2;
} else {
  try {
    await installMissing({ output: 'stderr' });
    await buildWhenStale();
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(values)) if (typeof value === 'string') search.set(name, value);
    const report = await run(search);
    console.log(report);
    process.exitCode = 'error' in JSON.parse(report) ? 1 : 0;
  } catch (error) {
    fail(error);
  }
}
