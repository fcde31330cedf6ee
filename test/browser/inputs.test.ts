/** Every input of every notebook changes what the page shows, and none holds the page up. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, longestFreeze, noBrowser, open, type Site, serveNotebooks, sizes } from './browser.ts';

/** Milliseconds: the issue's 200, and room for a machine that does other work. */
const FROZEN = 600;
/** Page and what must be there before its inputs are moved. */
const pages: [string, string][] = [
  ['market-day', '.command'],
  ['pvcg', 'svg[aria-label="utility by report"]'],
  ['find-the-lie', '.status:not(:has(progress))'],
  ['elections', 'svg[aria-label="seats by bloc and rule"]'],
  ['rewards', 'svg[aria-label="inequality over the year by rule"]'],
  ['checkpoints', '.command'],
  ['fragmentation', 'svg[aria-label="map of GPUs under two policies"]'],
  ['real', 'svg[aria-label="distribution of completion times, measured and predicted"]'],
];

/** Figures, tables and cards, but for names that are new at every drawing; not what only says how far a run is. */
const shown = (page: Page): Promise<string> =>
  page.evaluate(() =>
    [...document.querySelectorAll('main figure, main table, main .cards, main .command')]
      .map((e) => e.outerHTML.replace(/plot-[\w-]+/g, ''))
      .join('\n'),
  );

/** Names of the inputs of the page's forms. */
const names = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll('.form form')].map((f) => f.querySelector('label')?.textContent ?? ''),
  );

/** Moves the i-th input to another value; answers what it did. */
const move = (page: Page, i: number): Promise<string> =>
  page.evaluate((k) => {
    const form = [...document.querySelectorAll('.form form')][k]!;
    const field = form.querySelector<HTMLInputElement | HTMLSelectElement>(
      'select, input[type=number], input[type=checkbox]',
    )!;
    const tell = (): void => {
      field.dispatchEvent(new Event('input', { bubbles: true }));
      field.dispatchEvent(new Event('change', { bubbles: true }));
    };
    if (field instanceof HTMLSelectElement) {
      field.selectedIndex = (field.selectedIndex + 1) % field.options.length;
      tell();
      return field.selectedOptions[0]!.text;
    }
    if (field.type === 'checkbox') {
      field.click();
      return String(field.checked);
    }
    const [least, most, step] = [Number(field.min), Number(field.max), Number(field.step) || 1];
    const now = Number(field.value);
    const far = Math.max(1, Math.round((most - least) / step / 5)) * step;
    field.value = String(Math.round((now + far <= most ? now + far : now - far) * 100) / 100);
    tell();
    return field.value;
  }, i);

describe.skipIf(noBrowser !== '')(`inputs${noBrowser === '' ? '' : `: ${noBrowser}`}`, () => {
  let site: Site;
  let browser: Browser;
  beforeAll(async () => {
    site = await serveNotebooks();
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  test.each(pages)('%s', async (name, ready) => {
    const { context, page, strangers, errors } = await open(browser, `${site.home}${name}.html`, site.home, sizes[0]);
    await page.waitForSelector(ready);
    const list = await names(page);
    expect(list.length).toBeGreaterThan(1);
    // What was needed once, to load and to compile, is not what a reader's move costs.
    await longestFreeze(page);
    for (const [i, input] of list.entries()) {
      await page.waitForFunction(() => document.querySelector('.status progress') === null);
      const before = await shown(page);
      const to = await move(page, i);
      await expect
        .poll(() => shown(page), { message: `${input} to ${to}`, timeout: 60_000, interval: 50 })
        .not.toBe(before);
    }
    expect(await page.locator('.observablehq--error').allTextContents()).toEqual([]);
    expect(errors).toEqual([]);
    expect(strangers).toEqual([]);
    const freeze = await longestFreeze(page);
    process.stderr.write(`${name}: frozen for ${freeze} ms at most\n`);
    expect(freeze).toBeLessThan(FROZEN);
    await context.close();
  });
});
