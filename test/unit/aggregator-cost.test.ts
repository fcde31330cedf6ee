/** What running a pool costs its aggregator, worked by hand, and what a market makes of it: the commission that covers it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Row } from '../../core/record/schema.ts';
import { HOUR_US } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { finishRun, prepareRun } from '../../sim/run.ts';
import { AggregatorBooks, breakEvenBps, costOf } from '../../sim/world/aggregator-books.ts';
import { root } from '../support/cli.ts';
import { config, node, pool, Rows } from '../support/market.ts';

const file = 'scenarios/captured-committee/scenario.yaml';
const text = readFileSync(join(root, file));

test('cost and break-even commission by hand', () => {
  const cost = { seatMicroPerHour: 500_000, gpuMicroPerGpuHour: 20_000 };
  // 24 h with a seat: 12 USD; 10.5 GPU-hours: 0.21 USD.
  expect(costOf(cost, { seatUs: 24 * HOUR_US, milliUs: 10_500n * BigInt(HOUR_US) })).toBe(12_210_000n);
  // One microsecond of a seat costs 0.000139 micro-units, rounded up.
  expect(costOf(cost, { seatUs: 1, milliUs: 0n })).toBe(1n);
  // 12.21 of 40 USD = 30.525 %, so 3053 of 10,000: a floor, never below what covers it.
  expect(breakEvenBps(12_210_000n, 40_000_000n)).toBe(3053);
  expect((40_000_000n * 3052n) / 10_000n).toBeLessThan(12_210_000n);
  expect(breakEvenBps(41_000_000n, 40_000_000n)).toBe(10_000);
  expect(breakEvenBps(0n, 40_000_000n)).toBe(0);
  expect(breakEvenBps(5n, 0n)).toBeNull();
});

test('books of an epoch by hand: a seat by its own figures, a rival by those of the mean seat', () => {
  const market = config({
    pools: [pool('east'), pool('west'), pool('rival')],
    nodes: [node('e', { pool: 0 }), node('w', { pool: 1 })],
  });
  const books = new AggregatorBooks(market);
  const usd = market.currencies[0]!.code;
  const pay = (from: string, reason: string, amount: bigint) =>
    books.row('transfers', {
      debit: `revenue:${from}`,
      credit: 'staker-pot',
      reason,
      currency: usd,
      amount_micro: amount,
    } as Row<'transfers'>);
  const ran = (where: string, hours: number) => {
    const at = { pool: where, gpu_milli: 500, gpus: '0+1', start_us: 5, end_us: 5 + hours * HOUR_US };
    books.row('placements', at as Row<'placements'>);
  };
  const elect = (epoch: number, hour: number, seats: Record<string, number>) => {
    for (const [p, seat] of Object.entries(seats)) {
      const row = { epoch, time_us: hour * HOUR_US, occasion: 'epoch', pool: p, voter: '', seat };
      books.row('elections', row as Row<'elections'>);
    }
  };
  const cost = { seatMicroPerHour: 100_000, gpuMicroPerGpuHour: 50_000 };
  expect(books.floorBps(0, cost)).toBeNull();
  ran('east', 8);
  ran('west', 2);
  pay('east', 'aggregator-share', 1_000_000n);
  pay('east', 'backer-share', 3_000_000n);
  pay('west', 'aggregator-share', 6_000_000n);
  pay('west', 'treasury-share', 9_000_000n);
  const paid = {
    debit: 'staker-pot',
    credit: 'staker:s',
    reason: 'backer-share',
    currency: usd,
    amount_micro: 3_000_000n,
  };
  books.row('transfers', paid as Row<'transfers'>);
  elect(1, 10, { east: 0, west: -1, rival: 1 });
  // east: (10 h x 0.1 + 8 GPU-h x 0.05) / 4 USD; west: (1 + 0.1) / 6; mean seat: (2 + 0.5) / 10.
  expect([0, 1, 2].map((p) => books.floorBps(p, cost))).toEqual([3500, 1834, 2500]);
  // What follows counts for the epoch after, and a failure hands the seat on within it.
  pay('rival', 'aggregator-share', 2_000_000n);
  books.row('elections', {
    epoch: 1,
    time_us: 14 * HOUR_US,
    occasion: 'failure',
    pool: 'rival',
    voter: '',
    seat: -1,
  } as Row<'elections'>);
  const kept = new AggregatorBooks(market);
  kept.restore(structuredClone(books.snapshot()));
  expect(books.floorBps(2, cost)).toBe(2500);
  elect(2, 20, { east: 0, west: 1, rival: -1 });
  expect(books.floorBps(2, cost)).toBe(2000);
  expect(books.totals(25 * HOUR_US).map((t) => t.seatUs / HOUR_US)).toEqual([25, 15, 4]);
  expect(books.totals(25 * HOUR_US)[0]).toMatchObject({
    milliUs: 8000n * BigInt(HOUR_US),
    share: [4_000_000n, 0n],
    earned: [1_000_000n, 0n],
  });
  // A copy of the books goes on alike.
  expect(kept.floorBps(2, cost)).toBe(2500);
  expect(kept.totals(15 * HOUR_US).map((t) => t.seatUs / HOUR_US)).toEqual([15, 10, 4]);
});

const DAY_US = 24 * HOUR_US;

/** Four aggregators for one seat, voters that go where least is kept: who sits asks 2 points more in each epoch, who does not 2 less. */
function market(cost: string, raises = '2 %') {
  const pools = ['home', 'rival-1', 'rival-2', 'rival-3'];
  const aggregators = pools.map((p) => `{pool: ${p}, commission: 20 %, least: 1 %, raises: ${raises}, cost: ${cost}}`);
  const scenario = resolveScenario(text, file, [
    'horizon=25 day',
    `fleet.pools=[${pools.map((p) => `{name: ${p}, aggregator: ${p}-ops}`).join(', ')}]`,
    'fleet.groups.farm.pool=home',
    'demand.personas.render.pools=[home]',
    `stake.aggregators=[${aggregators.join(', ')}]`,
    'stake.stakers=[{name: holder, count: 3, bonded: 500 JCT, nominates: [home], votes: commission-seeking, choices: 1}]',
  ]);
  const rows = new Rows();
  const run = finishRun(prepareRun(scenario, { registry: shipped, watch: rows }));
  return { run, rows, stake: run.stake! };
}

