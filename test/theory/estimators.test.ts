/** Estimators: worked examples, laws, and the coverage that their intervals promise, over seeds 1..R. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { betaI, normalQuantile } from '../../core/num/index.ts';
import { pairedComparison } from '../../lab/stats/paired.ts';
import {
  batches,
  batchMeans,
  meanInterval,
  mser5,
  quantile,
  quantileInterval,
  replicate,
  Tally,
  TimeAverage,
  welchPlot,
} from '../../sim/kernel/estimators.ts';
import { Streams } from '../../sim/kernel/streams.ts';

const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 60 });

/** First-order autoregression x' = phi x + e with mean 0, from its stationary law or from `start`. */
function ar1(seed: number, n: number, phi: number, start?: number): Float64Array {
  const s = new Streams(seed).get('ar1', phi);
  let x = start ?? s.normal() / Math.sqrt(1 - phi * phi);
  return Float64Array.from({ length: n }, () => (x = phi * x + s.normal()));
}

/** Whether `hits` of `runs` is consistent with a probability of at least `level`, at 99.9 % over all such claims here. */
function covers(hits: number, runs: number, level: number): boolean {
  // P(Binomial(runs, level) <= hits)
  return hits === runs || betaI(runs - hits, hits + 1, 1 - level) > 0.001 / 8;
}

describe('means', () => {
  test('a worked example: 1, 2, 3, 4 has mean 2.5 and half-width 3.182 * 0.6455', () => {
    const i = meanInterval([1, 2, 3, 4]);
    expect(i.mean).toBe(2.5);
    expect(i.half).toBeCloseTo(2.0542, 3);
    expect(i.low).toBe(2.5 - i.half);
    expect(meanInterval([5]).half).toBeNaN();
    expect(() => meanInterval([1, 2], 1)).toThrow(RangeError);
  });

  test('Welford equals two passes', () => {
    fc.assert(
      fc.property(numbers, (x) => {
        const t = new Tally();
        for (const v of x) t.add(v);
        const mean = x.reduce((a, b) => a + b, 0) / x.length;
        const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / (x.length - 1);
        expect(t.mean).toBeCloseTo(mean, 6);
        expect(Math.abs(t.variance - variance)).toBeLessThanOrEqual(1e-9 * (1 + variance));
        expect([t.count, t.min, t.max]).toEqual([x.length, Math.min(...x), Math.max(...x)]);
      }),
      { seed: 1 },
    );
  });

  test('time average: area over time, with and without the warm-up', () => {
    const a = new TimeAverage(10, 2);
    a.change(20, 3);
    a.set(25, 0);
    expect(a.mean(30)).toBe((10 * 2 + 5 * 5) / 20);
    expect(a.max).toBe(5);
    a.restart(30);
    a.set(32, 4);
    expect(a.mean(40)).toBe(32 / 10);
    expect(a.max).toBe(4);
    expect(new TimeAverage().mean(0)).toBeNaN();
    expect(() => a.set(31, 1)).toThrow(RangeError);
  });
});

describe('one long run', () => {
  test('batches keep the end; batch means of independent batches of 1 are the plain interval', () => {
    expect(batches([9, 1, 3, 5, 7], 2)).toEqual([2, 6]);
    const x = [3, 1, 4, 1, 5, 9, 2, 6];
    expect(batchMeans(x, { size: 1, overlapping: false })).toEqual(meanInterval(x));
    // Overlapping windows by hand: 1, 2, 3, 4 in windows of 2 around the mean 2.5: -1, 0, 1.
    expect(batchMeans([1, 2, 3, 4], { size: 2 }).half / batchMeans([10, 20, 30, 40], { size: 2 }).half).toBeCloseTo(
      0.1,
      12,
    );
    expect(() => batchMeans([1, 2, 3], { size: 2 })).toThrow('two batches');
  });

  test('coverage on a correlated series: both kinds of batches, and overlapping ones are narrower on average', () => {
    const R = 100;
    let plain = 0;
    let overlapping = 0;
    let naive = 0;
    let ratio = 0;
    for (let seed = 1; seed <= R; seed++) {
      const x = ar1(seed, 8000, 0.8);
      const a = batchMeans(x, { size: 250, overlapping: false });
      const b = batchMeans(x, { size: 250 });
      if (Math.abs(a.mean) <= a.half) plain++;
      if (Math.abs(b.mean) <= b.half) overlapping++;
      if (Math.abs(meanInterval(Array.from(x)).mean) <= meanInterval(Array.from(x)).half) naive++;
      ratio += b.half / a.half / R;
    }
    expect(covers(plain, R, 0.94)).toBe(true);
    expect(covers(overlapping, R, 0.93)).toBe(true);
    expect(ratio).toBeLessThan(1.01);
    // The interval that takes the observations as independent fails the same test.
    expect(covers(naive, R, 0.93)).toBe(false);
  });

  test('MSER-5 deletes the warm-up of a series that starts far off, and little of one that does not', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const far = mser5(ar1(seed, 5000, 0.99, 80));
      expect(far.reliable).toBe(true);
      // 80 * 0.99^n is below four standard deviations (of 7) from n = 103 on.
      expect(far.delete).toBeGreaterThanOrEqual(100);
      expect(far.delete).toBeLessThan(1500);
      expect(mser5(ar1(seed, 5000, 0.2)).delete).toBeLessThan(1500);
    }
    expect(mser5(new Float64Array(100)).delete).toBe(0);
    // A series that only falls has no steady state to find.
    expect(mser5(Float64Array.from({ length: 1000 }, (_, i) => 1000 - i)).reliable).toBe(false);
  });

  test("Welch's plot: means over replications, then a window that grows from the left end", () => {
    const plot = welchPlot(
      [
        [0, 2, 4, 6, 8],
        [2, 4, 6, 8, 10, 12],
      ],
      1,
    );
    expect(Array.from(plot)).toEqual([1, 3, 5, 7]);
    expect(Array.from(welchPlot([[1, 5, 1, 5]], 0))).toEqual([1, 5, 1, 5]);
    expect(() => welchPlot([], 1)).toThrow(RangeError);
  });
});

