/** The built site in a browser, and a person's actions on it. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { buildWhenStale, DIST } from '../../scripts/build.mjs';
import { serve } from '../../scripts/serve.mjs';
import { afterAll, beforeAll } from 'vitest';
import { launchChromium } from './chromium.ts';

/** Time limit for a page to load or to answer: generous, for slow or busy machines. */
export const PATIENCE_MS = 180_000;

/** A running server. */
export interface Site {
  /** Ends with a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** Builds the site when it is missing or stale, and serves it. */
export async function serveSite(): Promise<Site> {
  await buildWhenStale();
  return serve({ root: DIST, port: 0 });
}

/** The built site, and a browser to open it in. */
export interface SiteInBrowser {
  readonly site: Site;
  readonly browser: Browser;
}

/** Serves the site and launches a browser before the tests of a file, and closes both after them. Both are there while tests run. */
export function siteInBrowser(): SiteInBrowser {
  let site: Site | undefined;
  let browser: Browser | undefined;
  beforeAll(async () => {
    site = await serveSite();
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });
  const there = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the site is served while tests run');
    return value;
  };
  return {
    get site() {
      return there(site);
    },
    get browser() {
      return there(browser);
    },
  };
}

/** A running server of the site whose `models/` can be added to. */
export interface SiteWithModels extends Site {
  /** The folder `models/` of the site. The bundled model is in it. */
  readonly models: string;
}

/** Serves the built site from a folder of links, together with `models`: the path of a model folder by its name. */
export async function serveSiteWithModels(models: Readonly<Record<string, string>> = {}): Promise<SiteWithModels> {
  await buildWhenStale();
  const root = mkdtempSync(join(tmpdir(), 'visionthink-site-'));
  const folder = join(root, 'models');
  mkdirSync(folder);
  for (const name of readdirSync(DIST)) if (name !== 'models') symlinkSync(join(DIST, name), join(root, name));
  for (const name of readdirSync(join(DIST, 'models'))) symlinkSync(join(DIST, 'models', name), join(folder, name));
  for (const [name, path] of Object.entries(models)) symlinkSync(path, join(folder, name));
  const { url, close } = await serve({ root, port: 0 });
  return {
    url,
    models: folder,
    close: async () => {
      await close();
      rmSync(root, { recursive: true });
    },
  };
}

/** A file with given content. */
export interface InventedFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** The page, by the names a screen reader knows. */
export class AppPage {
  readonly page: Page;
  /** The URLs that the page and its workers have requested. */
  readonly requested: string[] = [];
  /** Uncaught errors. */
  readonly uncaught: string[] = [];
  readonly engine: Locator;
  readonly image: Locator;
  readonly picture: Locator;
  readonly question: Locator;
  readonly ask: Locator;
  readonly stop: Locator;
  readonly compare: Locator;
  readonly answer: Locator;
  readonly answerText: Locator;
  readonly visualTokens: Locator;
  readonly comparison: Locator;

  private constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.uncaught.push(String(error)));
    page.context().on('request', (request) => this.requested.push(request.url()));
    this.engine = page.getByRole('status', { name: 'Engine', exact: true });
    this.image = page.getByLabel('Image', { exact: true });
    this.picture = page.getByRole('region', { name: 'Picture', exact: true });
    this.question = page.getByRole('textbox', { name: 'Question', exact: true });
    this.ask = page.getByRole('button', { name: 'Ask', exact: true });
    this.stop = page.getByRole('button', { name: 'Stop', exact: true });
    this.compare = page.getByRole('button', { name: 'Compare', exact: true });
    this.answer = page.getByRole('region', { name: 'Answer', exact: true });
    this.answerText = page.getByTestId('answer-text');
    this.visualTokens = page.getByRole('region', { name: 'Visual tokens', exact: true });
    this.comparison = page.getByRole('table', { name: 'Comparison', exact: true });
  }

  /** A page that is open already. */
  static of(page: Page): AppPage {
    return new AppPage(page);
  }

  /** Opens `url` in a fresh context; resolves when the page is shown, while the model still loads. */
  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<AppPage> {
    const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const app = new AppPage(await context.newPage());
    await app.page.goto(url);
    return app;
  }

  /** Waits until the engine is ready, and resolves to why it runs as it does. */
  async ready(): Promise<string> {
    await this.engine.getByText('Ready on').waitFor();
    return (await this.engine.textContent()) ?? '';
  }

  /** Chooses an image and waits until the page shows it. */
  async choose(file: string | InventedFile): Promise<void> {
    const name = typeof file === 'string' ? file.replace(/^.*[/\\]/, '') : file.name;
    await this.image.setInputFiles(file);
    await this.picture.getByAltText(`Chosen: ${name}`).waitFor();
  }

  /** Asks about the image, and resolves to the answer, empty if the model gave none. Fails when there is an error instead. */
  async askFor(question: string): Promise<string> {
    await this.question.fill(question);
    await this.ask.click();
    await this.finished();
    const problem = this.answer.getByRole('alert');
    if (await problem.isVisible()) throw new Error((await problem.textContent()) ?? '');
    return (await this.answerText.allTextContents()).join('');
  }

  /** Waits until no turn waits or runs. */
  async finished(): Promise<void> {
    await this.page.getByRole('button', { name: 'Stop', exact: true, disabled: true }).waitFor();
  }

  /** The caption of each round, `half resolution 224 × 224 · 64 tokens`. */
  async rounds(): Promise<string[]> {
    const headings = await this.answer.getByRole('heading', { level: 3 }).allTextContents();
    return headings.filter((text) => text.includes('token')).map((text) => text.replace(/^Round \d/, ''));
  }

  /** A row of the finished turn's numbers, one value a round. */
  async numbers(row: string): Promise<number[]> {
    const table = this.answer.getByRole('table', { name: 'Numbers of the turn', includeHidden: true });
    const cells = table.locator('tr', { hasText: row }).locator('td');
    return (await cells.allTextContents()).map((text) => Number(text.replaceAll(',', '')));
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