/**
 * By how much each commission at the elections from the second on lies above what would have covered 24 hours of a seat at 0.06 USD/hour in
 * the last day whose money was divided, from the rows alone; basis points.
 */
function excess(rows: Rows): number[] {
  const share = new Map<string, bigint>();
  for (const t of rows.of('transfers')) {
    if (!/^(aggregator|backer)-share$/.test(t.reason) || !t.debit.startsWith('revenue:')) continue;
    for (const who of [t.debit.slice('revenue:'.length), 'all']) {
      const key = `${who} ${Math.ceil(t.time_us / DAY_US)}`;
      share.set(key, (share.get(key) ?? 0n) + t.amount_micro);
    }
  }
  const asked = rows.of('elections').filter((e) => e.voter === '');
  const sat = new Set([
    'home 1',
    ...asked.filter((e) => e.seat >= 0).map((e) => `${e.pool} ${e.time_us / DAY_US + 1}`),
  ]);
  const over: number[] = [];
  for (const e of asked) {
    const day = e.time_us / DAY_US - 1;
    // At the horizon itself nobody acts any more.
    if (day < 1 || e.time_us === 25 * DAY_US) continue;
    const least = Math.ceil(
      (60_000 * 24 * 10_000) / Number(share.get(`${sat.has(`${e.pool} ${day}`) ? e.pool : 'all'} ${day}`)),
    );
    over.push(e.commission_bps - least);
  }
  return over;
}

test('commission falls by competition, and rises to what covers a cost where there is one', () => {
  const free = market('{}');
  const dear = market('{seat: 0.06 USD/hour}');
  for (const { run, rows, stake } of [free, dear]) {
    const all = Object.values(stake.aggregators);
    expect(stake.aggregatorProfit).toBeCloseTo(
      all.reduce((n, a) => n + a.profit, 0),
      9,
    );
    // A private cost: what the ledger says of aggregators is what they earned before it.
    expect(all.reduce((n, a) => n + a.earned, 0)).toBeCloseTo(Number(run.money.aggregators) / 1e6, 9);
    expect(all.reduce((n, a) => n + a.seatHours, 0)).toBe(25 * 24);
    expect(rows.of('transfers').some((t) => t.debit.startsWith('aggregator:'))).toBe(false);
  }
  const spent = Object.values(dear.stake.aggregators).reduce((n, a) => n + a.cost, 0);
  expect(spent).toBeCloseTo(25 * 24 * 0.06, 9);

  const bounds = excess(dear.rows);
  // It is the cost that holds it up, and once volume grows competition takes it down again.
  expect(bounds.filter((x) => x < 0)).toEqual([]);
  expect(bounds.filter((x) => x === 0).length).toBeGreaterThan(20);
  const seats = dear.rows.of('elections').filter((e) => e.voter === '' && e.seat >= 0);
  const winners = seats.map((e) => e.commission_bps);
  expect(Math.max(...winners)).toBeGreaterThan(winners.at(-1)!);
  for (const { stake } of [free, dear]) expect(stake.commission!.first).toBe(0.18);
  expect(free.stake.commission!.last).toBeLessThan(0.05);
  expect(dear.stake.commission!.last).toBeGreaterThan(0.4);
  expect(dear.stake.aggregatorProfit).toBeGreaterThan(0);
  // Who does not try for more asks what it must, up and down.
  const calm = excess(market('{seat: 0.06 USD/hour}', '0 %').rows);
  expect(calm).toHaveLength(bounds.length);
  expect(calm.every((x) => x === 0)).toBe(true);
});

test.each<[string, RegExp]>([
  ['{pool: cartel-1, cost: {seat: 3}}', /no unit; write a price such as/],
  ['{pool: cartel-1, cost: {seat: -1 USD/hour}}', /negative|below/],
  ['{pool: cartel-1, cost: {seat: 1 JCT}}', /price/],
  ['{pool: cartel-1, cost: {power: 1 USD/hour}}', /power/],
  ['{pool: cartel-1, cost: 1 USD/hour}', /cost/],
  ['{pool: cartel-1, commission: 5 %, least: 6 %}', /above its commission/],
])('an aggregator %s is refused in one line', (entry, message) => {
  let said = '';
  try {
    resolveScenario(text, file, [`stake.aggregators=[${entry}]`]);
  } catch (e) {
    said = (e as Error).message;
  }
  expect(said).toMatch(message);
  expect(said.split('\n')).toHaveLength(1);
});
