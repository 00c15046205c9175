/** The Models screen in the built page: a checkpoint of a hub becomes a model on this device, despite interruptions. */
import { AxeBuilder } from '@axe-core/playwright';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUNDLED_MODEL } from '../../src/cli/bundled-model.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { HubServer } from '../helpers/hub-server.ts';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { AppPage, PATIENCE_MS, serveSiteWithModels, type SiteWithModels } from '../helpers/site.ts';
import { convertTiny, tinyCheckpoint } from '../helpers/tiny-model.ts';

const ID = 'someone/tiny-vl';
/** A checkpoint in two files, so that a test can stop its conversion between them. */
const TINY = 'flat-f16-sharded';

let site: SiteWithModels;
let tiny: string;
let hub: HubServer;
let browser: Browser;

beforeAll(async () => {
  tiny = await convertTiny('nested-tied-bf16', 'q8');
  site = await serveSiteWithModels({ tiny });
  hub = await HubServer.start();
  hub.commit(ID, checkpoint(TINY));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await hub?.stop();
  await site?.close();
  rmSync(tiny, { recursive: true });
});

function checkpoint(name: string): Map<string, Buffer> {
  const folder = tinyCheckpoint(name);
  return new Map(readdirSync(folder).map((path) => [path, readFileSync(join(folder, path))]));
}

/** The Models screen, by the names a screen reader knows. */
class ModelsScreen {
  readonly dialog: Locator;
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    this.dialog = page.getByRole('dialog', { name: 'Models' });
  }

  async open(): Promise<void> {
    await this.page.getByRole('button', { name: /^Models/ }).click();
    await this.dialog.waitFor();
  }

  model(name: string): Locator {
    return this.dialog.getByRole('listitem', { name });
  }

  button(name: string | RegExp): Locator {
    return this.dialog.getByRole('button', { name, exact: typeof name === 'string' });
  }

  /** Looks at a model of the hub. */
  async look(id: string): Promise<void> {
    await this.dialog.getByLabel('Any supported model on Hugging Face').fill(id);
    await this.button('Check').first().click();
  }
}

/** A model that loads quickly, for tests that need no answers of the bundled one. */
const TINY_MODEL = '&model=models/tiny/';

/** A page that uses the local hub. `search` adds to its address: without it, the context's remembered choice decides the model. */
async function openPage(context: BrowserContext, search = TINY_MODEL): Promise<ModelsScreen> {
  const page = await context.newPage();
  await page.goto(`${site.url}?backend=wasm&hub=${encodeURIComponent(hub.endpoint)}${search}`);
  const screen = new ModelsScreen(page);
  await screen.open();
  return screen;
}

