/**
 * Draws against their distributions: Kolmogorov-Smirnov for continuous laws, chi-square for discrete ones, mean and variance by
 * z-tests, all over seeds 1..R with one family-wise level of 99.9 %. Each test is shown to reject a law that is a little off.
 */
import { describe, expect, test } from 'vitest';
import { catalogue, dailyArrivals, triangleRate } from '../../bench/golden-draws.ts';
import { chiSquareTail, ksTail, normalQuantile } from '../../core/num/index.ts';
import { PiecewiseArrivals, ThinnedArrivals } from '../../sim/kernel/arrivals.ts';
import * as d from '../../sim/kernel/distributions.ts';
import { type Stream, Streams } from '../../sim/kernel/streams.ts';

const SEEDS = 3;
const N = 15_000;
const discreteNames = new Set(['zipf', 'empirical', 'constant']);
const continuous = Object.entries(catalogue).filter(([name]) => !discreteNames.has(name));
/** Claims made below that a random number generator without fault could miss. */
const CLAIMS = SEEDS * (continuous.length + 2 + 2) + SEEDS * 2 * continuous.length;
const ALPHA = 0.001 / CLAIMS;

function draws(name: string, seed: number, n: number, draw: (s: Stream) => number): Float64Array {
  const s = new Streams(seed).get('test', name);
  return Float64Array.from({ length: n }, () => draw(s));
}

/** p-value of the Kolmogorov-Smirnov test. */
function ks(sample: Float64Array, cdf: (x: number) => number): number {
  const x = sample.slice();
  x.sort((a, b) => a - b);
  let gap = 0;
  for (let i = 0; i < x.length; i++) {
    const f = cdf(x[i]!);
    gap = Math.max(gap, f - i / x.length, (i + 1) / x.length - f);
  }
  return ksTail(x.length, gap);
}

/** p-value of the chi-square test over values 1.. in cells of at least 10 expected draws. */
function chiSquare(sample: Float64Array, law: d.Distribution, values: readonly number[]): number {
  let expected = 0;
  let observed = 0;
  let before = 0;
  let statistic = 0;
  let cells = 0;
  const counts = new Map<number, number>();
  for (const x of sample) counts.set(x, (counts.get(x) ?? 0) + 1);
  values.forEach((v, i) => {
    expected += (law.cdf(v) - before) * sample.length;
    before = law.cdf(v);
    observed += counts.get(v) ?? 0;
    if (expected < 10 && i < values.length - 1) return;
    statistic += (observed - expected) ** 2 / expected;
    cells++;
    expected = 0;
    observed = 0;
  });
  return chiSquareTail(statistic, cells - 1);
}

