/** Searchers against planted problems, indices against analytic ones. */
import { expect, test } from 'vitest';
import { meanInterval } from '../../lab/stats/interval.ts';
import { latinHypercube } from '../../lab/sweep/sobol.ts';
import { Kriging } from '../../lab/tune/kriging.ts';
import { hypervolume, paretoFront, spread } from '../../lab/tune/pareto.ts';
import { morrisDesign, morrisEffects, saltelliDesign, sobolIndices } from '../../lab/tune/sensitivity.ts';
import { type Method, type Problem, tune } from '../../lab/tune/tuner.ts';
import { Stream } from '../../sim/kernel/streams.ts';
import { interval } from '../support/interval.ts';

/** A noisy function whose optimum the searcher is not told; noise by replication, common to all points of a pair. */
function planted(dimensions: number, f: (x: readonly number[]) => number, noise: number, seed: number): Problem {
  return {
    dimensions,
    objectives: 1,
    evaluate: async (points, replications) =>
      points.map((x) =>
        replications.map((r) => {
          const s = new Stream(`planted/${seed}/${r}/${x.map((v) => v.toFixed(6)).join('/')}`);
          return { values: [f(x) + noise * s.normal()], excess: [] };
        }),
      ),
  };
}

/** Optimum inside the cube, different for every seed. */
function problems(seed: number): { name: string; problem: Problem; truth: (x: readonly number[]) => number }[] {
  const at = (d: number) => {
    const s = new Stream(`optimum/${seed}/${d}`);
    return Array.from({ length: d }, () => 0.15 + 0.7 * s.uniform());
  };
  const make = (name: string, d: number, f: (x: readonly number[], o: readonly number[]) => number, noise: number) => {
    const o = at(d);
    const truth = (x: readonly number[]) => f(x, o);
    return { name, problem: planted(d, truth, noise, seed), truth };
  };
  return [
    make('sphere', 4, (x, o) => x.reduce((s, v, i) => s + (v - o[i]!) ** 2, 0), 0.01),
    make('ellipsoid', 5, (x, o) => x.reduce((s, v, i) => s + 10 ** (i / 2) * (v - o[i]!) ** 2, 0), 0.02),
    make(
      'valley',
      3,
      (x, o) => {
        const y = x.map((v, i) => 1 + 3 * (v - o[i]!));
        return y.slice(0, -1).reduce((s, v, i) => s + 10 * (y[i + 1]! - v * v) ** 2 + (1 - v) ** 2, 0);
      },
      0.02,
    ),
  ];
}

test('CMA-ES beats random search at equal evaluations on three planted problems, over 20 paired seeds', async () => {
  const names = problems(1).map((p) => p.name);
  for (const [k, name] of names.entries()) {
    const gains: number[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      const { problem, truth } = problems(seed)[k]!;
      const best = async (method: Method) => {
        const r = await tune(problem, {
          method,
          budget: 600,
          replications: 2,
          finalists: 3,
          finalReplications: 20,
          seed,
        });
        expect(r.runs).toBeLessThanOrEqual(600 + 60);
        return truth(r.finalists[0]!.x);
      };
      gains.push((await best('random')) - (await best('cma-es')));
    }
    const i = interval(gains, names.length);
    expect(i.mean - i.half, name).toBeGreaterThan(0);
  }
});

test('the surrogate beats random search at few evaluations, over 20 paired seeds', async () => {
  const names = problems(1).map((p) => p.name);
  for (const [k, name] of names.entries()) {
    const gains: number[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      const { problem, truth } = problems(seed)[k]!;
      const best = async (method: Method) => {
        const r = await tune(problem, {
          method,
          budget: 60,
          replications: 2,
          finalists: 3,
          finalReplications: 10,
          seed,
        });
        expect(r.runs).toBe(60 + 30);
        return truth(r.finalists[0]!.x);
      };
      // As ratios: what random search misses by has a heavy tail.
      gains.push(Math.log(await best('random')) - Math.log(await best('surrogate')));
    }
    const i = interval(gains, names.length);
    expect(i.mean - i.half, name).toBeGreaterThan(0);
  }
});

test('kriging: passes through data without noise, averages noise away, and knows what it does not know', () => {
  const f = (x: readonly number[]) => Math.sin(5 * x[0]!) + x[1]! * x[1]!;
  const at = latinHypercube(40, 2, 1);
  const exact = new Kriging(at.map((x) => ({ x, y: f(x) })));
  for (const x of at) expect(Math.abs(exact.at(x).mean - f(x))).toBeLessThan(0.01);
  const s = new Stream('kriging');
  const noisy = new Kriging(at.map((x) => ({ x, y: f(x) + 0.2 * s.normal() })));
  const fresh = latinHypercube(200, 2, 2);
  const misses = fresh.map((x) => {
    const { mean, sd } = noisy.at(x);
    return { error: mean - f(x), outside: Math.abs(mean - f(x)) > 1.96 * sd };
  });
  const rms = Math.sqrt(misses.reduce((q, m) => q + m.error * m.error, 0) / misses.length);
  expect(rms).toBeLessThan(0.12);
  expect(misses.filter((m) => m.outside).length).toBeLessThan(40);
  // Far from all data the surface is uncertain again.
  const corner = new Kriging(at.filter((x) => x[0]! < 0.5).map((x) => ({ x, y: f(x) })));
  expect(corner.at([1, 0.5]).sd).toBeGreaterThan(5 * corner.at([0.25, 0.5]).sd);
});