describe('replications', () => {
  test('stop at the relative half-width; say so when the limit came first', () => {
    const seen: number[] = [];
    const r = replicate(
      (rep) => {
        seen.push(rep);
        return 100 + 10 * new Streams(3, rep).get('x', 0).normal();
      },
      { relativeHalfWidth: 0.01, min: 10 },
    );
    expect(r.met).toBe(true);
    expect(r.half).toBeLessThanOrEqual(0.01 * r.mean);
    expect(seen).toEqual(r.values.map((_, i) => i));
    // (1.96 * 10 / 1)^2 = 384
    expect(r.count).toBeGreaterThan(200);
    expect(r.count).toBeLessThan(600);
    expect(replicate((rep) => rep % 2, { relativeHalfWidth: 0.001, max: 20 })).toMatchObject({ met: false, count: 20 });
    expect(() => replicate(() => NaN, { relativeHalfWidth: 0.1 })).toThrow('replication 0 gave NaN');
    expect(() => replicate(() => 1, { relativeHalfWidth: 0.1, min: 1 })).toThrow(RangeError);
  });

  test('coverage of the interval at a fixed width is near its level', () => {
    const R = 200;
    let hits = 0;
    for (let seed = 1; seed <= R; seed++) {
      const s = new Streams(seed).get('cover', 0);
      const r = replicate(() => s.exponential(5), { relativeHalfWidth: 0.1, min: 30 });
      if (r.low <= 5 && 5 <= r.high) hits++;
    }
    expect(covers(hits, R, 0.92)).toBe(true);
    expect(covers(Math.round(0.8 * R), R, 0.92)).toBe(false);
  });

  test('paired differences under common random numbers', () => {
    const base = Array.from({ length: 40 }, (_, r) => new Streams(5, r).get('x', 0).exponential(10));
    const better = base.map((x, r) => 0.9 * x + 0.01 * new Streams(6, r).get('y', 0).normal());
    const d = pairedComparison(better, base);
    expect(d.difference.mean - d.difference.half).toBeGreaterThan(0);
    expect(d.varianceReduction!).toBeGreaterThan(50);
    // Independent runs cannot tell.
    const other = Array.from({ length: 40 }, (_, r) => 0.9 * new Streams(7, r).get('x', 0).exponential(10));
    const i = pairedComparison(other, base);
    expect(i.difference.mean - i.difference.half).toBeLessThan(0);
    expect(i.varianceReduction!).toBeLessThan(3);
    expect(() => pairedComparison([1, 2], [1])).toThrow(RangeError);
  });
});

describe('quantiles', () => {
  test('interpolated order statistics', () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([1, 2, 3, 4], 0.25)).toBe(1.75);
    expect([quantile([7, 5], 0), quantile([7, 5], 1)]).toEqual([5, 7]);
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });

  test('the interval of a quantile: the textbook ranks, infinite ends where data are few, and its coverage', () => {
    // Median of 100: order statistics 40 and 61 (at least 95 %).
    const ranks = quantileInterval(
      Array.from({ length: 100 }, (_, i) => i + 1),
      0.5,
    );
    expect([ranks.low, ranks.high]).toEqual([40, 61]);
    expect(quantileInterval([1, 2, 3], 0.99).high).toBe(Infinity);
    expect(quantileInterval([1, 2, 3], 0.01).low).toBe(-Infinity);
    const R = 300;
    let hits = 0;
    let tight = 0;
    for (let seed = 1; seed <= R; seed++) {
      const s = new Streams(seed).get('quantile', 0);
      const i = quantileInterval(
        Array.from({ length: 400 }, () => s.normal()),
        0.9,
      );
      if (i.low <= normalQuantile(0.9) && normalQuantile(0.9) <= i.high) hits++;
      if (Math.abs(i.mean - normalQuantile(0.9)) <= i.half / 2) tight++;
    }
    expect(covers(hits, R, 0.95)).toBe(true);
    expect(covers(tight, R, 0.95)).toBe(false);
  });
});
