/**
 * The built page with another tool than the bundled model's: named in the link, asked for, and changed in the settings. And looking
 * closer by hand: a region of the picture, and the boxes of an answer on it.
 */
import { AxeBuilder } from '@axe-core/playwright';
import { describe, expect, it } from 'vitest';
import { TOOL_NAMES } from '../../src/shared/prompt-sets.ts';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { AppPage, siteInBrowser } from '../helpers/site.ts';

const opened = siteInBrowser();

describe('a tool in the link', () => {
  it('is offered: its model starts at full resolution; the settings name it and choose another', async () => {
    const { file, question } = nanoQuestion(17);
    const app = await AppPage.open(opened.browser, `${opened.site.url}?tool=mini-o3&max-new-tokens=8`);
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

/** Runs in the page before its scripts: adds boxes to answers, since the bundled model names none. */
function nameBoxes(): void {
  const marks = [
    { kind: 'box', image: 0, label: 'left half', box: [0, 0, 168, 336] },
    { kind: 'point', image: 0, label: null, point: [168, 168] },
  ];
  Object.assign(globalThis, {
    Worker: class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        this.addEventListener('message', ({ data }: MessageEvent<{ value?: { marks?: unknown[] } } | null>) => {
          data?.value?.marks?.push(...marks);
        });
      }
    },
  });
}

describe('a region of the picture', () => {
  it('is drawn with the mouse, moved with the keys, asked about alone or beside the whole, and cleared', async () => {
    const { file, question } = nanoQuestion(17);
    const app = AppPage.of(await (await opened.browser.newContext({ reducedMotion: 'reduce' })).newPage());
    const { page } = app;
    await page.addInitScript(nameBoxes);
    await page.goto(opened.site.url);
    await app.ready();
    await app.choose(file);
    const select = page.getByRole('button', { name: 'Select a region' });
    await select.waitFor();
    const frame = await page.locator('.overlay').boundingBox();
    if (frame === null) throw new Error('The picture has no layer.');
    const at = (share: number): [number, number] => [frame.x + share * frame.width, frame.y + share * frame.height];
    await page.mouse.move(...at(0.25));
    await page.mouse.down();
    await page.mouse.move(...at(0.6));
    await page.mouse.move(...at(0.75), { steps: 3 });
    await page.mouse.up();
    const region = page.getByRole('button', { name: /^Region of 16[89] by 16[89] pixels at 8[34], 8[34]\./ });
    await region.focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Shift+ArrowUp');
    await page.getByRole('button', { name: /^Region of 16[89] by 16[56] pixels at 8[67], 8[34]\./ }).waitFor();

    // Exact pixels.
    await page.getByText(/^16[89] × 16[56] at/).click();
    for (const [name, value] of [
      ['Left', '0'],
      ['Top', '84'],
      ['Width', '168'],
      ['Height', '168'],
    ] as const) {
      await page.getByLabel(name, { exact: true }).fill(value);
    }
    await app.askFor(question);
    expect(await app.rounds()).toEqual([expect.stringMatching(/^crop 168 × 168 · 36 tokens$/)]);
    await app.answer.getByText('region 168 × 168').waitFor();
    expect(await app.compare.isDisabled()).toBe(true);

    await page.getByText('Region and whole picture').click();
    await app.askFor(question);
    expect(await app.rounds()).toContainEqual('half resolution 168 × 168 + 1 more · 72 tokens');
    expect(new URL(page.url()).search).toBe(''); // a link never carries it

    // The answer's boxes, on any whole view.
    const marks = page.getByRole('img', { name: 'In the answer: left half, from 0, 0 to 168, 336; point at 168, 168' });
    await marks.waitFor();
    const [layer, box] = await Promise.all([
      page.locator('.overlay').boundingBox(),
      page.locator('.outline--box').boundingBox(),
    ]);
    expect((box?.width ?? 0) / (layer?.width ?? 1)).toBeCloseTo(0.51, 1);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);

    await page.getByRole('button', { name: /^Region of/ }).focus();
    await page.keyboard.press('Escape');
    await select.waitFor();
    expect(await select.evaluate((button) => button === document.activeElement)).toBe(true);
    expect(app.uncaught).toEqual([]);
    await page.context().close();
  });

  it('is made by a button and moved with a finger on a phone', async () => {
    const viewport = { width: 390, height: 844 };
    const app = await AppPage.open(opened.browser, opened.site.url, { viewport, hasTouch: true, isMobile: true });
    const { page } = app;
    await app.ready();
    await app.choose(nanoQuestion(17).file);
    await page.getByRole('button', { name: 'Select a region' }).tap();
    const region = page.getByRole('button', { name: 'Region of 168 by 168 pixels at 84, 84.' });
    const box = await region.boundingBox();
    if (box === null) throw new Error('There is no region.');
    const touch = await page.context().newCDPSession(page);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', by: number): Promise<unknown> =>
      touch.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: type === 'touchEnd' ? [] : [{ x: x + by, y: y + by }],
      });
    await send('touchStart', 0);
    await send('touchMove', 10);
    await send('touchMove', 1000);
    await send('touchEnd', 1000);
    await page.getByRole('button', { name: 'Region of 168 by 168 pixels at 168, 168.' }).waitFor();
    expect(await page.evaluate(() => scrollY)).toBe(0);
    await app.close();
  });
});
