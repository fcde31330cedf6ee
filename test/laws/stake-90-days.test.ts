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
