/** What explain, report and costs say of a run whose pool buys its supply in an auction, held against the run's tables. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { explainCommand, readableExplanation } from '../../lab/commands/explain.ts';
import { readRun } from '../../lab/report/data.ts';
import { divisionOf } from '../../lab/report/division.ts';
import { longestWaits } from '../../lab/report/waits.ts';
import { readColumns } from '../../lab/rundir/columns.ts';
import { readManifest } from '../../lab/rundir/reader.ts';
import { janctionInside, scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
const run = join(dir, 'run');
let text = '';
beforeAll(async () => {
  const set = [
    'horizon=30 hour',
    'scheduling.queueing=easy',
    'demand.personas.1.arrivals.rate=60 jobs/hour',
    'failures.groups={}',
  ];
  const args = ['run', 'scenarios/pvcg-week/scenario.yaml', ...set.flatMap((s) => ['--set', s]), '--out', run];
  const done = await janctionInside([...args, '--quiet']);
  expect(done.code, done.err).toBe(0);
  text = done.out;
});
afterAll(remove);

test('run: costs are drawn as the scenario says; there is no trace that could have said them', () => {
  expect(text).toContain('\nDrawn, as the scenario says\n  costs of providers of rtx-3080');
  expect(text).not.toContain('trace');
});

test('explain: idle GPUs that the pool did not buy are neither busy nor free', async () => {
  const data = await readRun(run);
  const of = new Map(data.scenario.market.nodes.map((n) => [n.id, data.scenario.market.classes[n.gpuClass]!.name]));
  const p = data.placements;
  const leased = (at: number, gpuClass: string): number => {
    let gpus = 0;
    for (let i = 0; i < p.rows; i++)
      if (p.start_us[i]! <= at && p.end_us[i]! > at && of.get(p.node[i]!) === gpuClass)
        gpus += p.gpus[i]!.split('+').length;
    return gpus;
  };
  let unbought = 0;
  const early = longestWaits(data, 200).filter((w) => w.startUs < data.endUs - 6 * 3.6e9);
  expect(early.length).toBeGreaterThan(20);
  for (const w of early.filter((_, i) => i % 8 === 0)) {
    const e = explainCommand(run, w.job);
    const pass = e.wait.firstPass!;
    // Nothing fails, so all twenty are up; what the pass itself started runs a moment later.
    const inUse = leased(pass.timeUs + 1e6, e.asked.classes[0]!);
    expect(inUse + pass.freeGpus + pass.notBoughtGpus, `job ${w.job}`).toBe(20);
    const codes = e.wait.byReason.map((r) => r.code);
    if (codes.includes('not-bought')) {
      unbought++;
      expect(readableExplanation(e)).toContain('its pool had not bought them in its supply auction');
    }
    // A machine that stays unbought over a clearing is promised for the next one, not for the one that is over.
    expect(e.wait.policy!.about).not.toMatch(/ 0 s from now/);
  }
  expect(unbought).toBeGreaterThan(3);
});

test('report: charges are divided by the awards, and the longest waits say what was not bought', async () => {
  expect((await janctionInside(['report', run, '--quiet'])).code).toBe(0);
  const page = readFileSync(join(run, 'report.html'), 'utf8');
  expect(page).toContain('by the awards of the supply auction: suppliers get their pay for metered use, the treasury');
  expect(page).not.toContain('providers 85 %');
  const { market } = readManifest(run).scenario;
  const posted = { ...market, pools: market.pools.map(({ supply: _, ...rest }) => rest) };
  expect(divisionOf(posted)).toEqual([
    expect.stringMatching(/^providers [\d.]+ %, stakers [\d.]+ %, aggregator [\d.]+ %, verifiers [\d.]+ %, treasury/),
  ]);
  const mixed = divisionOf({ ...market, pools: [...posted.pools, { ...market.pools[0]!, id: 'auction' }] });
  expect(mixed).toEqual([expect.stringMatching(/^main: providers/), expect.stringMatching(/^auction: by the awards/)]);
  const pool = market.pools[0]!;
  const withFee = (feeBase: 'residual' | 'gross', feeBps: number) =>
    divisionOf({ ...market, pools: [{ ...pool, supply: { ...pool.supply!, feeBase, feeBps } }] })[0];
  expect(withFee('gross', 500)).toContain('metered use less 5 % of it as a fee, the treasury the rest');
  expect(withFee('residual', 10_000)).toContain('aggregators and verifiers get nothing');
  expect(withFee('residual', 2_500)).toContain(
    'the treasury has 25 % and the aggregator 75 %; billing.shares does not',
  );
  for (const w of longestWaits(await readRun(run), 5))
    expect(w.noRoom + w.notBought + w.scattered + w.queueOrder).toBeCloseTo(1, 9);
});

test('costs: what private costs were drawn is what use cost', async () => {
  const done = await janctionInside(['costs', run, '--json']);
  expect(done.code, done.err).toBe(0);
  const { classes } = JSON.parse(done.out) as { classes: { providersCost: string }[] };
  const cost = classes.reduce((n, c) => n + Number(c.providersCost), 0) / 1e6;
  const { result } = readManifest(run);
  // From the run's own account: what providers got less their profit, of leases that are over.
  const own = Number(result.money.providers) / 1e6 - result.economics.providerProfit!;
  const busy = await readColumns(run, 'devices', ['busy_milli_us']);
  const { placements: p } = await readRun(run);
  let hours = busy.busy_milli_us.reduce((a, b) => a + b, 0) / 3.6e12;
  for (let i = 0; i < p.rows; i++)
    hours -= (p.gpu_milli[i]! * p.gpus[i]!.split('+').length * (p.end_us[i]! - p.start_us[i]!)) / 3.6e12;
  // What still runs costs between 0.03 and 0.4 USD an hour; each machine's cost is rounded down by itself.
  expect(hours).toBeGreaterThan(0);
  expect(own).toBeGreaterThan(20);
  expect(cost - own).toBeGreaterThan(hours * 0.03 - 1e-4);
  expect(cost - own).toBeLessThan(hours * 0.4 + 1e-4);
});
