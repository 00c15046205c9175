/** Accessibility of the built page: names, axe, keyboard only, a narrow screen. */
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { painted, sidewaysOverflow } from '../helpers/chromium.ts';
import { AppPage, siteInBrowser } from '../helpers/site.ts';

const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

const opened = siteInBrowser();

/** The violations that axe finds in a colour scheme, as `rule: element`. */
async function violations({ page }: AppPage, colorScheme: 'light' | 'dark'): Promise<string[]> {
  await page.emulateMedia({ colorScheme });
  // Collapsed elements keep their old colours until they are painted again.
  await painted(page);
  const found = await new AxeBuilder({ page }).analyze();
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
}

/** Presses Tab until an element has the focus for the second time; every element on the way is marked `data-visited`. */
async function tabThrough({ page }: AppPage): Promise<void> {
  for (let i = 0, again = false; i < 300 && !again; i++) {
    await page.keyboard.press('Tab');
    again = await page.evaluate(() => {
      const active = document.activeElement;
      if (active === null || active === document.body) return false; // past the end, before the beginning
      const visited = active.hasAttribute('data-visited');
      active.setAttribute('data-visited', '');
      return visited;
    });
  }
}

/** Opens every disclosure. */
function unfold({ page }: AppPage): Promise<void> {
  return page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
}

describe('with a screen reader or a keyboard, the page', () => {
  let app: AppPage;

  beforeAll(async () => {
    app = await AppPage.open(opened.browser, opened.site.url, { viewport: DESKTOP });
    await app.ready();
  });
  afterAll(() => app.close());

  it('has every control and region under its name', async () => {
    const { page } = app;
    expect(await app.image.getAttribute('type')).toBe('file');
    const named = [
      app.engine,
      app.image,
      app.question,
      app.ask,
      app.stop,
      app.compare,
      app.answer,
      app.visualTokens,
      page.getByRole('switch', { name: 'Start at half resolution', exact: true }),
      page.getByRole('switch', { name: 'Allow resize tool', exact: true }),
    ];
    expect(await Promise.all(named.map((locator) => locator.count()))).toEqual(named.map(() => 1));
    await expect(app.comparison.count()).resolves.toBe(0);
  });

  it.each(['light', 'dark'] as const)('has no axe violations while empty, %s', async (colorScheme) => {
    expect(await violations(app, colorScheme)).toEqual([]);
  });

  it('does not scroll sideways at 390 pixels while empty', async () => {
    await app.page.setViewportSize(PHONE);
    expect(await sidewaysOverflow(app.page)).toBe(0);
    await app.page.setViewportSize(DESKTOP);
  });

  it('works with the keyboard alone', async () => {
    const { page } = app;
    await page.getByRole('button', { name: 'Small tags', exact: true }).focus();
    await page.keyboard.press('Enter');
    await app.picture.getByAltText('Chosen: Small tags').waitFor();
    await app.question.focus();
    await page.keyboard.press('Enter');
    await app.answerText.waitFor();
    expect(await app.answerText.textContent()).toBe('$61.21');

    await page.keyboard.press('Enter');
    await app.answerText.waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await app.answer.getByText(/^Stopped/).waitFor();
    await page.keyboard.press('Enter');
    await app.answerText.waitFor();
    expect(await app.answerText.textContent()).toBe('$61.21');
  });

  it('lets Tab reach every control', async () => {
    await tabThrough(app);
    const missed = await app.page.evaluate(() =>
      [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
        .filter(
          (element) => element.checkVisibility() && !element.matches(':disabled, input[type=radio]:not(:checked)'),
        )
        .filter((element) => !element.hasAttribute('data-visited'))
        .map((element) => element.outerHTML),
    );
    expect(missed).toEqual([]);
    expect(await app.page.locator('[data-visited]').count()).toBeGreaterThan(20);
  });

  it('names the comparison', async () => {
    await app.compare.click();
    await app.comparison.waitFor();
    await app.finished();
    expect(await app.comparison.getByRole('row').count()).toBe(4);
  });

  it.each(['light', 'dark'] as const)('has no axe violations after an answer, %s', async (colorScheme) => {
    await unfold(app);
    expect(await violations(app, colorScheme)).toEqual([]);
  });

  it('does not scroll sideways at 390 pixels after an answer, nor at 256', async () => {
    await app.page.setViewportSize(PHONE);
    expect(await sidewaysOverflow(app.page)).toBe(0);
    await app.question.fill('A'.repeat(3000));
    expect(await sidewaysOverflow(app.page)).toBe(0);
    await app.page.setViewportSize({ ...PHONE, width: 256 });
    expect(await sidewaysOverflow(app.page)).toBe(0);
    expect(app.uncaught).toEqual([]);
  });
});
