/** The linear programs of the policy heterogeneity: against HiGHS, on Gavel's own throughputs, and in a market. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dataDir } from '../../lab/reproduce/study.ts';
import { highsSolver, type LinearProblem } from '../../lab/solver/linear.ts';
import { fairestParts, type Kind } from '../../mechanisms/queueing/lib/allocation.ts';
import { leastWorth, upperBound } from '../oracle/max-min-certificate.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { generator } from '../support/market.ts';

const least = (kinds: readonly Kind[], parts: readonly (readonly number[])[]): number =>
  Math.min(...kinds.map((k, i) => k.worth.reduce((sum, w, j) => sum + w * parts[i]![j]!, 0)));

function check(kinds: readonly Kind[], capacity: readonly number[], parts: readonly (readonly number[])[]): void {
  parts.forEach((row) => {
    expect(row.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(1 + 1e-6);
  });
  capacity.forEach((c, j) => {
    const used = kinds.reduce((sum, k, i) => sum + k.jobs * k.gpus * parts[i]![j]!, 0);
    expect(used).toBeLessThanOrEqual(c * (1 + 1e-6));
  });
}

test('the bound is reached where worths lie nine orders of magnitude apart', () => {
  // The six GPUs of the first kind, less what the second needs of them: 1.8e-9 / (1 + .285 / 6 x 1.8e-9 / 1.7e-7).
  const kinds: Kind[] = [
    { jobs: 1, gpus: 6, worth: [1.8e-9, 1.8e-9] },
    { jobs: 1, gpus: 0.285, worth: [0, 1.7e-7] },
    { jobs: 1, gpus: 0, worth: [0, 1e-8] },
    { jobs: 1, gpus: 0, worth: [1, 0] },
  ];
  const most = 1.8e-9 / (1 + ((0.285 / 6) * 1.8e-9) / 1.7e-7);
  expect(upperBound(kinds, [2, 6]) / most).toBeCloseTo(1, 6);
  expect(leastWorth(kinds, [2, 6], fairestParts(kinds, [2, 6])) / most).toBeCloseTo(1, 5);
});

/** The same program for HiGHS: variables parts by kind and class, then the least worth. */
function problem(kinds: readonly Kind[], capacity: readonly number[]): LinearProblem {
  const n = capacity.length;
  const at = (i: number, j: number) => i * n + j;
  const could = (k: Kind, j: number) => k.worth[j]! > 0 && capacity[j]! >= k.gpus;
  return {
    sense: 'max',
    variables: [
      ...kinds.flatMap((k) => capacity.map((_, j) => ({ objective: 0, low: 0, high: could(k, j) ? 1 : 0 }))),
      { objective: 1, low: 0 },
    ],
    rows: [
      ...kinds.map((_, i) => ({ terms: capacity.map((__, j) => [at(i, j), 1] as const), high: 1 })),
      ...kinds.map((k, i) => ({
        terms: [...k.worth.map((w, j) => [at(i, j), w] as const), [kinds.length * n, -1] as const],
        low: 0,
      })),
      ...capacity.map((c, j) => ({ terms: kinds.map((k, i) => [at(i, j), k.jobs * k.gpus] as const), high: c })),
    ],
  };
}

