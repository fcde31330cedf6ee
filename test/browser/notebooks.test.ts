/** The notebooks as built, served by `janction notebook`: no other host, no error cell, and the numbers of the command line. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ValidateJson } from '../../lab/commands/validate.ts';
import type { RunJson } from '../../sim/summary.ts';
import { janction, root } from '../support/cli.ts';
import { launch, noBrowser, open, overlaps, type Site, serveNotebooks, sizes, tiny } from './browser.ts';

const pages = [
  'index',
  'market-day',
  'pvcg',
  'find-the-lie',
  'elections',
  'rewards',
  'checkpoints',
  'fragmentation',
  'real',
  'your-runs',
] as const;

describe.skipIf(noBrowser !== '')(`notebooks in a browser${noBrowser === '' ? '' : `: ${noBrowser}`}`, () => {
  let site: Site;
  let home = '';
  let browser: Browser;
  beforeAll(async () => {
    site = await serveNotebooks();
    home = site.home;
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  /** Nothing is being computed any more. */
  const settled = async (page: Page, name: string): Promise<void> => {
    const ready: Partial<Record<string, string>> = {
      'market-day': '.command',
      pvcg: 'svg[aria-label="utility by report"]',
      elections: 'svg[aria-label="seats by bloc and rule"]',
      rewards: 'svg[aria-label="inequality over the year by rule"]',
      checkpoints: '.command',
      real: 'svg[aria-label="distribution of completion times, measured and predicted"]',
      fragmentation: 'svg[aria-label="map of GPUs under two policies"]',
      'find-the-lie': 'button[aria-label*="is violated"]',
      'your-runs': '#folder',
    };
    await page.waitForSelector(ready[name] ?? 'main h1');
    if (name === 'find-the-lie' || name === 'checkpoints') await page.waitForSelector('.status:not(:has(progress))');
  };
  const faults = (page: Page) => page.locator('.observablehq--error').allTextContents();
  /** Labelled inputs of a form: the number beside a slider. */
  const set = async (page: Page, label: string, value: string): Promise<void> => {
    const field = page.getByLabel(label, { exact: true }).first();
    if ((await field.evaluate((e) => e.tagName)) === 'SELECT') await field.selectOption({ label: value });
    else await field.fill(value);
  };
  const titleOf = (page: Page, chart: string) =>
    page.locator(`figure:has(svg[aria-label="${chart}"]) h2`).textContent();

  for (const name of pages) {
    for (const size of sizes) {
      test(`${name}, ${size.width}x${size.height}: no stranger, no error cell, nothing sticks out or overlaps`, async () => {
        const scheme = size.width < 500 ? 'dark' : 'light';
        const { context, page, strangers, errors } = await open(browser, `${home}${name}.html`, home, size, scheme);
        await settled(page, name);
        expect(strangers).toEqual([]);
        expect(errors).toEqual([]);
        expect(await faults(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(size.width);
        await page.evaluate(() => {
          for (const s of document.querySelectorAll('figure svg[aria-label]')) s.setAttribute('role', 'img');
        });
        expect(await overlaps(page)).toEqual([]);
        expect(await tiny(page, 9)).toEqual([]);
        await context.close();
      });
    }
  }

  test('a day in the market: the command line gives the same figures and the same fingerprint', async () => {
    const { context, page } = await open(browser, `${home}market-day.html`, home, sizes[0]);
    await page.waitForSelector('.command');
    const run = async (): Promise<[RunJson, string]> => {
      const text = (await page.textContent('.command'))!;
      const line = text.split('\n')[0]!.replace('npx janction ', '');
      const args = [...line.matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2]!);
      return [JSON.parse(janction([...args, '--json', '--quiet']).out) as RunJson, text];
    };
    const [usual, said] = await run();
    expect(said).toContain(`fingerprint ${usual.fingerprint}`);
    const before = await page.locator('svg[aria-label="jobs waiting over the day"]').innerHTML();
    await set(page, 'farm machines (4 GPUs)', '3');
    await set(page, 'seed', '7');
    await page.waitForFunction(
      (old) => !document.querySelector('.command')!.textContent!.includes(old),
      usual.fingerprint,
    );
    await page.waitForFunction(() => document.querySelector('.command')!.textContent!.includes('seed=7'));
    const [other, now] = await run();
    expect(now).toContain('fleet.groups.farm.nodes=3');
    expect(now).toContain(`fingerprint ${other.fingerprint}`);
    expect(other.fingerprint).not.toBe(usual.fingerprint);
    const cards = (await page.textContent('.cards'))!;
    expect(cards).toContain(`${Math.round((other.jobs.completed / other.jobs.submitted) * 1000) / 10} %`);
    expect(cards).toContain(`${Math.round(other.gpu.utilisation * 1000) / 10} %`);
    expect(await page.locator('svg[aria-label="jobs waiting over the day"]').innerHTML()).not.toBe(before);
    await context.close();
  });

  test('a day in the market: the newest setting wins, however fast the slider moves', async () => {
    const { context, page, errors } = await open(browser, `${home}market-day.html`, home, sizes[0]);
    await page.waitForSelector('.command');
    for (const seed of ['2', '3', '4', '5', '6']) await set(page, 'seed', seed);
    await page.waitForFunction(() => document.querySelector('.command')!.textContent!.includes('seed=6'));
    const expected = JSON.parse(
      janction(['run', 'scenarios/quickstart/scenario.yaml', '--seed', '6', '--json', '--quiet']).out,
    ) as RunJson;
    await page.waitForFunction(
      (f) => document.querySelector('.command')!.textContent!.includes(f),
      expected.fingerprint,
    );
    expect(errors).toEqual([]);
    await context.close();
  });

  test('pVCG by hand: truth pays, until the fee is taken from the gross payment', async () => {
    const { context, page } = await open(browser, `${home}pvcg.html`, home, sizes[0]);
    await settled(page, 'pvcg');
    expect(await titleOf(page, 'utility by report')).toMatch(/^No lie about its cost pays s1/);
    await set(page, 'fee is taken from', 'the gross payment');
    await page.waitForFunction(() => document.body.textContent!.includes('A lie pays'));
    await set(page, 'fee is taken from', 'nothing');
    await set(page, 'payment rule', 'pay-as-bid');
    await page.waitForFunction(() => document.body.textContent!.includes('A lie pays'));
    const areas = await page.locator('svg[aria-label="payments as areas"]').innerHTML();
    await set(page, 's2: cost (2 hours)', '9');
    await page.waitForFunction(
      (old) => document.querySelector('svg[aria-label="payments as areas"]')!.innerHTML !== old,
      areas,
    );
    await context.close();
  });

  test('find the lie: the verdicts of the table, and a counter-example behind every red cell', async () => {
    const { context, page } = await open(browser, `${home}find-the-lie.html`, home, sizes[0]);
    await settled(page, 'find-the-lie');
    const expected = JSON.parse(readFileSync(join(root, 'docs/mechanisms.expected.json'), 'utf8')) as {
      rows: { mechanism: string; class: string; property: string; verdict: string }[];
    };
    const found = await page
      .locator('button[aria-label*="is violated"]')
      .evaluateAll((list) =>
        list.map((b) => b.getAttribute('aria-label')!.replace(' is violated, show the counter-example', '')),
      );
    const wanted = expected.rows
      .filter((r) => r.verdict === 'violated')
      .map((r) => `${r.mechanism}, ${r.class}: ${r.property}`);
    expect([...found].sort((a, b) => (a < b ? -1 : 1))).toEqual([...wanted].sort((a, b) => (a < b ? -1 : 1)));
    await page.click('button[aria-label^="pvcg, fee on the gross payment: dsic-cost"]');
    await page.waitForFunction(() =>
      document.querySelector('figure h2')!.textContent!.includes('fee on the gross payment'),
    );
    expect(await page.locator('figure tbody tr').count()).toBe(2);
    await context.close();
  });

  test('elections and fragmentation answer their inputs', async () => {
    const { context, page } = await open(browser, `${home}elections.html`, home, sizes[0]);
    await settled(page, 'elections');
    expect(await titleOf(page, 'seats by bloc and rule')).toBe(
      'Under top-k the bloc takes all 4 seats with 60 % of the stake',
    );
    await set(page, 'stake of the middle', '90');
    await page.waitForFunction(() => document.body.textContent!.includes('No rule gives the bloc every seat'));
    for (const label of ['stake of the bloc', 'stake of the middle', 'stake of the small']) await set(page, label, '0');
    await page.waitForSelector('.message');
    expect(await page.textContent('.message')).toMatch(/Nobody holds any stake/);
    await set(page, 'stake of the bloc', '50');
    await page.waitForFunction(() => document.querySelector('.message') === null);
    await page.goto(`${home}rewards.html`);
    await settled(page, 'rewards');
    const lines = await page.locator('svg[aria-label="inequality over the year by rule"]').innerHTML();
    await set(page, 'rewards of a year, % of all stake', '60');
    await page.waitForFunction(
      (old) => document.querySelector('svg[aria-label="inequality over the year by rule"]')!.innerHTML !== old,
      lines,
    );
    await page.goto(`${home}fragmentation.html`);
    await settled(page, 'fragmentation');
    const map = await page.locator('svg[aria-label="map of GPUs under two policies"]').innerHTML();
    await set(page, 'seed', '5');
    await page.waitForFunction(
      (old) => document.querySelector('svg[aria-label="map of GPUs under two policies"]')!.innerHTML !== old,
      map,
    );
    await context.close();
  });

  test('failures and checkpoints: the command line gives the same run, and the simulated means agree with the curve', async () => {
    const { context, page, errors } = await open(browser, `${home}checkpoints.html`, home, sizes[0]);
    await settled(page, 'checkpoints');
    const same = async (): Promise<RunJson> => {
      const text = (await page.textContent('.command'))!;
      const line = text.split('\n')[0]!.replace('npx janction ', '');
      const args = [...line.matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2]!);
      const json = JSON.parse(janction([...args, '--json', '--quiet']).out) as RunJson;
      expect(text).toContain(`fingerprint ${json.fingerprint}`);
      return json;
    };
    const usual = await same();
    const chart = 'completion time by interval between checkpoints';
    expect(await titleOf(page, chart)).toMatch(/^Writing every 81\.6 min costs least.*every simulated mean agrees$/);
    expect(await page.locator(`svg[aria-label="${chart}"] circle`).count()).toBe(9);
    await set(page, 'replications of 100 jobs', '1');
    await set(page, 'a machine fails every … hours', '48');
    await page.waitForFunction(() => document.querySelector('.command')?.textContent?.includes('mtbf=48 hour'));
    await settled(page, 'checkpoints');
    const other = await same();
    expect(other.fingerprint).not.toBe(usual.fingerprint);
    expect(await page.textContent('.cards')).toContain(`${Math.round((other.jctSeconds.mean / 3600) * 10) / 10} h; `);
    expect(errors).toEqual([]);
    await context.close();
  });

  test('simulated against real: the shipped result, a result of one’s own, and files that are none', async () => {
    const { context, page, errors } = await open(browser, `${home}real.html`, home, sizes[0]);
    await settled(page, 'real');
    const shipped = readFileSync(join(root, 'notebooks/data/philly-slice-cpu2.json'), 'utf8');
    const result = JSON.parse(shipped) as ValidateJson;
    expect(await page.textContent('main')).toMatch(/two processor slots, not GPUs/);
    expect(await page.textContent('.cards')).toContain(
      String(result.closedLoop.decisions).replace(/\B(?=(\d{3})+$)/g, ','),
    );
    const dots = page.locator('svg[aria-label="measured and predicted figure by setting"] circle');
    expect(await dots.count()).toBe(result.runs);
    const base = mkdtempSync(join(tmpdir(), 'janction-real-'));
    try {
      const give = async (name: string, text: string, says: RegExp): Promise<void> => {
        writeFileSync(join(base, name), text);
        await page.setInputFiles('#result', join(base, name));
        await page.waitForFunction(
          ([source]) => new RegExp(source!).test(document.querySelector('.message')?.textContent ?? ''),
          [says.source],
        );
      };
      await give('cut.json', shipped.slice(0, 700), /cut\.json is no JSON/);
      await give('run.json', '{"schema":"janction.run/1"}', /run\.json has schema "janction\.run\/1"/);
      await give('none.json', '[]', /none\.json has schema none/);
      await give('older.json', JSON.stringify({ ...result, limits: undefined }), /written by an older version/);
      await give('simulated.json', JSON.stringify({ ...result, openLoop: [] }), /about simulated runs only/);
      await give('huge.json', ' '.repeat(8_100_000), /has 8 MB/);
      const own = { ...result, openLoop: result.openLoop.slice(0, 1) };
      writeFileSync(join(base, 'own.json'), JSON.stringify(own));
      await page.setInputFiles('#result', join(base, 'own.json'));
      await page.waitForFunction(
        ([n]) =>
          document.querySelectorAll('svg[aria-label="measured and predicted figure by setting"] circle').length === n,
        [result.openLoop[0]!.repeats],
      );
      expect(await page.locator('.message').count()).toBe(0);
      const before = await titleOf(page, 'measured and predicted figure by setting');
      await set(page, 'figure', 'utilisation');
      await page.waitForFunction(() => document.body.textContent!.includes('the predicted utilisation is'));
      expect(await titleOf(page, 'measured and predicted figure by setting')).not.toBe(before);
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
    expect(await faults(page)).toEqual([]);
    expect(errors).toEqual([]);
    await context.close();
  });
});
