/** The simulated 90 days: every law after every step, and what the scenario must have been through for that to mean anything. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MechanismRegistry } from '../../core/interfaces.ts';
import { HOUR_US } from '../../core/types.ts';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { assignDevices } from '../../lab/execution/plan.ts';
import { shipped } from '../../mechanisms/index.ts';
import { type ResolvedScenario, resolveScenario } from '../../scenarios/index.ts';
import { finishRun, prepareRun } from '../../sim/run.ts';
import { auditInput } from '../support/audit.ts';
import { root } from '../support/cli.ts';
import { Rows } from '../support/market.ts';

const file = 'scenarios/stake-90-days/scenario.yaml';
const scenario = resolveScenario(readFileSync(join(root, file)), file);

test('90 days of elections, slashes, an appeal, a failed aggregator and a partition break no law, and the auditor agrees', () => {
  const journal: Uint8Array[] = [];
  const rows = new Rows();
  const run = prepareRun(scenario, {
    registry: shipped,
    checkEveryEvent: true,
    onJournal: (b) => journal.push(b.slice()),
    watch: rows,
  });
  const { stake, network, invariants } = finishRun(run);
  expect(invariants.violations).toBe(0);
  expect(stake!.elections).toBeGreaterThanOrEqual(90);
  expect(stake!.changedCommittees).toBeGreaterThanOrEqual(5);
  // The aggregator that fails, and the one that the chain could not hear.
  expect(stake!.failedSeats).toBeGreaterThanOrEqual(2);
  expect(network!.partitions).toBe(1);
  expect(network!.takeovers).toBe(1);
  expect(network!.packets.cut).toBeGreaterThan(100);
  expect(rows.of('network').map((n) => n.event)).toEqual(['partition', 'takeover', 'heal']);
  expect(stake!.slashes).toBeGreaterThanOrEqual(20);
  expect(stake!.slashesOfUnbonding).toBeGreaterThanOrEqual(3);
  expect(stake!.reversed).toBeGreaterThanOrEqual(1);
  expect(auditIndependently(auditInput(rows, Buffer.concat(journal))).difference).toBeNull();
});

test('voters and aggregators do as they are said to', () => {
  const rows = new Rows();
  finishRun(prepareRun(scenario, { registry: shipped, watch: rows }));
  const { pools } = scenario.market;
  const acts = rows.of('stakes').filter((x) => x.code === 'ok');
  /** Commission of each pool as it stands, and who sits, as the rows pass in order of time. */
  const commission = new Map(pools.map((p, i) => [p.id, scenario.market.staking!.commissionBps[i]!]));
  const floor = new Map(commission);
  const steps = new Map<string, number[]>();
  const looks = new Map<string, number>();
  const seats = rows.of('elections').filter((e) => e.voter === '' && e.seat >= 0);
  for (const x of acts) {
    if (x.act === 'commission') {
      const before = commission.get(x.pool)!;
      const last = seats.filter((e) => e.time_us < x.time_us).at(-1)?.time_us;
      const sits = seats.some((e) => e.time_us === last && e.pool === x.pool);
      // Before the first election whoever has machines sits.
      if (last !== undefined)
        steps.set(`${x.pool} ${sits}`, [...(steps.get(`${x.pool} ${sits}`) ?? []), Number(x.amount_micro) - before]);
      commission.set(x.pool, Number(x.amount_micro));
      expect(commission.get(x.pool)).toBeGreaterThanOrEqual(floor.get(x.pool)!);
    } else if (x.act === 'nominate') {
      looks.set(x.staker, (looks.get(x.staker) ?? 0) + 1);
      const chosen = x.pool.split('+');
      if (x.staker === 'guild') {
        // Commission-seeking: the two that keep least at that moment.
        const cheapest = [...commission.values()].sort((a, b) => a - b)[1]!;
        for (const p of chosen) expect(commission.get(p)).toBeLessThanOrEqual(cheapest);
      }
    }
  }
  // Who sits raises its commission by its step, who does not lowers it.
  for (const [who, list] of steps) expect(Math.sign(list[0]!), who).toBe(who.endsWith('true') ? 1 : -1);
  expect([...steps.keys()].filter((k) => k.startsWith('thrifty'))).toHaveLength(2);
  expect(looks.get('guild')).toBeGreaterThan(10);
  // Retrospective voters look when they turn out; the apathetic, the bribed and who votes for itself never change.
  expect([...looks.keys()].filter((v) => v.startsWith('holder-'))).toHaveLength(12);
  for (const v of looks.keys()) expect(v).not.toMatch(/^(sleeper|friend|nimble-ops|thrifty-ops)/);
  const backs = rows.of('elections').filter((e) => e.voter.startsWith('friend-'));
  expect(backs.length).toBeGreaterThan(50);
  expect(new Set(backs.map((e) => e.pool))).toEqual(new Set(['sluggish']));
});

/** Balances at the end, whatever the order of accounts. */
function balances(given: ResolvedScenario): string[] {
  const rows = new Rows();
  finishRun(prepareRun(given, { registry: shipped, watch: rows }));
  const net = rows
    .of('accounts')
    .map((a) => `${a.account} ${a.credits_posted_micro - a.debits_posted_micro} ${a.currency}`);
  return net.sort((a, b) => (a < b ? -1 : 1));
}

test('whatever order stakers, their stakes and voters are listed in, every balance is the same', () => {
  const { market, stakers } = scenario;
  const staking = { ...market.staking!, stakers: [...market.staking!.stakers].reverse() };
  const turned: ResolvedScenario = {
    ...scenario,
    market: { ...market, stakes: [...market.stakes].reverse(), staking },
    stakers: { ...stakers!, voters: [...stakers!.voters].reverse() },
  };
  expect(balances(turned)).toEqual(balances(scenario));
});

test('a weight that falls as stake rises is caught at once', () => {
  const bent: MechanismRegistry = {
    ...shipped,
    stakeWeight: () => ({ name: 'bent', weight: (stake) => 10n ** 18n / (stake + 1n) }),
  };
  const run = prepareRun({ ...scenario, horizonUs: 48 * HOUR_US }, { registry: bent, checkEveryEvent: true });
  expect(() => finishRun(run)).toThrow(/stake-weight-monotone.*would weigh less/s);
});

test('an execution refuses stake that only the simulator can act out', () => {
  expect(() => assignDevices(scenario, [])).toThrow(/^stake\.rules: .* simulated only/);
});
