/** *Your runs*: what a reader chooses is read and drawn, what cannot be read is said, and the page never freezes. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunJson } from '../../sim/summary.ts';
import { janction } from '../support/cli.ts';
import {
  launch,
  longestFreeze,
  noBrowser,
  type Opened,
  open,
  overlaps,
  type Site,
  serveNotebooks,
  sizes,
} from './browser.ts';

/** Milliseconds: the issue's 200, and room for a machine that does other work. `npm run bench -- notebook` reports the figure. */
const FROZEN = 600;
const quickstart = 'scenarios/quickstart/scenario.yaml';
const made = (args: string[]): void => expect(janction(args).code).toBe(0);

const study = (replications: number): string => `
name: floor-and-queue
scenario: scenario.yaml
replications: ${replications}
design:
  kind: grid
  parameters:
    pricing.adjust.floor: [5 %, 90 %]
    scheduling.queueing: [fifo, easy, sjf]
`;
const inventory = `
name: inventory
horizon: 30 minute
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  groups: [{ name: many, nodes: 100000, gpus: 1, class: card }]
demand:
  personas:
    - { name: p, arrivals: { rate: 2000 jobs/hour }, work: { median: 10 minute }, value: { median: 9 USD/hour } }
pricing: { rates: { card: 1 USD/hour } }
`;