async function newContext(): Promise<BrowserContext> {
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

async function textOf(locator: Locator): Promise<string> {
  return (await locator.textContent()) ?? '';
}

/** The violations that axe finds, as `rule: element`. */
async function violations(page: Page, colorScheme: 'light' | 'dark'): Promise<string[]> {
  await page.emulateMedia({ colorScheme });
  const found = await new AxeBuilder({ page }).include('dialog.models').analyze();
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
}

/**
 * Runs in the page: a worker that shares the page's lock is terminated after a second while it computes, as the engine on
 * WebAssembly may be when another model is chosen.
 */
async function endComputingHolder(): Promise<void> {
  const { held = [] } = await navigator.locks.query();
  const holds = `navigator.locks.request(${JSON.stringify(held[0]?.name)}, { mode: 'shared' }, async () => {
    postMessage('held');
    for (;;);
  });`;
  const worker = new Worker(URL.createObjectURL(new Blob([holds])));
  await new Promise((resolve) => worker.addEventListener('message', resolve, { once: true }));
  setTimeout(() => worker.terminate(), 1000);
}

describe('a checkpoint of a hub', () => {
  it('is surveyed, converted, resumed after a reload, used, refused to another tab, verified and deleted', async () => {
    const context = await newContext();
    let screen = await openPage(context, '');

    await screen.look(ID);
    await screen.dialog.getByText('from 127.0.0.1').waitFor();
    expect(hub.seen.some(({ path }) => path.endsWith('.safetensors'))).toBe(false);
    await screen.dialog.getByRole('radio', { name: /^q4 / }).check();

    // The second file's header arrives, but its weights stall.
    const isHeader = (range = ''): boolean => /^bytes=\d{1,5}-\d{1,5}$/.test(range);
    hub.fault = ({ path, range, server }) =>
      server === 'storage' && path.includes('model-00002') && !isHeader(range)
        ? { kind: 'stall', after: 100_000 }
        : undefined;
    await screen.button('Download and convert').press('Enter');
    const row = screen.model('tiny-vl q4');
    await row.getByText(/Reading and converting · .* · [1-9]\d %/).waitFor();
    expect(await row.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(await row.evaluate(isWhollySeen)).toBe(true);

    // Pausing and resuming leave the focus on the one button that does both.
    const focused = screen.page.locator(':focus');
    await row.getByRole('button', { name: 'Pause' }).press('Enter');
    await row.getByRole('button', { name: 'Resume' }).and(focused).waitFor();
    await screen.page.keyboard.press('Enter');
    await row.getByRole('button', { name: 'Pause' }).and(focused).waitFor();

    // Another tab sees that the model is in use, and may not open it.
    const other = await openPage(context);
    await other.model('tiny-vl q4').getByText('being written in another tab').waitFor();
    expect(await other.model('tiny-vl q4').getByRole('button', { name: 'Delete' }).isDisabled()).toBe(true);
    await other.look(ID);
    await other.dialog.getByRole('radio', { name: /^q4 / }).check();
    await other.button('Resume').last().click();
    await other.dialog.getByText(/being converted, checked or deleted in another tab/).waitFor();
    await other.page.close();

    await screen.page.reload();
    hub.fault = () => undefined;
    const before = hub.seen.length;
    screen = new ModelsScreen(screen.page);
    await screen.open();
    const again = screen.model('tiny-vl q4');
    await again.getByText(/^[1-9]\d? % done/).waitFor();
    await again.getByRole('button', { name: 'Resume' }).click();
    await again.getByText(/checked/).waitFor();
    const weights = hub.seen.slice(before).filter(({ server, range }) => server === 'storage' && range !== undefined);
    expect(weights.some(({ path }) => path.includes('model-00002'))).toBe(true);

    await again.getByRole('button', { name: 'Verify' }).click();
    await again.getByText('Every byte of tiny-vl is as it was written.').waitFor();

    await again.getByRole('button', { name: 'Use', exact: true }).click();
    const app = AppPage.of(screen.page);
    await app.engine.getByText('Ready on').waitFor();
    await app.engine.getByText('tiny-vl').first().waitFor();

    // The choice is remembered.
    await screen.page.reload();
    await app.engine.getByText('Ready on').waitFor();
    await app.engine.getByText('tiny-vl').first().waitFor();
    await app.choose(join(tinyCheckpoint(TINY), '../image1.png'));
    await screen.page.getByText('Settings', { exact: true }).click();
    await screen.page.getByLabel('Max new tokens').fill('8');
    await app.question.fill('what');
    await app.ask.click();
    await app.finished();
    expect(await app.rounds()).not.toEqual([]);

    // A model in use in another tab stays.
    const third = await openPage(context, '');
    await third.page.getByRole('button', { name: 'Close' }).first().click();
    await screen.open();
    const used = screen.model('tiny-vl q4');
    await AppPage.of(third.page).engine.getByText('tiny-vl').first().waitFor();
    await used.getByRole('button', { name: 'Delete' }).click();
    await used.getByRole('button', { name: 'Delete' }).click();
    await used.getByText(/in use, here or in another tab/).waitFor();
    await third.page.close();
    await screen.page.evaluate(endComputingHolder);
    await used.getByRole('button', { name: 'Delete' }).click();
    await used.getByRole('button', { name: 'Delete' }).click();
    await screen.dialog.getByText('tiny-vl (q4) was deleted.').waitFor();
    expect(await used.count()).toBe(0);
    expect(app.uncaught).toEqual([]);
    await context.close();
  });

  it('stops when the browser has no more storage, loses nothing, and resumes when there is', async () => {
    const context = await newContext();
    const screen = await openPage(context);
    const devTools = await context.newCDPSession(screen.page);
    const setRoom = (quotaSize?: number): Promise<unknown> =>
      devTools.send('Storage.overrideQuotaForOrigin', {
        origin: new URL(site.url).origin,
        ...(quotaSize === undefined ? {} : { quotaSize }),
      });

    await screen.look(ID);
    await setRoom(300_000);
    await screen.button('Download and convert').click();
    const row = screen.model('tiny-vl q4f16');
    const isFull = row.getByText(/gives this site no more storage.*What is there stays/);
    await isFull.waitFor();
    await setRoom();
    hub.fault = ({ path, range, server }) => {
      const isHeader = /^bytes=\d{1,5}-\d{1,5}$/.test(range ?? '');
      if (server !== 'storage' || !path.includes('model-00002') || isHeader) return undefined;
      return { kind: 'slow', rate: 200_000 };
    };
    await row.getByRole('button', { name: 'Resume' }).click();
    await row.getByText(/Reading and converting · .* · [1-9]\d %/).waitFor();
    await setRoom(1000);
    await isFull.waitFor();
    await row.getByText(/^[1-9]\d? % done/).waitFor();
    await setRoom();
    hub.fault = () => undefined;
    await row.getByRole('button', { name: 'Resume' }).click();
    await row.getByText(/checked/).waitFor();
    expect(await row.getByRole('button', { name: 'Use', exact: true }).isEnabled()).toBe(true);
    await context.close();
  });

  it('with the prompts of VisionThink-General is asked in one round, with the full image', async () => {
    const files = checkpoint(TINY);
    files.delete('prompts.json');
    hub.commit('someone/VisionThink-General', files);
    const context = await newContext();
    const screen = await openPage(context);
    await screen.dialog.getByLabel('Mirror').fill(''); // the page's address names it
    await screen.look(`${hub.endpoint}/someone/VisionThink-General/tree/main`);
    await screen.dialog.getByText(`someone/VisionThink-General at ${new URL(hub.endpoint).host}`).waitFor();
    await screen.dialog.getByText('One round with the full image; the model reasons').waitFor();
    await screen.button('Download and convert').click();
    await screen.model('VisionThink-General').getByRole('button', { name: 'Use', exact: true }).click();
    const app = AppPage.of(screen.page);
    await app.engine.getByText('VisionThink-General').first().waitFor();
    await app.ready();
    const modes = screen.page.getByRole('radiogroup', { name: 'Mode' }).getByRole('radio');
    expect(await modes.count()).toBe(2);
    expect(await screen.page.getByRole('radio', { name: 'Full' }).isChecked()).toBe(true);
    expect(await screen.page.getByRole('switch', { name: 'Allow resize tool' }).count()).toBe(0);
    await screen.page.getByText('This model has no tool').waitFor();

    await app.choose(join(tinyCheckpoint(TINY), '../image1.png'));
    await screen.page.getByText('Settings', { exact: true }).click();
    await screen.page.getByLabel('Max new tokens').fill('8');
    await app.question.fill('what');
    await app.ask.click();
    await app.finished();
    expect((await app.rounds()).map((round) => round.split(' ')[0])).toEqual(['full']);

    // Back to a model with the tool, in smart mode.
    await screen.open();
    await screen.model('visionthink-nano').getByRole('button', { name: 'Use' }).click();
    await app.engine.getByText('visionthink-nano').first().waitFor();
    await app.ready();
    expect(await screen.page.getByRole('radio', { name: 'Smart' }).isChecked()).toBe(true);
    await context.close();
  });

  it('that is unavailable is refused with a named error and advice', async () => {
    const refused: string[] = [];
    hub.commit('someone/gated', checkpoint(TINY));
    Object.assign(hub.repositories.get('someone/gated') ?? {}, { gated: true, token: 'secret' });
    hub.commit('someone/adapter', new Map([['adapter_config.json', Buffer.from('{}')]]));
    const context = await newContext();
    const screen = await openPage(context);
    for (const [id, message] of [
      ['someone/nothing', /has no model "someone\/nothing"/],
      ['someone/', /"someone" is not the id of a hub/],
      ['no-id', /"no-id" is not the id of a hub/],
      ['someone/gated', /gated or private/],
      ['someone/adapter', /LoRA adapter/],
    ] as const) {
      await screen.look(id);
      refused.push(await textOf(screen.dialog.getByRole('alert').getByText(message)));
      await screen.button('Back').click();
    }
    const revision = screen.dialog.getByLabel('Revision');
    const mirror = screen.dialog.getByLabel('Mirror');
    await revision.fill('v9');
    await screen.look(ID);
    refused.push(await textOf(screen.dialog.getByRole('alert').getByText(/revision "v9"/)));

    // The typed text is still there, and visible.
    await screen.button('Back').click();
    await revision.waitFor();
    expect(await revision.inputValue()).toBe('v9');
    expect(await mirror.inputValue()).toBe(hub.endpoint);
    await revision.fill('');
    await screen.look(`${hub.endpoint.replace('http://', '')}/${ID}/tree/v8`);
    refused.push(await textOf(screen.dialog.getByRole('alert').getByText(/revision "v8"/)));
    await screen.button('Back').click();

    // An invalid mirror is reported; a bare host is valid.
    await mirror.fill('no address');
    await screen.dialog.getByText('Revision, mirror').click();
    await mirror.waitFor({ state: 'hidden' });
    await screen.look(ID);
    await screen.dialog.getByRole('alert').getByText('“no address” is not a valid URL.').waitFor();
    expect(await mirror.evaluate((element) => element === document.activeElement)).toBe(true);
    await mirror.fill('127.0.0.1:9');
    await screen.look(ID);
    refused.push(
      await textOf(screen.dialog.getByRole('alert').getByText(/could not be reached.*Check the connection/)),
    );
    for (const text of refused) expect(text).not.toContain('--'); // no words of the command line
    await context.close();
  });
});

describe('a model folder', () => {
  it('is added from this device, exported as an archive, and answers; a damaged copy is reported', async () => {
    const context = await newContext();
    // As in browsers that have no folder dialogs.
    await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'showDirectoryPicker'));
    const screen = await openPage(context);
    expect(await violations(screen.page, 'light')).toEqual([]);
    await screen.dialog.getByLabel('Choose a folder').setInputFiles(BUNDLED_MODEL);
    await screen.dialog.getByText(/are read from this device/).waitFor();
    expect(await violations(screen.page, 'light')).toEqual([]);
    expect(await violations(screen.page, 'dark')).toEqual([]);
    await screen.button('Copy').click();
    const row = screen.model('visionthink-nano q8');
    await row.getByText(/checked/).waitFor();
    expect(await violations(screen.page, 'dark')).toEqual([]);

    const download = screen.page.waitForEvent('download');
    await row.getByRole('button', { name: 'Export' }).click();
    const path = await (await download).path();
    expect((await download).suggestedFilename()).toBe('visionthink-nano-q8.tar');
    const bytes = readFileSync(path);
    expect(bytes.subarray(0, 100).toString().replaceAll('\0', '')).toBe('visionthink-nano-q8/manifest.json');
    expect(bytes.length).toBeGreaterThan(20_000_000);

    await row.getByRole('button', { name: 'Use', exact: true }).click();
    const app = AppPage.of(screen.page);
    await app.ready();
    const { file, question, answer } = nanoQuestion(17);
    await app.choose(file);
    expect(await app.askFor(question)).toBe(answer);

    await screen.page.evaluate(cutFirstDataFile);
    await screen.open();
    await row.getByText(/Delete the model and add it again/).waitFor();
    await context.close();
  });

  it('is added from an address, and exported to a folder', async () => {
    const context = await newContext();
    // A test cannot press the buttons of the browser's own dialog: picks a prepared folder at once.
    await context.addInitScript(() => {
      const showDirectoryPicker = async (): Promise<FileSystemDirectoryHandle> =>
        (await navigator.storage.getDirectory()).getDirectoryHandle('picked', { create: true });
      Object.assign(globalThis, { showDirectoryPicker });
    });
    const screen = await openPage(context);
    await screen.dialog
      .getByLabel('A converted model’s address')
      .fill(`${site.url}models/visionthink-nano/manifest.json`);
    await screen.button('Check').last().click();
    await screen.button('Download').click();
    await screen
      .model('visionthink-nano q8')
      .getByText(/checked/)
      .waitFor();
    await screen.dialog.getByLabel('A converted model’s address').fill(`${site.url}examples/`);
    await screen.button('Check').last().click();
    await screen.dialog
      .getByRole('alert')
      .getByText(/has no manifest.json/)
      .waitFor();
    expect(await screen.model('visionthink-nano q8').count()).toBe(1);
    await screen.button('Back').click();

    // Exported to a folder that was picked, and added again from there.
    await screen.model('visionthink-nano q8').getByRole('button', { name: 'Export' }).click();
    await screen.dialog.getByText('visionthink-nano was copied to picked.').waitFor();
    await screen.button('Choose a folder').click();
    await screen.dialog.getByText(/Nothing: 20.\d MB are read from this device/).waitFor();
    await context.close();
  });
});

