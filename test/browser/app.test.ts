/** The built page with the bundled model on WASM: it answers as the reference does, through every control of the page. */
import type { Locator } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { EXAMPLES } from '../helpers/example-answers.ts';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { AppPage, siteInBrowser } from '../helpers/site.ts';

/** Rounds of the golden questions asked here, whose images have 336 × 336 pixels. */
const HALF = 'half resolution 168 × 168 · 36 tokens';
const FULL = 'full resolution 336 × 336 · 144 tokens';

const opened = siteInBrowser();
let app: AppPage;

/** The rows of a table as records by column. */
async function records(table: Locator): Promise<Record<string, string>[]> {
  const columns = await table.getByRole('columnheader').allTextContents();
  const rows = await table.locator('tbody tr').all();
  return Promise.all(
    rows.map(async (row) => {
      const cells = await row.locator('th, td').allTextContents();
      return Object.fromEntries(columns.map((column, index) => [column, (cells[index] ?? '').trim()]));
    }),
  );
}

describe('the page', () => {
  it('answers a question asked while the model still loads, from half resolution alone', async () => {
    const { file, question, answer } = nanoQuestion(17);
    app = await AppPage.open(opened.browser, opened.site.url);
    await app.choose(file);
    expect(await app.askFor(question)).toBe(answer);
    expect(await app.rounds()).toEqual([HALF]);
    expect(await app.visualTokens.textContent()).toMatch(/25 %36 tokens used/);
    await expect(app.answer.getByText('Asked for the full image').count()).resolves.toBe(0);
  });

  it('asks for the full image when half resolution is not enough', async () => {
    const { file, question, answer } = nanoQuestion(0);
    await app.choose(file);
    expect(await app.askFor(question)).toBe(answer);
    expect(await app.rounds()).toEqual([HALF, FULL]);
    expect(await app.visualTokens.textContent()).toMatch(/125 %180 tokens used/);
    await app.answer.getByText('Asked for the full image').waitFor();
    await app.answer.getByText('{"name": "resize_image", "arguments": {"action": "resize"}}').waitFor();
    expect(await app.numbers('Recomputed')).toEqual([0, 0]);
  });

  it('prefetches the image before a question is asked, and does not compute it again', async () => {
    const { question, answer } = nanoQuestion(0);
    const [prompt = 0] = await app.numbers('Prompt tokens');
    const [before = 0] = await app.numbers('Computed now');
    expect(await app.askFor(question)).toBe(answer);
    const [after = 0] = await app.numbers('Computed now');
    expect(prompt).toBeGreaterThan(36); // the half image's tokens are in the prompt
    for (const computed of [before, after]) {
      expect(computed).toBeGreaterThan(0);
      expect(computed).toBeLessThan(prompt - 36);
    }
  });

  it('stops a turn, and answers the next one normally', async () => {
    const { question, answer } = nanoQuestion(0);
    await app.question.fill(question);
    await app.ask.click();
    await app.stop.click();
    await app.answer.getByText(/^Stopped/).waitFor();
    expect(await app.question.inputValue()).toBe(question);
    expect(await app.askFor(question)).toBe(answer);
  });

  it('asks once while Enter is held down', async () => {
    const earlier = app.page.getByRole('region', { name: 'Asked before', exact: true }).getByRole('listitem');
    await app.question.focus();
    const before = await earlier.count();
    await app.page.keyboard.down('Enter');
    await app.finished();
    await app.page.keyboard.down('Enter'); // again without a release: a held key repeats
    await app.page.keyboard.up('Enter');
    expect(await app.stop.isDisabled()).toBe(true);
    expect(await earlier.count()).toBe(before + 1);
    expect(await app.question.inputValue()).toBe(nanoQuestion(0).question);
  });

  it('compares the three modes', async () => {
    const { question, answer } = nanoQuestion(0);
    await app.question.fill(question);
    await app.compare.click();
    await app.finished();
    const rows = await records(app.comparison);
    const shape = rows.map((row) => [row['Mode'], row['Rounds'], row['Visual tokens'], row['Ratio']]);
    expect(shape).toEqual([
      ['Smart', '2', '180', '125 %'],
      ['Half', '1', '36', '25 %'],
      ['Full', '1', '144', '100 %'],
    ]);
    expect(rows[0]?.['Answer']).toBe(answer);
    expect(rows[2]?.['Answer']).toBe(answer);
    for (const row of rows) expect(row['Total time']).toMatch(/^[\d.]+ m?s$/);
    expect(app.uncaught).toEqual([]);
  });
});

describe('an example', () => {
  it('is chosen with a click, suggests its questions, and answers them as the engine on Node does', async () => {
    const [title, answers] = EXAMPLES['small-tags.png'];
    await app.page.getByRole('button', { name: title, exact: true }).click();
    await app.picture.getByAltText(`Chosen: ${title}`).waitFor();
    const suggested = await app.page.getByRole('list', { name: 'Suggestions' }).getByRole('button').allTextContents();
    expect(suggested).toEqual(answers.map(([question]) => question));
    for (const [question, answer, rounds] of answers) {
      const found = await app.askFor(question);
      const resolutions = (await app.rounds()).map((round) => round.split(' ')[0]);
      expect([question, found, resolutions]).toEqual([question, answer, ['half', 'full'].slice(0, rounds)]);
    }
  });
});
