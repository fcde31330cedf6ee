/** The simulated 90 days: every law after every step, and what the scenario must have been through for that to mean anything. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { assignDevices } from '../../lab/execution/plan.ts';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { finishRun, prepareRun } from '../../sim/run.ts';
import { auditInput } from '../support/audit.ts';
import { root } from '../support/cli.ts';
import { Rows } from '../support/market.ts';

const file = 'scenarios/stake-90-days/scenario.yaml';
const scenario = resolveScenario(readFileSync(join(root, file)), file);

test('90 days of elections, slashes, an appeal and a failed aggregator break no law, and the auditor agrees', () => {
  const journal: Uint8Array[] = [];
  const rows = new Rows();
  const run = prepareRun(scenario, {
    registry: shipped,
    checkEveryEvent: true,
    onJournal: (b) => journal.push(b.slice()),
    watch: rows,
  });
  const { stake, invariants } = finishRun(run);
  expect(invariants.violations).toBe(0);
  expect(stake!.elections).toBeGreaterThanOrEqual(90);
  expect(stake!.changedCommittees).toBeGreaterThanOrEqual(5);
  expect(stake!.failedSeats).toBeGreaterThanOrEqual(1);
  expect(stake!.slashes).toBeGreaterThanOrEqual(20);
  expect(stake!.slashesOfUnbonding).toBeGreaterThanOrEqual(3);
  expect(stake!.reversed).toBeGreaterThanOrEqual(1);
  expect(auditIndependently(auditInput(rows, Buffer.concat(journal))).difference).toBeNull();
});

test('an execution refuses stake that only the simulator can act out', () => {
  expect(() => assignDevices(scenario, [])).toThrow(/^stake\.rules: .* simulated only/);
});