test('successive halving finds a better point than its first round', async () => {
  const { problem, truth } = problems(3)[0]!;
  const r = await tune(problem, {
    method: 'halving',
    budget: 600,
    replications: 1,
    finalists: 3,
    finalReplications: 27,
    seed: 1,
  });
  const s = new Stream('any');
  const random = Array.from({ length: 50 }, () => truth(Array.from({ length: 4 }, () => s.uniform())));
  expect(truth(r.finalists[0]!.x)).toBeLessThan(meanInterval(random).mean / 3);
});

test('what wins by luck falls back on fresh seeds', async () => {
  // Pure noise: the search believes in a minimum far below 0; fresh seeds do not.
  const r = await tune(
    planted(2, () => 0, 1, 1),
    { method: 'random', budget: 400, replications: 2, finalists: 1, finalReplications: 100, seed: 1 },
  );
  expect(r.finalists[0]!.searched[0]!).toBeLessThan(-1.5);
  expect(Math.abs(r.finalists[0]!.objectives[0]!.mean)).toBeLessThan(0.5);
});

test.each(['cma-es', 'surrogate'] as const)('constraints come before objectives: %s', async (method) => {
  const problem: Problem = {
    dimensions: 2,
    objectives: 1,
    evaluate: async (points, replications) =>
      points.map((x) => replications.map(() => ({ values: [x[0]! + x[1]!], excess: [0.8 - x[0]!] }))),
  };
  const r = await tune(problem, {
    method,
    budget: method === 'surrogate' ? 60 : 400,
    replications: 1,
    finalists: 1,
    finalReplications: 2,
    seed: 1,
  });
  expect(r.finalists[0]!.feasible).toBe(true);
  expect(r.finalists[0]!.objectives[0]!.mean).toBeLessThan(0.9);
});

test('NSGA-II covers a known front (ZDT1) better than random search', async () => {
  const problem: Problem = {
    dimensions: 6,
    objectives: 2,
    evaluate: async (points, replications) =>
      points.map((x) =>
        replications.map(() => {
          const g = 1 + (9 * x.slice(1).reduce((s, v) => s + v, 0)) / 5;
          return { values: [x[0]!, g * (1 - Math.sqrt(x[0]! / g))], excess: [] };
        }),
      ),
  };
  const volume = async (method: Method) => {
    const r = await tune(problem, {
      method,
      budget: 1200,
      replications: 1,
      finalists: 100,
      finalReplications: 2,
      seed: 1,
    });
    return hypervolume(
      r.finalists.map((f) => f.objectives.map((m) => m.mean)),
      [1.1, 6],
    );
  };
  const [nsga, random] = [await volume('nsga-ii'), await volume('random')];
  expect(nsga).toBeGreaterThan(random + 0.3);
  // The whole front has volume 1.1 * 6 - (area under 1 - sqrt(x) on [0,1]) - 0 = 6.6 - 1/3.
  expect(nsga).toBeLessThan(6.6 - 1 / 3);
});

test('hypervolume and fronts by hand', () => {
  expect(
    hypervolume(
      [
        [1, 3],
        [2, 2],
        [3, 1],
      ],
      [4, 4],
    ),
  ).toBe(6);
  expect(
    hypervolume(
      [
        [1, 1, 1],
        [2, 2, 0],
      ],
      [3, 3, 3],
    ),
  ).toBeCloseTo(8 + 1, 12);
  expect(hypervolume([[5, 5]], [4, 4])).toBe(0);
  const p = (values: number[], violation = 0) => ({ x: values, values, violation });
  expect(paretoFront([p([3, 1]), p([1, 3]), p([2, 2]), p([3, 3]), p([0, 0], 1)]).map((q) => q.values)).toEqual([
    [1, 3],
    [2, 2],
    [3, 1],
  ]);
});

