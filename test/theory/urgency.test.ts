import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadScenario } from '../../lab/load.ts';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import type { Urgency } from '../../scenarios/resolved.ts';
import { runScenario } from '../../sim/index.ts';
import { root } from '../support/cli.ts';

const HOUR = 3_600_000_000;
const base = resolveScenario(
  `
name: u
horizon: 1 day
fleet:
  classes: [{ name: k, memory: 1 GiB }]
  groups: [{ name: g, class: k }]
  processes: { start: 1 us, kill: 1 us }
demand:
  personas:
    - { name: p, arrivals: { rate: 1 job/hour }, work: { median: 1 hour }, value: { median: 1 USD/hour } }
pricing:
  rates: { k: 0.1 USD/hour }
`,
  'u.yaml',
);

/** Welfare of two jobs of an hour on one GPU, each worth 4 USD: the second waits for the first. Costs are nothing. */
function welfare(urgency?: Urgency): number {
  const arrivals = [1, 2].map((job) => ({
    timeUs: job,
    pool: 0,
    spec: {
      job,
      user: 'p-1',
      label: 'x',
      groups: [{ tasks: 1, gpus: 1, gpuMilli: 1000, gpuMemoryMiB: 0, cpuMilli: 0, ramMiB: 0 }],
      classes: [],
      bids: [],
      currency: 0,
      limitUs: 2 * HOUR,
      estimateUs: 2 * HOUR,
      patienceUs: 12 * HOUR,
      maxAttempts: 1,
      priority: 0,
    },
    workUs: HOUR,
    fails: false,
    valueMicro: 4_000_000,
    ...(urgency === undefined ? {} : { urgency }),
  }));
  const r = runScenario({ ...base, demand: { kind: 'list', arrivals } }, { registry: shipped });
  expect(r.jobs.completed).toBe(2);
  return r.economics.welfare!;
}

describe('worth that is lost by waiting', () => {
  test('not at all, by half in half an hour, gone past the deadline', () => {
    expect(welfare()).toBe(8);
    // An hour of waiting is two half-lives: 4 + 1.
    expect(welfare({ deadlineUs: 0, halfLifeUs: HOUR / 2 })).toBeCloseTo(5, 5);
    expect(welfare({ deadlineUs: 1.5 * HOUR, halfLifeUs: 0 })).toBe(4);
    expect(welfare({ deadlineUs: 2.1 * HOUR, halfLifeUs: 0 })).toBe(8);
    expect(welfare({ deadlineUs: HOUR / 2, halfLifeUs: HOUR })).toBe(0);
  });
});

test('the fifteen personas: each submits jobs, and every law holds', async () => {
  const s = await loadScenario(join(root, 'scenarios/personas/scenario.yaml'), ['horizon=18 hour'], 1);
  const names = s.demand.kind === 'personas' ? s.demand.personas.map((p) => p.name) : [];
  expect(names.length).toBe(15);
  const seen = new Set<string>();
  const r = runScenario(s, {
    registry: shipped,
    onChunk: (c) => {
      const column = c.columns.find((x) => x.name === 'workload_name');
      if (c.table === 'jobs') for (const name of column!.data) seen.add(String(name));
    },
  });
  expect([...seen].sort((a, b) => (a < b ? -1 : 1))).toEqual([...names].sort((a, b) => (a < b ? -1 : 1)));
  expect(r.invariants.violations).toBe(0);
  expect(r.economics.providerProfit).toBeGreaterThan(0);
});
