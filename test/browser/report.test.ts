/** The report in a browser: no other host, nothing overlapping, readable, and its one picture with a script works. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { janction } from '../support/cli.ts';
import { launch, noBrowser, open, overlaps, sizes, tiny } from './browser.ts';

describe.skipIf(noBrowser !== '')(`the report in a browser${noBrowser === '' ? '' : `: ${noBrowser}`}`, () => {
  let base = '';
  let url = '';
  let browser: Browser;
  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'janction-browser-'));
    const run = join(base, 'run');
    expect(janction(['run', 'scenarios/quickstart/scenario.yaml', '--out', run, '--quiet']).code).toBe(0);
    expect(janction(['report', run, '--quiet']).code).toBe(0);
    url = pathToFileURL(join(run, 'report.html')).href;
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(base, { recursive: true, force: true });
  });

  for (const size of sizes) {
    for (const scheme of ['light', 'dark'] as const) {
      test(`${size.width}x${size.height}, ${scheme}: asks nobody, fits, nothing overlaps, readable`, async () => {
        const { context, page, strangers, errors } = await open(browser, url, url, size, scheme);
        expect(strangers).toEqual([]);
        expect(errors).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(size.width);
        expect(await overlaps(page)).toEqual([]);
        expect(await tiny(page, 10)).toEqual([]);
        const low = await page.evaluate(() => {
          const style = getComputedStyle(document.documentElement);
          const value = (name: string): number => {
            const hex = style.getPropertyValue(name).trim();
            const full = hex.length === 4 ? [...hex.slice(1)].map((c) => c + c).join('') : hex.slice(1);
            const [r, g, b] = [0, 2, 4]
              .map((i) => Number.parseInt(full.slice(i, i + 2), 16) / 255)
              .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
          };
          const contrast = (a: string, b: string): number => {
            const [x, y] = [value(a), value(b)].sort((p, q) => q - p);
            return (x! + 0.05) / (y! + 0.05);
          };
          const text = ['--ink', '--muted', '--link'].filter(
            (c) => contrast(c, '--bg') < 4.5 || contrast(c, '--soft') < 4.5,
          );
          const marks = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `--c${i}`).filter((c) => contrast(c, '--bg') < 3);
          return [...text, ...marks];
        });
        expect(low).toEqual([]);
        await context.close();
      });
    }
  }

  test('reports on stake, on supply auctions and on several runs fit too', async () => {
    const day = ['--set', 'horizon=12 hour'];
    for (const [name, args] of [
      ['stake', ['scenarios/stake-90-days/scenario.yaml', '--set', 'horizon=20 day']],
      ['auction', ['scenarios/pvcg-week/scenario.yaml', ...day]],
      ['fifo', ['scenarios/quickstart/scenario.yaml', ...day, '--set', 'scheduling.queueing=fifo']],
      ['easy', ['scenarios/quickstart/scenario.yaml', ...day]],
    ] as const)
      expect(janction(['run', ...args, '--out', join(base, name), '--quiet']).code).toBe(0);
    for (const dirs of [['stake'], ['auction'], ['fifo', 'easy']]) {
      expect(janction(['report', ...dirs.map((d) => join(base, d)), '--quiet']).code).toBe(0);
      const file = pathToFileURL(join(base, dirs[0]!, 'report.html')).href;
      for (const size of sizes) {
        const { context, page, strangers, errors } = await open(browser, file, file, size);
        expect(strangers).toEqual([]);
        expect(errors).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(size.width);
        expect(await overlaps(page), `${dirs[0]}, ${size.width}`).toEqual([]);
        expect(await tiny(page, 10)).toEqual([]);
        await context.close();
      }
    }
  });

  test('the overlap check finds an overlap (canary)', async () => {
    const { context, page } = await open(browser, url, url, sizes[0]);
    await page.evaluate(() => {
      const texts = document.querySelectorAll<SVGTextElement>('.page-size svg[role=img] text.tick');
      texts[1]!.setAttribute('y', texts[0]!.getAttribute('y')!);
      texts[1]!.style.fontSize = '6px';
    });
    expect((await overlaps(page)).length).toBeGreaterThan(0);
    expect((await tiny(page, 10)).length).toBe(1);
    await context.close();
  });

  test('the machines: zoom, keys, a job by number and by link, print', async () => {
    const { context, page, errors } = await open(browser, url, url, sizes[0]);
    const picture = () => page.evaluate(() => (document.getElementById('gantt') as HTMLCanvasElement).toDataURL());
    const whole = await picture();
    await page.click('[data-gantt=in]');
    const closer = await picture();
    expect(closer).not.toBe(whole);
    await page.click('[data-gantt=all]');
    expect(await picture()).toBe(whole);
    await page.focus('#gantt');
    await page.keyboard.press('+');
    expect(await picture()).toBe(closer);
    await page.keyboard.press('ArrowRight');
    expect(await picture()).not.toBe(closer);
    const first = page.locator('#longest a[data-job]').first();
    const job = await first.getAttribute('data-job');
    await first.click();
    expect(await page.textContent('#gantt-say')).toMatch(
      new RegExp(`^job ${job} \\(.*(completed|failed|node-failure)$`),
    );
    await page.fill('#gantt-job', '999999');
    await page.keyboard.press('Enter');
    expect(await page.textContent('#gantt-say')).toBe('job 999999 did not run on any machine shown here');
    await page.fill('#gantt-job', 'x');
    await page.keyboard.press('Enter');
    expect(await page.textContent('#gantt-say')).toBe('a job is a whole number from 1');
    await page.emulateMedia({ media: 'print' });
    expect(await page.isVisible('.tools')).toBe(false);
    expect(await page.isVisible('#gantt')).toBe(true);
    expect(errors).toEqual([]);
    await context.close();
  });
});