describe('the screen', () => {
  it('reports that it could not be fetched, and is fetched when it is opened again', async () => {
    const context = await newContext();
    const page = await context.newPage();
    await page.route('**/models-dialog*', (route) => route.abort());
    await page.goto(`${site.url}?backend=wasm${TINY_MODEL}`);
    const models = page.getByRole('button', { name: /^Models/ });
    const notice = page.getByRole('alert').getByText(/could not be fetched.*open Models again/);
    await models.click();
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await notice.waitFor({ state: 'detached' });
    await models.click();
    await notice.waitFor();
    await page.unroute('**/models-dialog*');
    const screen = new ModelsScreen(page);
    await screen.open();
    expect(await notice.count()).toBe(0);
    await context.close();
  });

  it('keeps drops and pastes from the page behind it', async () => {
    const context = await newContext();
    const screen = await openPage(context);
    expect(await screen.page.evaluate(giveImage, 'first.png')).toEqual({ isFramed: false, isTaken: false });
    await screen.button('Close').click();
    expect(await screen.page.evaluate(giveImage, 'second.png')).toEqual({ isFramed: true, isTaken: true });
    await context.close();
  });
});

/** Runs in the page: drags and pastes an image. Whether a frame said that it would be taken, and whether the paste was. */
async function giveImage(name: string): Promise<{ isFramed: boolean; isTaken: boolean }> {
  const data = new DataTransfer();
  data.items.add(new File(['no image'], name, { type: 'image/png' }));
  const target = document.querySelector('dialog[open]') ?? document.body;
  const give = (event: Event): boolean => target.dispatchEvent(event);
  const options = { bubbles: true, cancelable: true };
  give(new DragEvent('dragenter', { ...options, dataTransfer: data }));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const isFramed = document.querySelector('.drop-overlay') !== null;
  give(new DragEvent('dragleave', { ...options, dataTransfer: data }));
  return { isFramed, isTaken: !give(new ClipboardEvent('paste', { ...options, clipboardData: data })) };
}

/** Runs in the page: whether an element of the Models screen is neither under its header nor below its end. */
function isWhollySeen(element: Element): boolean {
  const { top, bottom } = element.getBoundingClientRect();
  const header = document.querySelector('.models__header')?.getBoundingClientRect();
  const screen = element.closest('dialog')?.getBoundingClientRect();
  return header !== undefined && screen !== undefined && top >= header.bottom && bottom <= screen.bottom;
}

/** Runs in the page: makes a data file of the only stored model shorter. */
async function cutFirstDataFile(): Promise<void> {
  const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('models');
  for await (const handle of models.values()) {
    if (!(handle instanceof FileSystemDirectoryHandle)) continue;
    const folder = await (await handle.getDirectoryHandle('model')).getDirectoryHandle('onnx');
    for await (const file of folder.values()) {
      if (!(file instanceof FileSystemFileHandle) || !file.name.endsWith('_data')) continue;
      const stream = await file.createWritable();
      await stream.truncate(10);
      await stream.close();
      return;
    }
  }
}
