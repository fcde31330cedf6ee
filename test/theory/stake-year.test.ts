/**
 * Rewards that compound, in the running market with common random numbers: concentration under each weight rule, lotteries against
 * proportional rewards, what a Sybil gains, F1 against payment at every epoch, saturation, vesting and the price of the token.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ratParse, studentQuantile } from '../../core/num/index.ts';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { shipped } from '../../mechanisms/index.ts';
import { maxPool, sybilShare, type WeightRule } from '../../mechanisms/rewards/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { finishRun, prepareRun } from '../../sim/run.ts';
import { TokenPrice } from '../../sim/world/token.ts';
import { auditInput } from '../support/audit.ts';
import { root } from '../support/cli.ts';
import { Rows } from '../support/market.ts';

const file = 'scenarios/stake-year/scenario.yaml';
const text = readFileSync(join(root, file), 'utf8');

function run(sets: readonly string[], yaml = text, audit = false) {
  const rows = new Rows();
  const journal: Uint8Array[] = [];
  const scenario = resolveScenario(Buffer.from(yaml), file, sets);
  const json = finishRun(
    prepareRun(scenario, {
      registry: shipped,
      watch: rows,
      ...(audit ? { onJournal: (b: Uint8Array) => journal.push(b.slice()) } : {}),
    }),
  );
  if (audit) expect(auditIndependently(auditInput(rows, Buffer.concat(journal))).difference).toBeNull();
  const balance = new Map(
    rows.of('accounts').map((a) => [`${a.account} ${a.currency}`, a.credits_posted_micro - a.debits_posted_micro]),
  );
  const of = (pattern: RegExp) => [...balance].filter(([k]) => pattern.test(k)).reduce((n, [, v]) => n + v, 0n);
  return { json, of, holders: json.stake!.holders };
}

const START = [10000, 5000, 3333, 2500, 2000, 1667, 1429, 1250, 1111, 1000, 909, 833].map(
  (x) => BigInt(x) * 1_000_000n,
);
const TOTAL = START.reduce((a, b) => a + b, 0n);
const YEAR = 365n * 17_000_000n;

describe('a year of emission that compounds', () => {
  test('linear keeps every share, to the rounding of a day’s division', () => {
    const { of, json } = run([], text, true);
    START.forEach((s, i) => {
      const want = s + (s * YEAR) / TOTAL;
      const got = of(new RegExp(`^bonded:rank-${i + 1}@`));
      expect(Math.abs(Number(got - want)), `rank-${i + 1}`).toBeLessThanOrEqual(366 + Number(want) * 1e-9);
    });
    // A fifth in tokens, and the stakers’ share of revenue on top.
    const usd = Number(json.money.stakers) / 1e6 / 0.1 / (Number(TOTAL) / 1e6 + 12);
    expect(json.economics.stakerYield).toBeCloseTo(Number(YEAR) / (Number(TOTAL) + 12e6) + usd, 5);
    expect(json.moneyJct.memo.subsidy).toBe(String(YEAR));
  });

  test('sqrt makes roots grow alike; a cap pays all above it alike; locks move stake to those who lock', () => {
    const roots = START.map((s) => Math.sqrt(Number(s)));
    const sum = roots.reduce((a, b) => a + b, 0);
    const c = (-sum + Math.sqrt(sum * sum + START.length * Number(YEAR))) / START.length;
    const sqrt = run(['stake.rules.weight=sqrt']);
    roots.forEach((r, i) => {
      const got = Number(sqrt.of(new RegExp(`^bonded:rank-${i + 1}@`)));
      // In continuous time; a day's step is 1/2,000 of it.
      expect(Math.abs(got / ((r + c) * (r + c)) - 1), `rank-${i + 1}`).toBeLessThan(1e-3);
    });
    const capped = run(['stake.rules.weight={name: capped, cap: 800 JCT}']);
    START.forEach((s, i) => {
      const got = Number(capped.of(new RegExp(`^bonded:rank-${i + 1}@`)));
      expect(Math.abs(got - Number(s + YEAR / 12n))).toBeLessThanOrEqual(366);
    });
    const locked = run(['stake.rules.weight={name: lock-weighted, maxLock: 730 day}'], text, true);
    for (let i = 0; i < 12; i++) {
      const got = locked.of(new RegExp(`^bonded:rank-${i + 1}@`)) - START[i]!;
      if (i % 2 === 0) expect(got).toBe(0n);
      else expect(got).toBeGreaterThan(0n);
    }
    const linear = run([]).holders.gini;
    expect(sqrt.holders.gini).toBeLessThan(linear);
    expect(capped.holders.gini).toBeLessThan(sqrt.holders.gini);
  });

  test('a lottery keeps the mean share and spreads it as Pólya’s urn does', () => {
    // A hundred draws of a twentieth of the stake at the start, in four days.
    const reward = 1551.6;
    const short = [
      'horizon=100 hour',
      'warmup=0 s',
      'stake.rules.epoch=1 hour',
      `stake.rules.emission.perEpoch=${reward} JCT`,
    ];
    const draws = 100;
    const runs = 60;
    const shares: number[] = [];
    for (let seed = 1; seed <= runs; seed++) {
      const { of, holders } = run([...short, `seed=${seed}`, 'stake.rules.emission.lottery=true'], text, seed === 1);
      shares.push(Number(of(/^bonded:rank-1@/)) / Number(BigInt(holders.bondedMicro) - 12_000_000n));
    }
    const p = Number(START[0]) / Number(TOTAL);
    const s0 = Number(TOTAL) / 1e6;
    const variance = (p * (1 - p) * reward * reward * draws) / ((s0 + reward) * (s0 + reward * draws));
    const t = studentQuantile(1 - 0.001 / 4, runs - 1);
    const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length;
    const half = (x: readonly number[]) =>
      t * Math.sqrt(x.reduce((a, v) => a + (v - mean(x)) ** 2, 0) / (x.length - 1) / x.length);
    expect(Math.abs(mean(shares) - p)).toBeLessThanOrEqual(half(shares));
    const squares = shares.map((x) => (x - p) * (x - p));
    expect(Math.abs(mean(squares) - variance)).toBeLessThanOrEqual(half(squares));
    // Proportional rewards do not move it at all.
    const even = run(short);
    expect(Number(even.of(/^bonded:rank-1@/)) / Number(BigInt(even.holders.bondedMicro) - 12_000_000n)).toBeCloseTo(
      p,
      6,
    );
  });
});

describe('posing as many', () => {
  const sybil = (m: number) => text.replace('amount: 10000 JCT', `amount: 10000 JCT, identities: ${m}`);
  const gain = (rule: string, m: number) => {
    const short = ['horizon=3 day', 'warmup=0 s', `stake.rules.weight=${rule}`];
    // No compounding: the shares are those of the first division, three times.
    const plain = sybil(m).replace(', compounds: true', '');
    return Number(run(short, plain, true).of(/^staker:rank-1(~\d+)? JCT$/)) / (3 * 17_000_000);
  };
  test.each<[string, WeightRule]>([
    ['linear', { rule: 'linear' }],
    ['sqrt', { rule: 'sqrt' }],
    ['{name: capped, cap: 800 JCT}', { rule: 'capped', cap: 800_000_000n }],
  ])('%s: the share is what the rule gives, whole and as eight', (written, rule) => {
    for (const m of [1, 8]) {
      const [mine, all] = sybilShare(rule, START[0]!, BigInt(m), START.slice(1));
      expect(gain(written, m)).toBeCloseTo(Number((mine * 1_000_000_000n) / all) / 1e9, 5);
    }
    if (rule.rule === 'linear') expect(gain(written, 8)).toBeCloseTo(gain(written, 1), 6);
    else expect(gain(written, 8)).toBeGreaterThan(1.5 * gain(written, 1));
  });
});

describe('ways to be paid', () => {
  test('F1 pays what payment at every epoch pays, but for less than a unit each time', () => {
    const short = ['horizon=60 day', 'stake.stakers.0.claims=7 day'];
    const epoch = run(['horizon=60 day'], text.replace(', compounds: true', ''), true);
    const f1 = run([...short, 'stake.rules.payout=f1'], text.replace(', compounds: true', ''), true);
    let dust = 0n;
    for (let i = 1; i <= 12; i++) {
      const name = new RegExp(`^staker:rank-${i} USD$`);
      const gap = epoch.of(name) - f1.of(name);
      // Largest remainder may give a unit a day that F1 keeps, and F1 a unit of those it kept.
      expect(Math.abs(Number(gap))).toBeLessThanOrEqual(61);
      dust += gap;
    }
    expect(f1.of(/^dust USD$/)).toBe(dust);
    expect(f1.of(/^staker-pot/)).toBe(0n);
  });

  test('saturation pays a provider Cardano’s reward, and more with a pledge', () => {
    const yaml = text
      .replace('providers: 1, gpus: 4', 'providers: 4, gpus: 1')
      .replace('  resources:\n', '  resources:\n    - { pledge: true, group: farm, amount: 3000 JCT }\n');
    const stakers = (a0: number, from = yaml) =>
      run(
        [
          'horizon=60 day',
          `stake.rules.saturation={pools: 4, influence: ${a0}}`,
          'stake.rules.emission.stakers=0 %',
          'billing.shares={provider: 90 %, staker: 5 %, treasury: 5 %}',
        ],
        from,
        true,
      );
    const none = stakers(0);
    const pledged = stakers(0.3);
    // All four are alike and saturated at a quarter of the stake each: whoever pledges all of it would get all of the pot.
    const sum = (x: ReturnType<typeof run>) => Number(x.json.money.stakers) / (Number(x.json.money.charged) * 0.05);
    expect(sum(none)).toBeGreaterThan(0.93);
    const share = ratParse('1/4');
    const pledge = ratParse(`3000/${4 * 3000 + 4 * 31032}`);
    const want = (Number(maxPool({ k: 4n, a0: ratParse('3/10') }, 1_000_000_000n, share, pledge)) * 4) / 1e9;
    expect(sum(pledged) / sum(none)).toBeCloseTo(want, 2);
  });

  test('what vests comes free evenly, at the ends of epochs', () => {
    const yaml = text.replace(
      'compounds: true }',
      'compounds: true, vesting: { amount: 100 JCT, from: 10 day, to: 30 day } }',
    );
    const at = (day: number) => run([`horizon=${day} day`], yaml, day === 21).of(/^free:rank-1 JCT$/);
    expect([at(10), at(21), at(40)]).toEqual([0n, 55_000_000n, 100_000_000n]);
  });
});

test('the price of the token: constant, with a drift, crashed, and as recorded', () => {
  const day = 86_400_000_000;
  const base = { priceMicro: 1_000_000, crash: null, volatility: 0, drift: 0, trace: [] };
  const after = (spec: ConstructorParameters<typeof TokenPrice>[0], days: number, seed = 1) => {
    const price = new TokenPrice(spec);
    const stream = new Streams(seed).get('token', 'price');
    for (let d = 1; d <= days; d++) price.move(d * day, day, stream);
    return price.micro;
  };
  expect(after(base, 100)).toBe(1_000_000);
  expect(after({ ...base, drift: 0.5 }, 365)).toBeCloseTo(1_000_000 * Math.exp(0.5), 3);
  expect(after({ ...base, crash: { atUs: 10 * day, left: 0.25 } }, 9)).toBe(1_000_000);
  expect(after({ ...base, crash: { atUs: 10 * day, left: 0.25 } }, 30)).toBe(250_000);
  const trace = [0, 5, 8].map((d, i) => ({ atUs: d * day, priceMicro: 100 + i }));
  expect([4, 5, 7, 8, 99].map((d) => after({ ...base, trace }, d))).toEqual([100, 101, 101, 102, 102]);
  // Volatility: the logarithm after a year is normal with that deviation.
  const logs = Array.from({ length: 400 }, (_, i) => Math.log(after({ ...base, volatility: 0.8 }, 365, i + 1) / 1e6));
  const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
  const sd = Math.sqrt(logs.reduce((a, x) => a + (x - mean) ** 2, 0) / (logs.length - 1));
  const t = studentQuantile(1 - 0.001 / 4, logs.length - 1);
  expect(Math.abs(mean)).toBeLessThanOrEqual((t * sd) / Math.sqrt(logs.length));
  expect(Math.abs(sd - 0.8)).toBeLessThanOrEqual((t * 0.8) / Math.sqrt(2 * logs.length));
});
