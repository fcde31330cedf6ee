/** What stakers are paid from in a market that buys supply by pVCG: four pots, their sums, the auditor's opinion, and who can move them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { finishRun, prepareRun } from '../../sim/run.ts';
import { auditInput } from '../support/audit.ts';
import { root } from '../support/cli.ts';
import { Rows } from '../support/market.ts';

const file = 'scenarios/pvcg-week/scenario.yaml';
const text = readFileSync(join(root, file), 'utf8');
const staked = (pot: string) => `${text}
stake:
  rules: { epoch: 6 hour, minBond: 1 JCT${pot} }
  resources:
    - { staker: fund, group: farm, amount: 300 JCT }
    - { staker: friend, provider: farm-003, amount: 900 JCT }
    - { pledge: true, group: gamers, amount: 100 JCT }
  stakers:
    - { name: fund, bonded: 10 JCT, nominates: [main] }
`;

function run(
  pot: string,
  over: { sets?: string[]; ask?: (node: number, cost: number) => number; horizon?: string } = {},
) {
  const scenario = resolveScenario(Buffer.from(staked(pot)), file, [
    `horizon=${over.horizon ?? '2 day'}`,
    ...(over.sets ?? ['failures.groups={}']),
  ]);
  const rows = new Rows();
  const journal: Uint8Array[] = [];
  const json = finishRun(
    prepareRun(scenario, {
      registry: shipped,
      watch: rows,
      checkEveryEvent: over.sets === undefined,
      onJournal: (b) => journal.push(b.slice()),
      ...(over.ask === undefined ? {} : { ask: over.ask }),
    }),
  );
  expect(auditIndependently(auditInput(rows, Buffer.concat(journal))).difference).toBeNull();
  const paid = (reason: string, credit = '') =>
    rows
      .of('transfers')
      .filter((t) => t.reason === reason && t.credit.startsWith(credit))
      .reduce((n, t) => n + t.amount_micro, 0n);
  return { scenario, rows, json, paid };
}

const within = (x: bigint, want: number, slack: number) =>
  expect(Math.abs(Number(x) - want)).toBeLessThanOrEqual(slack);

describe('pots under an auction', () => {
  const plain = run('');

  test('without a pot stakers get nothing, and the rest is the treasury’s', () => {
    expect([plain.paid('staker-share'), plain.paid('staker-residual')]).toEqual([0n, 0n]);
    expect(plain.paid('supply-rest')).toBeGreaterThan(0n);
  });

  test('gross: a share of each payment, for those who staked on that supplier', () => {
    const x = run(', pot: { base: gross, share: 20 % }');
    const all = x.paid('supply-payment') + x.paid('staker-share', 'staker-pot');
    expect(all).toBe(plain.paid('supply-payment'));
    within(x.paid('staker-share', 'staker-pot'), Number(all) * 0.2, 500);
    // Each of the gamers backs itself alone.
    const gamer = x.rows
      .of('transfers')
      .filter((t) => t.credit === 'staker:gamers-001')
      .map((t) => t.amount_micro);
    const work = x.paid('supply-payment', 'provider:gamers-001');
    within(
      gamer.reduce((a, b) => a + b, 0n),
      Number(work) * 0.25,
      50,
    );
  });

  test('surplus: the same share of what lies above the asks', () => {
    const x = run(', pot: { base: surplus, share: 20 % }');
    const asked = x.rows
      .of('placements')
      .filter((p) => p.charge_micro > 0n)
      .reduce((n, p) => {
        const node = x.scenario.market.nodes.findIndex((m) => m.id === p.node);
        const ask = x.rows.of('supply').find((s) => s.node === p.node)!.ask_micro_per_gpu_hour;
        expect(node).toBeGreaterThanOrEqual(0);
        return n + (ask * p.gpu_milli * p.gpus.split('+').length * (p.end_us - p.start_us)) / 3.6e12;
      }, 0);
    const pays = Number(plain.paid('supply-payment'));
    within(x.paid('staker-share', 'staker-pot'), (pays - asked) * 0.2, 2000);
  });

  test('residual: a share of what no award claims, for all stakes by weight', () => {
    const x = run(', pot: { base: residual, share: 50 % }');
    within(x.paid('staker-residual'), Number(plain.paid('supply-rest')) * 0.5, 200);
    expect(x.paid('staker-residual') + x.paid('supply-rest')).toBe(plain.paid('supply-rest'));
    const friend = Number(x.paid('staker-residual', 'staker:friend'));
    const fund = Number(x.paid('staker-residual', 'staker:fund'));
    expect(friend / fund).toBeCloseTo(900 / 3000, 2);
  });

  test('leave-one-out: no more than there is, nothing to whoever backs a whole class', () => {
    const x = run(', pot: { base: leave-one-out, share: 50 % }');
    expect(x.paid('staker-residual', 'staker:friend')).toBeGreaterThan(0n);
    expect(x.paid('staker-residual') + x.paid('supply-rest')).toBe(plain.paid('supply-rest'));
    // The fund backs every supplier of one class and none of the other: what that leaves is the other class alone.
    expect(x.paid('staker-residual')).toBeLessThan(plain.paid('supply-rest'));
  });
});

describe('a supplier with a stake on itself', () => {
  const names = resolveScenario(Buffer.from(staked('')), file).market.nodes.map((n) => n.provider);
  const seen = new Map<string, bigint[]>();
  for (const base of ['residual', 'leave-one-out'])
    for (const factor of [0.2, 1, 3]) {
      // What comes of the second clearing, the first with jobs in it: later ones also see what the asks have done to the queue.
      const x = run(`, pot: { base: ${base}, share: 20 % }`, {
        horizon: '2 hour',
        ask: (node, cost) => (names[node] === 'gamers-001' ? cost * factor : cost),
      });
      const paid = x.paid('staker-residual', 'staker:gamers-001');
      seen.set(base, [...(seen.get(base) ?? []), paid]);
    }

  test('moves a share of the residual by its ask', () => {
    expect(new Set(seen.get('residual')).size).toBeGreaterThan(1);
  });

  test('does not move what is left without it', () => {
    const paid = seen.get('leave-one-out')!;
    expect(paid[0]).toBeGreaterThan(0n);
    expect(new Set(paid).size).toBe(1);
  });
});

describe('contribution as quality', () => {
  test('whoever fails or lies sells less and for less, and nobody is paid more than users pay', () => {
    const failing = ['failures.groups={gamers: {mtbf: 4 hour, repair: 2 hour}}', 'stake.rules.epoch=2 hour'];
    const cheats = [
      'failures.groups={}',
      'stake.rules.epoch=2 hour',
      'verification={audit: 100 %, cheats: [{group: gamers, share: 50 %}]}',
      'stake.rules.slash=1 %',
    ];
    for (const sets of [failing, cheats]) {
      const sold = (rule: string) => {
        const x = run(rule, { sets });
        const gamers = x.rows.of('supply').filter((s) => s.provider.startsWith('gamers'));
        for (const s of gamers) expect(s.pay_micro_per_hour).toBeLessThanOrEqual(150_000 * s.supplier_gpus);
        // Nobody who tells the truth loses by an award: it is paid its ask at least, to the rounding of the last one bought.
        for (const s of gamers)
          if (s.supplier_gpus > 0)
            expect(s.pay_micro_per_hour).toBeGreaterThanOrEqual(s.ask_micro_per_gpu_hour * s.supplier_gpus - 2);
        return { pay: Number(x.paid('supply-payment', 'provider:gamers')), offered: gamers.length };
      };
      const plain = sold('');
      const weighed = sold(', quality: true');
      expect(weighed.offered).toBeGreaterThan(100);
      expect(weighed.pay).toBeLessThan(plain.pay);
    }
  });

  test('effective units: half the quality is half the capacity at twice the cost', () => {
    const auction = shipped.pricing('pvcg', { rates: { a: 100 } }, ['a']);
    const market = (q1: number | undefined, q2: number | undefined) =>
      auction.award!({
        gpuClass: 0,
        name: 'a',
        demand: [{ rateMicro: 100, gpus: 2 }],
        offers: [
          { supplier: 'x', gpus: 2, askMicro: 30, ...(q1 === undefined ? {} : { qualityMilli: q1 }) },
          { supplier: 'y', gpus: 2, askMicro: 40, ...(q2 === undefined ? {} : { qualityMilli: q2 }) },
        ],
      });
    expect(market(undefined, undefined)).toEqual({ gpus: [2, 0], payMicro: [80, 0] });
    expect(market(1000, 1000)).toEqual(market(undefined, undefined));
    // x at 60 per effective unit: y is cheaper, fills the demand, and is paid what x would have saved: x has one unit, at 60.
    expect(market(500, 1000)).toEqual({ gpus: [0, 2], payMicro: [0, 160] });
  });
});