describe('the program', () => {
  test('has the optimum that HiGHS finds, on random jobs and classes', async () => {
    const highs = await highsSolver();
    if (highs === null) return expect(process.env['CI']).toBeUndefined();
    for (let seed = 1; seed <= 150; seed++) {
      const r = generator(seed);
      const below = (n: number) => Math.floor(r() * n);
      const capacity = Array.from({ length: 1 + below(4) }, () => 1 + below(16));
      const kinds = Array.from({ length: 1 + below(12) }, (): Kind => {
        const gpus = Math.min(Math.max(...capacity), 1 << below(3));
        const worth = capacity.map(() => (below(4) === 0 ? 0 : 10 ** (3 * r() - 2)));
        worth[capacity.indexOf(Math.max(...capacity))] ||= 0.5;
        return { jobs: 1 + below(5), gpus, worth };
      });
      const parts = fairestParts(kinds, capacity);
      check(kinds, capacity, parts);
      const best = highs.solve(problem(kinds, capacity));
      expect(best.status).toBe('optimal');
      const ours = least(kinds, parts);
      expect(Math.abs(ours - best.objective), `seed ${seed}: ${ours} and ${best.objective}`).toBeLessThan(
        1e-5 * Math.max(1, best.objective),
      );
    }
  });

  test('is shown to be optimal by prices, whatever the unit of worth and however far apart the jobs', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const r = generator(seed + 1000);
      const below = (n: number) => Math.floor(r() * n);
      const capacity = Array.from({ length: 1 + below(4) }, () => below(16));
      // Work per microsecond of what is left: as makespan has it.
      const unit = 10 ** -(3 * below(5));
      const kinds = Array.from({ length: 1 + below(12) }, (): Kind => {
        const worth = capacity.map(() => (below(4) === 0 ? 0 : unit * 10 ** (4 * r())));
        return { jobs: 1 + below(5), gpus: below(4) / 2, worth };
      });
      const parts = fairestParts(kinds, capacity);
      check(kinds, capacity, parts);
      const [ours, bound] = [leastWorth(kinds, capacity, parts), upperBound(kinds, capacity)];
      expect(ours, `seed ${seed}`).toBeGreaterThanOrEqual(bound * (1 - 1e-4));
      expect(ours, `seed ${seed}`).toBeLessThanOrEqual(bound * (1 + 1e-6));
      // The certificate can fail.
      const less = parts.map((row) => row.map((x) => 0.99 * x));
      if (bound > 0) expect(leastWorth(kinds, capacity, less)).toBeLessThan(bound * (1 - 1e-4));
    }
  });

  test('a job that no class can hold does not spoil the plan of the others, and alone gets none', () => {
    const large: Kind = { jobs: 1, gpus: 8, worth: [1, 1] };
    const small: Kind = { jobs: 4, gpus: 1, worth: [1, 1] };
    expect(fairestParts([large, small], [4, 4])).toEqual([[0, 0], expect.anything()]);
    expect(fairestParts([large, small], [4, 4])[1]!.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    expect(fairestParts([large], [4, 4])).toEqual([[0, 0]]);
    expect(fairestParts([{ jobs: 1, gpus: 1, worth: [0, 1] }], [4, 0])).toEqual([[0, 0]]);
  });

  test('gives an equal share where all classes are alike, and by advantage where they are not', () => {
    const alike = fairestParts([{ jobs: 4, gpus: 1, worth: [1, 1] }], [1, 1]);
    expect(alike[0]!.reduce((a, b) => a + b, 0)).toBeCloseTo(0.5, 6);
    // One is twice as fast on class 0, the other indifferent: by hand, the first has class 0 to itself, and both the same speed.
    const [a, b] = fairestParts(
      [
        { jobs: 1, gpus: 1, worth: [2, 1] },
        { jobs: 1, gpus: 1, worth: [1, 1] },
      ],
      [1, 1],
    );
    expect(a![0]).toBeGreaterThanOrEqual(0.5);
    expect(b!.reduce((x, y) => x + y, 0)).toBeCloseTo(1, 6);
  });
});

const data = dataDir(undefined);
const file = data === null ? '' : join(data, 'reference/gavel/scheduler__simulation_throughputs.json');
const have = file !== '' && existsSync(file);

describe.skipIf(!have)(`Gavel’s throughputs${have ? '' : ' (skipped: no ../shared/reference/gavel)'}`, () => {
  test('every mix of its jobs is better off than with an equal share of each class', () => {
    const table = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, { null: number }>>;
    const names = Object.keys(table['v100']!).filter((k) => k.endsWith(', 1)'));
    expect(names).toHaveLength(26);
    const speeds = names.map((k) => ['v100', 'p100', 'k80'].map((c) => table[c]![k]!.null));
    // As TRACES of the reference gives it, steps per second of ResNet-50 with batches of 16.
    expect(speeds[names.indexOf("('ResNet-50 (batch size 16)', 1)")]!.map((x) => x.toFixed(2))).toEqual([
      '11.40',
      '9.05',
      '2.30',
    ]);
    const capacity = [36, 36, 36];
    let better = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const r = generator(seed);
      const kinds = speeds
        .filter(() => r() < 0.5)
        .map((s): Kind => {
          const equal = s.reduce((sum, x) => sum + x / 3, 0);
          return { jobs: 1 + Math.floor(r() * 20), gpus: 1, worth: s.map((x) => x / equal) };
        });
      const jobs = kinds.reduce((n, k) => n + k.jobs, 0);
      const parts = fairestParts(kinds, capacity);
      check(kinds, capacity, parts);
      const equalShare = Math.min(1, 108 / jobs);
      const ours = least(kinds, parts);
      expect(ours).toBeGreaterThanOrEqual(equalShare - 1e-6);
      if (ours > 1.1 * equalShare) better++;
    }
    expect(better).toBeGreaterThan(30);
  });
});

