/** The built page with the bundled model on WASM: it answers as the reference does, and does all a person asks of it. */
import type { Browser, Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../helpers/chromium.ts';
import { nanoQuestion } from '../helpers/nano-golden.ts';
import { AppPage, serveSite, type Site } from '../helpers/site.ts';

const HALF = 'half resolution 224 × 224 · 64 tokens';
const FULL = 'full resolution 448 × 448 · 256 tokens';

/** What is true of the bundled examples, read off the images. The second number: rounds. */
const EXAMPLES: readonly [title: string, answers: readonly [question: string, answer: string, rounds: 1 | 2][]][] = [
  [
    'Large codes',
    [
      ['What is the code under the red star?', 'XENX4', 1],
      ['How many shapes are there?', '4', 1],
      ['What shape is purple?', 'circle', 1],
    ],
  ],
  [
    'Small codes',
    [
      ['What is the code under the pink circle?', '501E3', 2],
      ['What is the code under the black square?', 'BTTL', 2],
      ['How many shapes are there?', '5', 1],
    ],
  ],
  [
    'Bar chart',
    [
      ['What is the value of the green bar?', '90', 1],
      ['Which bar is the tallest?', 'green', 1],
      ['How many bars are there?', '5', 1],
    ],
  ],
  [
    'Small values',
    [
      ['What is the value of the yellow bar?', '90', 2],
      ['What is the value of the cyan bar?', '15', 2],
      ['Which bar is the shortest?', 'cyan', 1],
    ],
  ],
  [
    'Price list',
    [
      ['What is the total?', '130.80', 1],
      ['How many items are there?', '5', 1],
    ],
  ],
  [
    'Small print',
    [
      ['What is the total?', '50.14', 2],
      ['How many items are there?', '5', 1],
    ],
  ],
  [
    'Night shapes',
    [
      ['How many shapes are there?', '8', 1],
      ['Where is the red circle?', 'top left', 1],
      ['What color is the cross?', 'red', 1],
    ],
  ],
  [
    'Small sign',
    [
      ['What is written on the sign?', 'FH2', 2],
      ['What color is the sign?', 'pink', 1],
    ],
  ],
];

let site: Site;
let browser: Browser;
let app: AppPage;

beforeAll(async () => {
  site = await serveSite();
  browser = await launchChromium();
}, 200_000);

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

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
  it('gives its first answer within a minute of being opened, from half resolution alone', async () => {
    const { file, question, answer } = nanoQuestion(3);
    const opened = performance.now();
    app = await AppPage.open(browser, site.url);
    await app.choose(file); // while the model still loads
    expect(await app.askFor(question)).toBe(answer);
    const ms = performance.now() - opened;
    console.log(`first answer ${(ms / 1000).toFixed(1)} s after opening the page`);
    expect(ms).toBeLessThan(60_000);
    expect(await app.rounds()).toEqual([HALF]);
    expect(await app.visualTokens.textContent()).toMatch(/25 %64 tokens used/);
    await expect(app.answer.getByText('Asked for the full image').count()).resolves.toBe(0);
  });

  it('asks for the full image when half resolution is not enough', async () => {
    const { file, question, answer } = nanoQuestion(1);
    await app.choose(file);
    expect(await app.askFor(question)).toBe(answer);
    expect(await app.rounds()).toEqual([HALF, FULL]);
    expect(await app.visualTokens.textContent()).toMatch(/125 %320 tokens used/);
    await app.answer.getByText('Asked for the full image').waitFor();
    await app.answer.getByText('{"name": "resize_image", "arguments": {"action": "resize"}}').waitFor();
    expect(await app.numbers('Computed twice')).toEqual([0, 0]);
  });

  it('computes less when the same image is asked about again', async () => {
    const { question, answer } = nanoQuestion(1);
    const [before = 0] = await app.numbers('Of them computed');
    expect(await app.askFor(question)).toBe(answer);
    const [after = 0] = await app.numbers('Of them computed');
    expect(before).toBeGreaterThan(64);
    expect(after).toBeGreaterThan(0);
    expect(after).toBeLessThan(before - 64); // the half image at least is kept
  });

  it('stops a turn, and answers the next one as if nothing had been', async () => {
    const { question, answer } = nanoQuestion(1);
    await app.question.fill(question);
    await app.ask.click();
    await app.stop.click();
    await app.answer.getByText(/^Stopped/).waitFor();
    expect(await app.question.inputValue()).toBe(question);
    expect(await app.askFor(question)).toBe(answer);
  });

  it('compares the three modes', async () => {
    const { question, answer } = nanoQuestion(1);
    await app.question.fill(question);
    await app.compare.click();
    await app.finished();
    const rows = await records(app.comparison);
    const shape = rows.map((row) => [row['Mode'], row['Rounds'], row['Visual tokens'], row['Ratio']]);
    expect(shape).toEqual([
      ['Smart', '2', '320', '125 %'],
      ['Half', '1', '64', '25 %'],
      ['Full', '1', '256', '100 %'],
    ]);
    expect(rows[0]?.['Answer']).toBe(answer);
    expect(rows[2]?.['Answer']).toBe(answer);
    for (const row of rows) expect(row['Total time']).toMatch(/^[\d.]+ m?s$/);
    expect(app.uncaught).toEqual([]);
  });
});

describe('the examples', () => {
  it.each(EXAMPLES)(
    '%s: every suggested question is answered rightly, and at the least cost',
    async (title, answers) => {
      await app.page.getByRole('button', { name: title, exact: true }).click();
      await app.picture.getByAltText(`Chosen: ${title}`).waitFor();
      const suggested = await app.page.getByRole('list', { name: 'Suggestions' }).getByRole('button').allTextContents();
      expect(suggested).toEqual(answers.map(([question]) => question));
      for (const [question, answer, rounds] of answers) {
        expect([question, await app.askFor(question), await app.rounds()]).toEqual([
          question,
          answer,
          [HALF, FULL].slice(0, rounds),
        ]);
      }
    },
  );
});