test('finalists of a front are spread over it, and those that fresh seeds put behind another are told', async () => {
  const line = Array.from({ length: 21 }, (_, i) => ({ values: [i, 20 - i], i }));
  const few = spread([...line.slice(0, 15), ...line.slice(15)], 5).map((p) => p.i);
  expect(few.length).toBe(5);
  expect([few[0], few[4]]).toEqual([0, 20]);
  for (let k = 1; k < 5; k++) expect(few[k]! - few[k - 1]!).toBeLessThanOrEqual(9);
  const problem = planted(2, () => 0, 0, 1);
  const two: Problem = {
    ...problem,
    objectives: 2,
    reference: [2, null],
    evaluate: async (points, replications) =>
      points.map((x) =>
        replications.map((r) => {
          const s = new Stream(`front/${r}/${x.join('/')}`);
          return { values: [x[0]! + 0.3 * s.normal(), 1 - x[0]! + x[1]! + 0.3 * s.normal()], excess: [] };
        }),
      ),
  };
  const r = await tune(two, {
    method: 'nsga-ii',
    budget: 200,
    replications: 1,
    finalists: 8,
    finalReplications: 50,
    seed: 1,
  });
  expect(r.hypervolume!.reference[0]).toBe(2);
  const front = r.finalists.filter((f) => f.front);
  expect(front.length).toBeGreaterThan(0);
  expect(front.length).toBeLessThan(r.finalists.length);
  expect(r.finalists.slice(0, front.length).every((f) => f.front)).toBe(true);
  const means = (f: (typeof front)[number]) => f.objectives.map((m) => m.mean);
  expect(r.hypervolume!.value).toBe(hypervolume(front.map(means), r.hypervolume!.reference));
});

test('Sobol’ indices of Ishigami’s function lie within their intervals', () => {
  const [a, b] = [7, 0.1];
  const f = (u: readonly number[]) => {
    const x = u.map((v) => Math.PI * (2 * v - 1));
    return Math.sin(x[0]!) + a * Math.sin(x[1]!) ** 2 + b * x[2]! ** 4 * Math.sin(x[0]!);
  };
  const v1 = 0.5 * (1 + (b * Math.PI ** 4) / 5) ** 2;
  const v2 = a ** 2 / 8;
  const v13 = b ** 2 * Math.PI ** 8 * (1 / 18 - 1 / 50);
  const v = v1 + v2 + v13;
  const n = 2048;
  const r = sobolIndices(saltelliDesign(n, 3, 1).map(f), n, 3, 1, 400, 0.9999);
  const first = [v1 / v, v2 / v, 0];
  const total = [(v1 + v13) / v, v2 / v, v13 / v];
  expect(r.variance / v).toBeCloseTo(1, 1);
  first.forEach((want, i) => {
    expect(r.first[i]!.low, `S${i + 1}`).toBeLessThanOrEqual(want);
    expect(r.first[i]!.high).toBeGreaterThanOrEqual(want);
    expect(r.first[i]!.high - r.first[i]!.low).toBeLessThan(0.2);
    expect(r.total[i]!.low, `ST${i + 1}`).toBeLessThanOrEqual(total[i]!);
    expect(r.total[i]!.high).toBeGreaterThanOrEqual(total[i]!);
  });
});

test('and those of the G-function', () => {
  const a = [0, 1, 4.5, 9, 99];
  const f = (u: readonly number[]) => u.reduce((m, x, i) => (m * (Math.abs(4 * x - 2) + a[i]!)) / (1 + a[i]!), 1);
  const part = a.map((x) => 1 / (3 * (1 + x) ** 2));
  const v = part.reduce((m, x) => m * (1 + x), 1) - 1;
  const n = 4096;
  const r = sobolIndices(saltelliDesign(n, 5, 2).map(f), n, 5, 1, 400, 0.9999);
  a.forEach((_, i) => {
    const total = (part[i]! * part.reduce((m, x, j) => (j === i ? m : m * (1 + x)), 1)) / v;
    expect(r.first[i]!.low).toBeLessThanOrEqual(part[i]! / v);
    expect(r.first[i]!.high).toBeGreaterThanOrEqual(part[i]! / v);
    expect(r.total[i]!.low).toBeLessThanOrEqual(total);
    expect(r.total[i]!.high).toBeGreaterThanOrEqual(total);
  });
});

test('elementary effects: exact on a line, spread where parameters interact', () => {
  const points = morrisDesign(40, 4, 1);
  expect(points.length).toBe(40 * 5);
  for (const p of points)
    for (const x of p) expect([0, 1 / 3, 2 / 3, 1].some((g) => Math.abs(x - g) < 1e-12)).toBe(true);
  const r = morrisEffects(
    points,
    points.map((x) => 5 * x[0]! - 2 * x[1]! + 6 * x[2]! * x[3]!),
    4,
    1,
  );
  expect(r.mu[0]).toBeCloseTo(5, 9);
  expect(r.muStar[1]!.value).toBeCloseTo(2, 9);
  expect(r.sigma[0]).toBeCloseTo(0, 9);
  expect(r.sigma[2]!).toBeGreaterThan(0.5);
});