describe.skipIf(noBrowser !== '')(`your runs in a browser${noBrowser === '' ? '' : `: ${noBrowser}`}`, () => {
  let site: Site;
  let browser: Browser;
  let base = '';
  let runs = '';
  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'janction-runs-'));
    runs = join(base, 'runs');
    for (const [dir, queue, seed] of [
      ['easy-1', 'easy', '1'],
      ['easy-2', 'easy', '2'],
      ['fifo-1', 'fifo', '1'],
      ['fifo-2', 'fifo', '2'],
    ] as const)
      made([
        'run',
        quickstart,
        '--set',
        `scheduling.queueing=${queue}`,
        '--seed',
        seed,
        '--out',
        join(runs, dir),
        '--quiet',
      ]);
    site = await serveNotebooks();
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
    rmSync(base, { recursive: true, force: true });
  });

  const choose = async (folder: string, ready: string, size: (typeof sizes)[number] = sizes[0]): Promise<Opened> => {
    const opened = await open(browser, `${site.home}your-runs.html`, site.home, size);
    await opened.page.waitForSelector('#folder');
    await opened.page.setInputFiles('#folder', folder);
    await opened.page.waitForSelector(ready);
    return opened;
  };
  const ended = async ({ page, errors, strangers, context }: Opened): Promise<void> => {
    expect(await page.locator('.observablehq--error').allTextContents()).toEqual([]);
    expect(errors).toEqual([]);
    expect(strangers).toEqual([]);
    expect(await longestFreeze(page)).toBeLessThan(FROZEN);
    await context.close();
  };
  const titleOf = (page: Page, chart: string) =>
    page.locator(`figure:has(svg[aria-label="${chart}"]) h2`).first().textContent();
  const changed = (page: Page, chart: string, old: string | null) =>
    page.waitForFunction(
      ([label, before]) => document.querySelector(`figure:has(svg[aria-label="${label}"])`)?.innerHTML !== before,
      [chart, old] as const,
    );
  const inside = (page: Page, chart: string) =>
    page.locator(`figure:has(svg[aria-label="${chart}"])`).first().innerHTML();

  for (const size of sizes)
    test(`runs, ${size.width}: figures of run.json, a Pareto front, pairs by seed and by job, machines`, async () => {
      const opened = await choose(runs, 'svg[aria-label="machines by share of time busy"]', size);
      const { page } = opened;
      await page.waitForSelector('svg[aria-label="differences of waits of the same jobs"]');
      const text = (await page.textContent('main'))!;
      expect(text).toMatch(/4 runs read/);
      expect(text).toMatch(/B: pools\.0\.queueing\.name fifo/);
      const results = ['easy-1', 'easy-2', 'fifo-1', 'fifo-2'].map(
        (d) => (JSON.parse(readFileSync(join(runs, d, 'run.json'), 'utf8')) as { result: RunJson }).result,
      );
      for (const r of results) expect(text).toContain(`${Math.round(r.gpu.utilisation * 1000) / 10} %`);
      const mean =
        (results[2]!.waitSeconds.mean -
          results[0]!.waitSeconds.mean +
          results[3]!.waitSeconds.mean -
          results[1]!.waitSeconds.mean) /
        2;
      expect(text).toContain(`+${Number(mean.toPrecision(4))} ± `);
      expect(await page.locator('svg[aria-label="runs by two figures"] circle').count()).toBeGreaterThan(4);
      const before = await inside(page, 'runs by two figures');
      await page.getByLabel('across', { exact: true }).selectOption({ label: 'utilisation' });
      await changed(page, 'runs by two figures', before);
      const pair = await titleOf(page, 'differences of waits of the same jobs');
      await page.getByLabel('compare the jobs with those of').selectOption({ index: 2 });
      await page.waitForFunction(
        (old) =>
          document.querySelector('figure:has(svg[aria-label="differences of waits of the same jobs"]) h2')
            ?.textContent !== old,
        pair,
      );
      await page.getByLabel('B: pools.0.queueing.name fifo').uncheck();
      await page.waitForFunction(() => document.querySelectorAll('table tbody tr').length === 2);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(size.width);
      expect(await overlaps(page)).toEqual([]);
      await ended(opened);
    });

  for (const size of sizes)
    test(`a sweep, ${size.width}: filters, Pareto front, paired differences, sensitivity; the same from its table and its results`, async () => {
      const folder = join(base, `sweeps-${size.width}`);
      mkdirSync(folder);
      writeFileSync(join(base, 'sweep.yaml'), study(4));
      writeFileSync(join(base, 'scenario.yaml'), readFileSync(join('scenarios/reserve-price/scenario.yaml')));
      const dir = join(folder, 'sweep');
      made(['sweep', 'run', join(base, 'sweep.yaml'), '--out', dir, '--workers', '1', '--quiet']);
      // A line that a crash cut off.
      writeFileSync(join(dir, 'results/part-99999.ndjson'), '00000000 {"id":"x"');
      const opened = await choose(folder, 'svg[aria-label="share of variance by parameter"]', size);
      const { page } = opened;
      const charts = [
        'figure by parameter',
        'points by two figures',
        'paired differences from a point',
        'share of variance by parameter',
      ];
      expect(await page.textContent('main')).toMatch(
        /1 line of its results were cut off and passed over|1 line of its results was cut off/,
      );
      expect(await page.textContent('.cards')).toMatch(/24of 24 planned/);
      const live = await Promise.all(charts.map((c) => titleOf(page, c)));
      made(['sweep', 'collect', join(base, 'sweep.yaml'), '--out', dir]);
      await page.setInputFiles('#folder', folder);
      await page.waitForFunction(() => document.querySelector('.cards')?.textContent?.includes('table.parquet'));
      expect(await Promise.all(charts.map((c) => titleOf(page, c)))).toEqual(live);
      const summary = JSON.parse(readFileSync(join(dir, 'summary.json'), 'utf8')) as unknown;
      expect(JSON.stringify(summary)).toContain('pricing.adjust.floor');
      // Every question changes its chart.
      for (const [label, option, chart] of [
        ['figure', 'gpu_utilisation', 'figure by parameter'],
        ['against', 'economics_provider_profit', 'points by two figures'],
        ['by parameter', 'scheduling.queueing', 'figure by parameter'],
        ['differences from point', '', 'paired differences from a point'],
      ] as const) {
        const before = await inside(page, chart);
        const select = page.getByLabel(label, { exact: true });
        await select.selectOption(option === '' ? { index: 3 } : { label: option });
        await changed(page, chart, before);
      }
      const before = await inside(page, 'points by two figures');
      await page.getByLabel('sjf', { exact: true }).uncheck();
      await changed(page, 'points by two figures', before);
      expect(await page.textContent('.cards')).toMatch(/4of 6, 2 parameters/);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(size.width);
      expect(await overlaps(page)).toEqual([]);
      await ended(opened);
    });

  test('a sensitivity study shows its indices with their intervals', async () => {
    const folder = join(base, 'sensitivity');
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'sensitivity.json'),
      JSON.stringify({
        schema: 'janction.sensitivity/1',
        study: 's',
        method: 'sobol',
        seed: 1,
        runs: 320,
        metrics: {
          economics_welfare: {
            a: { first: { value: 0.2, low: 0.1, high: 0.3 }, total: { value: 0.3, low: 0.2, high: 0.4 } },
            b: { first: { value: 0.6, low: 0.5, high: 0.7 }, total: { value: 0.7, low: 0.6, high: 0.8 } },
          },
        },
      }),
    );
    const opened = await choose(folder, 'svg[aria-label="sensitivity of economics_welfare"]');
    expect(await titleOf(opened.page, 'sensitivity of economics_welfare')).toBe('b moves economics_welfare most');
    await ended(opened);
  });

  test('directories that cannot be read are named with what to do, and the rest is shown', async () => {
    const bad = join(base, 'bad');
    const copy = (name: string): string => {
      cpSync(join(runs, 'easy-1'), join(bad, name), { recursive: true });
      return join(bad, name);
    };
    copy('good');
    truncateSync(join(copy('torn'), 'jobs.parquet'), 500);
    writeFileSync(join(copy('text'), 'jobs.parquet'), 'job_id,waiting_time_us\n1,2\n'.repeat(200));
    // Its tail says where columns lie; what lies there is cut out.
    const hole = readFileSync(join(copy('hole'), 'jobs.parquet'));
    hole.fill(0xff, 4, Math.floor(hole.length / 2));
    writeFileSync(join(bad, 'hole/jobs.parquet'), hole);
    rmSync(join(copy('tableless'), 'jobs.parquet'));
    rmSync(join(copy('deviceless'), 'devices.parquet'));
    renameSync(join(copy('other-table'), 'prices.parquet'), join(bad, 'other-table/jobs.parquet'));
    writeFileSync(join(copy('older'), 'run.json'), '{"schema":"janction.rundir/0"}');
    writeFileSync(join(copy('nothing'), 'run.json'), 'null');
    truncateSync(join(copy('half'), 'run.json'), 1000);
    rmSync(join(copy('manifestless'), 'run.json'));
    renameSync(copy('unfinished'), join(bad, 'unfinished.partial'));
    mkdirSync(join(bad, 'sweep-cut'));
    writeFileSync(join(bad, 'sweep-cut/plan.json'), '{"schema":"janction.pl');
    mkdirSync(join(bad, 'sweep-empty'));
    writeFileSync(
      join(bad, 'sweep-empty/plan.json'),
      '{"schema":"janction.plan/1","study":"s","replications":1,"points":[]}',
    );
    mkdirSync(join(bad, 'table-alone'));
    writeFileSync(join(bad, 'table-alone/table.parquet'), 'PAR1');
    const opened = await choose(bad, '.message');
    await opened.page.waitForFunction(() => document.querySelector('main')!.textContent!.includes('2 runs read'));
    const text = (await opened.page.locator('.message').allTextContents()).join('\n');
    for (const says of [
      /torn: jobs\.parquet is no Parquet file: it was cut off or damaged/,
      /text: jobs\.parquet is no Parquet file/,
      /hole: jobs\.parquet cannot be read to its end/,
      /tableless: jobs\.parquet is missing: choose the whole directory/,
      /deviceless: devices\.parquet is missing; its machines are not shown, all else is/,
      /other-table: jobs\.parquet has no column job_id: it is of another version/,
      /older: run\.json has schema janction\.rundir\/0, these pages read janction\.rundir\/1/,
      /nothing: run\.json has schema undefined/,
      /half: run\.json is no JSON: the run was cut off or damaged/,
      /manifestless: run\.json is missing/,
      /unfinished\.partial: this run did not finish/,
      /sweep-cut: plan\.json is no JSON/,
      /sweep-empty: holds a plan and no results yet/,
      /table-alone: table\.parquet has no plan\.json beside it/,
    ])
      expect(text).toMatch(says);
    expect(await opened.page.locator('table tbody tr').count()).toBe(2);
    await ended(opened);
    const none = join(base, 'none');
    mkdirSync(none);
    writeFileSync(join(none, 'notes.txt'), 'nothing');
    const empty = await choose(none, '.message');
    expect(await empty.page.textContent('.message')).toMatch(/^No run and no sweep among these files/);
    await ended(empty);
  });

  test('an inventory of 100,000 machines is counted, not drawn, and freezes nothing', async () => {
    writeFileSync(join(base, 'inventory.yaml'), inventory);
    made(['run', join(base, 'inventory.yaml'), '--out', join(base, 'large/inventory'), '--quiet']);
    const opened = await choose(join(base, 'large'), 'svg[aria-label="machines by share of time busy"]');
    expect(await opened.page.textContent('.message')).toMatch(
      /has 100,000 machines: they are counted here, not drawn one by one/,
    );
    expect(await opened.page.locator('svg[aria-label="machines by share of time busy"] rect').count()).toBeLessThan(50);
    await ended(opened);
  });
});