describe('distributions', () => {
  for (const [name, law] of continuous) {
    test(`${name}: Kolmogorov-Smirnov, mean and variance`, () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const x = draws(name, seed, N, (s) => law.sample(s));
        expect(ks(x, law.cdf)).toBeGreaterThan(ALPHA);
        // Moments are tested where the fourth exists and is not so large that a mean of 15,000 is far from normal.
        const fourth = x.reduce((sum, v) => sum + (v - law.mean) ** 4, 0) / N;
        if (!['pareto', 'paretoBounded', 'weibull', 'hyperexponential', 'lognormal'].includes(name)) {
          const z = normalQuantile(1 - ALPHA / 2);
          const mean = x.reduce((a, b) => a + b, 0) / N;
          const variance = x.reduce((a, b) => a + (b - law.mean) ** 2, 0) / N;
          expect(Math.abs(mean - law.mean)).toBeLessThan(z * Math.sqrt(law.variance / N));
          expect(Math.abs(variance - law.variance)).toBeLessThan(z * Math.sqrt((fourth - law.variance ** 2) / N));
        }
        // The same draws are not from a law stretched by a quarter.
        expect(ks(x, (v) => law.cdf(v * 1.25 + (name === 'uniform' ? 0.1 : 0)))).toBeLessThan(ALPHA);
      }
    });

    test(`${name}: its mean and variance are those of its distribution function`, () => {
      // E X = the integral of u over its inverse distribution function, here by halving on the function itself.
      if (law.variance === Infinity || ['weibull', 'lognormal', 'pareto', 'hyperexponential'].includes(name)) return;
      const quantile = (p: number): number => {
        let low = -10;
        let high = 1e4;
        for (let i = 0; i < 60; i++) {
          const mid = (low + high) / 2;
          if (law.cdf(mid) < p) low = mid;
          else high = mid;
        }
        return high;
      };
      const K = 4000;
      let mean = 0;
      let square = 0;
      for (let k = 0; k < K; k++) {
        const q = quantile((k + 0.5) / K);
        mean += q / K;
        square += (q * q) / K;
      }
      expect(Math.abs(mean - law.mean)).toBeLessThan(0.01 * law.mean + 0.001);
      expect(Math.abs(square - mean * mean - law.variance)).toBeLessThan(0.08 * law.variance);
    });
  }

  test('zipf and empirical: chi-square', () => {
    const zipf = catalogue['zipf']!;
    const ranks = Array.from({ length: 1000 }, (_, i) => i + 1);
    const off = d.zipf(1000, 1.2);
    for (let seed = 1; seed <= SEEDS; seed++) {
      const x = draws('zipf', seed, N, (s) => zipf.sample(s));
      expect(chiSquare(x, zipf, ranks)).toBeGreaterThan(ALPHA);
      expect(chiSquare(x, off, ranks)).toBeLessThan(ALPHA);
      const e = draws('empirical', seed, N, (s) => catalogue['empirical']!.sample(s));
      expect(chiSquare(e, catalogue['empirical']!, [1, 2, 5, 8])).toBeGreaterThan(ALPHA);
      expect(chiSquare(e, d.empirical([1, 2, 5, 8], [4, 3, 1.2, 2]), [1, 2, 5, 8])).toBeLessThan(ALPHA);
    }
    expect(catalogue['empirical']!.mean).toBeCloseTo((5 + 4 + 16 + 6) / 10, 12);
    expect(d.zipf(3, 0).variance).toBeCloseTo(2 / 3, 12);
  });

  test('known moments', () => {
    expect(catalogue['hyperexponentialFit']!.mean).toBeCloseTo(1, 12);
    expect(catalogue['hyperexponentialFit']!.variance).toBeCloseTo(4, 12);
    // A three-phase fit of volunteer hosts' absences, and Weibull availability: ../shared/vectors/queueing.json.
    expect(catalogue['hyperexponential']!.mean).toBeCloseTo(11.922563596142783, 9);
    expect(d.gamma(0.357, 43.652).mean).toBeCloseTo(15.583764, 9);
    expect(catalogue['weibull']!.mean).toBeCloseTo(10.349746284687116, 9);
    expect(catalogue['weibullRising']!.variance / catalogue['weibullRising']!.mean ** 2).toBeCloseTo(
      0.2732395447351626,
      9,
    );
    expect(d.pareto(1.5, 2).mean).toBe(6);
    expect(d.pareto(1.5, 2).variance).toBe(Infinity);
    expect(d.pareto(0.9, 2).mean).toBe(Infinity);
  });

  test('inverted laws rise with the uniform: common random numbers stay in step', () => {
    for (const make of [d.exponential, (m: number) => d.weibull(0.7, m), (m: number) => d.pareto(2, m)]) {
      const a = draws('same', 1, 500, (s) => make(1).sample(s));
      const b = draws('same', 1, 500, (s) => make(1.01).sample(s));
      for (let i = 0; i < 500; i++) expect(b[i]! / a[i]!).toBeCloseTo(1.01, 9);
    }
  });

  test('parameters out of range are refused', () => {
    for (const bad of [
      () => d.exponential(0),
      () => d.exponential(NaN),
      () => d.erlang(1.5, 1),
      () => d.gamma(-1, 1),
      () => d.weibull(1, Infinity),
      () => d.lognormal(NaN, 1),
      () => d.pareto(1, 2, 2),
      () => d.hyperexponential([{ probability: 0.5, mean: 1 }]),
      () => d.hyperexponentialFit(1, 1),
      () => d.zipf(0, 1),
      () => d.empirical([]),
      () => d.empirical([1], [0]),
      () => d.empirical([1, NaN]),
      () => d.uniform(2, 2),
      () => d.constant(NaN),
      () => new PiecewiseArrivals([0, 5], [1, 1], 5),
      () => new PiecewiseArrivals([0], [0], 5),
      () => new ThinnedArrivals(() => 1, 0),
      () => new ThinnedArrivals(() => 3, 2).next(0, new Streams(1).get('x', 0), 10),
    ])
      expect(bad).toThrow(RangeError);
  });
});

describe('arrivals whose rate changes', () => {
  /** Gaps in expected arrivals are exponential with mean 1, whatever the rate (time rescaling). */
  function gapsTest(times: Float64Array, expected: (t: number) => number): number {
    let last = 0;
    const gaps = times.map((t) => {
      const e = expected(t);
      const gap = e - last;
      last = e;
      return gap;
    });
    return ks(gaps, d.exponential(1).cdf);
  }

  test('by inversion', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      let t = 0;
      const times = draws('inversion', seed, N, (s) => (t = dailyArrivals.next(t, s)));
      expect(gapsTest(times, (x) => dailyArrivals.expected(x))).toBeGreaterThan(ALPHA);
      // None in the evening, whose rate is 0.
      expect(times.some((x) => x % 24 > 18 + 1e-9 && x % 24 < 20 - 1e-9)).toBe(false);
      const flat = dailyArrivals.expected(24) / 24;
      expect(gapsTest(times, (x) => x * flat)).toBeLessThan(ALPHA);
    }
  });

  test('by thinning', () => {
    const arrivals = new ThinnedArrivals(triangleRate, 9);
    // Integral of the triangle wave.
    const expected = (t: number): number => {
      const days = Math.floor(t / 24);
      const h = t - 24 * days;
      const up = Math.min(h, 12);
      const down = Math.max(0, h - 12);
      return days * 120 + up + (8 * up * up) / 24 + 9 * down - (8 * down * down) / 24;
    };
    for (let seed = 1; seed <= SEEDS; seed++) {
      let t = 0;
      const times = draws('thinning', seed, N, (s) => (t = arrivals.next(t, s, Infinity)));
      expect(gapsTest(times, expected)).toBeGreaterThan(ALPHA);
      expect(gapsTest(times, (x) => x * 5)).toBeLessThan(ALPHA);
    }
    expect(arrivals.next(0, new Streams(1).get('late', 0), 1e-9)).toBe(Infinity);
  });
});
