/** What the scenarios of the network claim, on a few pairs of runs each; their READMEs give intervals from many. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { runScenario } from '../../sim/run.ts';
import type { RunJson } from '../../sim/summary.ts';
import { root } from '../support/cli.ts';

const run = (file: string, replication: number, sets: string[], checkEveryEvent = false): RunJson => {
  const path = `scenarios/${file}`;
  const scenario = resolveScenario(readFileSync(join(root, path)), path, sets);
  return runScenario(scenario, { registry: shipped, replication, checkEveryEvent });
};

/** Mean paired difference B - A over replications 0 to n-1. */
function difference(n: number, a: [string, ...string[]], b: [string, ...string[]], of: (r: RunJson) => number): number {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += of(run(b[0], k, b.slice(1))) - of(run(a[0], k, a.slice(1)));
  return sum / n;
}

describe('scenarios of the network', () => {
  for (const name of [
    'partition-heals/scenario',
    'ghost-capacity/scenario',
    'head-of-line/scenario',
    'dead-counterparty/scenario',
    'settlement-lag/scenario',
    'churn-storm/scenario',
    'churn-storm/spread',
  ])
    test(`${name} breaks no law after any event`, () => {
      // A shorter run, past what the scenario is about; the whole of it is what its README tells to run.
      const hours = name.startsWith('churn')
        ? 26
        : name.startsWith('partition')
          ? 20
          : name.startsWith('dead')
            ? 28
            : 10;
      const sets = [`horizon=${hours} hour`, ...(name.startsWith('head') ? ['scheduling.stealing={}'] : [])];
      const { invariants, network, jobs } = run(`${name}.yaml`, 0, sets, true);
      expect(invariants.violations).toBe(0);
      expect(invariants.checks).toBeGreaterThan(10_000);
      expect(network!.packets.sent).toBeGreaterThan(1_000);
      expect(jobs.completed).toBeGreaterThan(100);
    });

  test('settlement-lag: the median wait grows by four lags', () => {
    const file = 'settlement-lag/scenario.yaml';
    const more = difference(1, [file], [file, 'network.latency.far=6 second'], (r) => r.waitSeconds.p50);
    expect(Math.abs(more - 24)).toBeLessThan(0.01);
  });

  test('dead-counterparty: with a takeover hardly anybody waits for the dead', () => {
    const file = 'dead-counterparty/scenario.yaml';
    const fewer = difference(2, [file, 'network.takeover='], [file], (r) => r.jobs.pending);
    expect(fewer).toBeLessThan(-15);
  });

  test('churn-storm: spreading restarts loses more work', () => {
    const lost = (r: RunJson) => r.failures.lostGpuHours;
    expect(difference(2, ['churn-storm/scenario.yaml'], ['churn-storm/spread.yaml'], lost)).toBeGreaterThan(30);
  });

  test('head-of-line: idle pools take work, and jobs wait less', () => {
    const file = 'head-of-line/scenario.yaml';
    const less = difference(3, [file], [file, 'scheduling.stealing={}'], (r) => r.waitSeconds.mean);
    expect(less).toBeLessThan(0);
  });
});
