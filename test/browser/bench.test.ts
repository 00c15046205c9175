/** The benchmark page on WASM with the bundled model: both engines, a table, and the report to copy. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { BenchReport } from '../../src/evaluation/bench-report.ts';
import { painted, sidewaysOverflow } from '../helpers/chromium.ts';
import { PATIENCE_MS, siteInBrowser } from '../helpers/site.ts';

const opened = siteInBrowser();

/** Opens the page; `requested` fills with the addresses that it and its workers ask for. */
async function open(search: string): Promise<{ page: Page; requested: string[] }> {
  const context = await opened.browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  const requested: string[] = [];
  context.on('request', (request) => requested.push(request.url()));
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${opened.site.url}bench.html?${search}`);
  return { page, requested };
}

describe('the benchmark page', () => {
  it('measures both engines on the same files, without the network, and gives the report as JSON and Markdown', async () => {
    const { page, requested } = await open('backend=wasm&repeat=1&steps=4&only=decode512,preprocess1022');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByRole('button', { name: 'Copy as JSON', exact: true }).click();
    const report = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as BenchReport;

    expect(report.engines.ours).toMatchObject({ loaded: true, backend: 'wasm', dtype: 'q8' });
    expect(report.engines.upstream).toMatchObject({ loaded: true, backend: 'wasm', dtype: 'q8' });
    expect(report.complete).toBe(true);
    expect(report.rows.map(({ id }) => id)).toEqual(['decode512', 'preprocess1022']);
    for (const { ours, upstream, ratio } of report.rows) {
      expect(ours?.error ?? upstream?.error).toBeNull();
      expect(ours?.samples).toHaveLength(1);
      expect(upstream?.samples).toHaveLength(1);
      expect(ratio).toBeGreaterThan(0);
    }
    const [decode, patches] = report.rows;
    expect(decode?.ours?.details['cachedTokens']).toBeGreaterThan(480);
    expect(decode?.upstream?.details['cachedTokens']).toBe(decode?.ours?.details['cachedTokens']);
    // Upstream rounds 36.5 tokens up where Python rounds to the even 36.
    const values = [patches?.ours, patches?.upstream].map((cell) => cell?.details['values']);
    expect(values).toEqual([36 * 36, 37 * 37].map((tokens) => tokens * 4 * 1176));

    const cells = page.getByRole('table', { name: 'Measurements' }).getByRole('row').nth(1);
    expect(await cells.textContent()).toMatch(/Decode step, 512 cached.*ms.*ms.*×/);
    await page.getByRole('button', { name: 'Copy as Markdown', exact: true }).click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^\| Decode step, 512 cached \|/m);
    expect(requested.filter((url) => !url.startsWith(opened.site.url) && !url.startsWith('blob:'))).toEqual([]);
    await page.context().close();
  });

  it('makes a model of random weights that both engines run, starts by itself, and posts its results', async () => {
    const { page } = await open('about');
    const lines: string[] = [];
    const done = new Promise<string>((resolve) => {
      void page.route('**/log', async (route) => {
        const line = route.request().postData() ?? '';
        lines.push(line);
        await route.fulfill({ status: 204 });
        if (line.startsWith('DONE ')) resolve(line.slice('DONE '.length));
      });
    });
    const search = 'run&post=log&model=tiny&backend=wasm&repeat=1&steps=4&only=decode512,firstToken';
    await page.goto(`${opened.site.url}bench.html?${search}`);
    const report = JSON.parse(await done) as BenchReport;
    expect(report.rows.map(({ ours, upstream }) => [ours?.error, upstream?.error])).toEqual([
      [null, null],
      [null, null],
    ]);
    expect(lines.map((line) => line.slice(0, 5))).toEqual(['{"typ', '{"typ', '{"typ', '{"typ', 'TABLE', 'DONE ']);
    await page.context().close();
  });

  it('stops on request, and keeps its results', async () => {
    const { page } = await open('run&backend=wasm&engines=ours&only=imageTurn&repeat=50');
    await page.getByText(/this app: (warming up|\d+ of 50)/).waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Copy as JSON', exact: true }).click();
    const report = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as BenchReport;
    expect(report.complete).toBe(false);
    await page.context().close();
  });

  it('accepts repetitions as they are typed, and starts only with a valid number', async () => {
    const { page } = await open('repeat=1&model=http://');
    const field = page.getByRole('spinbutton', { name: 'Repetitions', exact: true });
    const run = page.getByRole('button', { name: 'Run', exact: true });
    const problem = page.getByRole('alert');
    await field.press('Backspace');
    expect(await field.inputValue()).toBe('');
    await run.click();
    expect(await problem.count()).toBe(0);
    await field.pressSequentially('3');
    expect(await field.inputValue()).toBe('3');
    await run.click();
    await problem.getByText('“http://” is not the URL of a model folder.').waitFor();
    await page.context().close();
  });

  it('has no axe violations, light and dark, and fits a phone', async () => {
    const { page } = await open('');
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await painted(page);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`))).toEqual([]);
    }
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await sidewaysOverflow(page)).toBe(0);
    await page.context().close();
  });
});