const scenario = (queueing: string, more = '') => `name: het
horizon: 12 hours
fleet:
  classes: [{ name: fast, memory: 16 GiB, speed: 1 }, { name: slow, memory: 16 GiB, speed: 1 }]
  pools: [{ name: p }]
  groups: [{ name: f, class: fast, gpus: 8 }, { name: s, class: slow, gpus: 8 }]
  processes: { start: 1 second, kill: 1 second, checkpoint: { save: 1 second, restore: 1 second } }
pricing: { mechanism: posted, rates: { fast: 1 USD/hour, slow: 1 USD/hour } }
scheduling: { queueing: ${queueing}, placement: first-fit }
demand:
  personas:
    - name: picky
      users: 4
      postpaid: true
      arrivals: { rate: 9 jobs/hour }
      shapes: [{ gpus: 1 }]
      work: { median: 40 minutes, sigma: 0.3, min: 10 minutes, max: 2 hours }
      value: { median: 10 USD/hour, sigma: 0 }
      limitFactor: 20
      performance: { throughput: { of: { fast: 10, slow: 1 }, reference: fast } }
    - name: easy-going
      users: 4
      postpaid: true
      arrivals: { rate: 9 jobs/hour }
      shapes: [{ gpus: 1 }]
      work: { median: 40 minutes, sigma: 0.3, min: 10 minutes, max: 2 hours }
      value: { median: 10 USD/hour, sigma: 0 }
      limitFactor: 20
      performance: { throughput: { of: { fast: 1.1, slow: 1 }, reference: fast } }
${more}`;

describe('in a market', () => {
  test('jobs go where they are fast, and more of them end', async () => {
    await inTemp(async (dir) => {
      const ended = async (queueing: string): Promise<{ completed: number; violations: number }> => {
        const path = join(dir, 's.yaml');
        writeFileSync(path, scenario(queueing));
        const r = await janctionInside(['run', path, '--json', '--quiet']);
        expect(r.err).toBe('');
        const out = JSON.parse(r.out) as { jobs: { completed: number }; invariants: { violations: number } };
        return { completed: out.jobs.completed, violations: out.invariants.violations };
      };
      const fifo = await ended('fifo');
      for (const objective of ['max-min', 'makespan']) {
        const ours = await ended(`{ name: heterogeneity, objective: ${objective} }`);
        expect(ours.violations).toBe(0);
        expect(ours.completed, objective).toBeGreaterThan(1.15 * fifo.completed);
      }
    });
  });

  test('a table without a needed pair: one line, exit 2', async () => {
    await inTemp(async (dir) => {
      const path = join(dir, 's.yaml');
      for (const [table, says] of [
        ['{ picky: { fast: 10, slow: 1 } }', 'no row for jobs named "easy-going"; add one'],
        ['{ picky: { fast: 10 }, easy-going: { fast: 1, slow: 1 } }', 'no figure for "picky" on "slow"; add one'],
        ['{ picky: { fast: 0, slow: 0 }, easy-going: { fast: 1, slow: 1 } }', 'jobs named "picky" run nowhere; write'],
        [
          '{ picky: { fast: 10, slow: 1 }, easy-going: { fast: 1, slow: 1 }, piccy: { fast: 1, slow: 1 } }',
          'no jobs are named "piccy"; did you mean "picky"?',
        ],
        ['{ picky: { fast: 10, slow: 1, lsow: 1 }, easy-going: { fast: 1, slow: 1 } }', 'lsow'],
        ['{ picky: { fast: -1, slow: 1 }, easy-going: { fast: 1, slow: 1 } }', 'fast'],
      ] as const) {
        writeFileSync(path, scenario(`{ name: heterogeneity, throughputs: ${table} }`));
        const r = await janctionInside(['run', path]);
        expect([r.code, r.out]).toEqual([2, '']);
        expect(r.err.trim().split('\n')).toHaveLength(1);
        expect(r.err).toMatch(/^error: .*s\.yaml:\d+:\d+: /);
        expect(r.err).toContain(says);
      }
    });
  });
});
