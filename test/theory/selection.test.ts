/** Ranking and selection: the published allocation rule, and that it selects right as often as it says, with fewer runs. */
import { describe, expect, test } from 'vitest';
import { betaI } from '../../core/num/index.ts';
import { correctSelection, ocba, selectBest } from '../../lab/stats/selection.ts';
import { Streams } from '../../sim/kernel/streams.ts';

/** Normal systems with these means and standard deviations; system and replication choose the draw. */
const noisy = (seed: number, means: readonly number[], sds: readonly number[]) => {
  const streams = new Streams(seed);
  return (i: number): number => means[i]! + sds[i]! * streams.get('system', i).normal();
};

describe('allocation', () => {
  test('ratios of the rule: N_i / N_j = (s_i d_j / (s_j d_i))^2, N_b = s_b sqrt(sum (N_i / s_i)^2)', () => {
    const sd = [1, 2, 3, 1];
    const n = ocba(
      [5, 4, 3, 1],
      sd.map((s) => s * s),
      1000,
    );
    expect(n.reduce((a, b) => a + b, 0)).toBeCloseTo(1000, 9);
    expect(n[1]! / n[2]!).toBeCloseTo((2 / 1 / (3 / 2)) ** 2, 9);
    expect(n[1]! / n[3]!).toBeCloseTo((2 / 1 / (1 / 4)) ** 2, 9);
    expect(n[0]).toBeCloseTo(Math.sqrt([1, 2, 3].reduce((s, i) => s + (n[i]! / sd[i]!) ** 2, 0)), 9);
    expect(ocba([1, 2], [0, 0], 10)).toEqual([5, 5]);
    // Equal means do not take everything from the others for ever.
    expect(ocba([2, 2, 1], [1, 1, 1], 100).every((x) => x >= 0 && Number.isFinite(x))).toBe(true);
  });

  test('probability of correct selection: by hand for two systems', () => {
    const { best, probability } = correctSelection([1, 0], [4, 5], [4, 5]);
    expect(best).toBe(0);
    // Normal of 1 / sqrt 2.
    expect(probability).toBeCloseTo(0.7602499389, 8);
    expect(correctSelection([1, 1], [0, 0], [5, 5]).probability).toBe(0.5);
    expect(correctSelection([2, 1], [0, 0], [5, 5]).probability).toBe(1);
  });
});

describe('selection', () => {
  const means = [0, 0.2, 0.4, 0.6, 1];
  const sds = [1, 1.5, 1, 0.5, 1];

  test('is right at least as often as its confidence, and says how far it came', () => {
    const R = 300;
    let right = 0;
    for (let seed = 1; seed <= R; seed++) {
      const s = selectBest(5, noisy(seed, means, sds), { budget: 3000, confidence: 0.9, initial: 15 });
      expect(s.met).toBe(true);
      expect(s.probability).toBeGreaterThanOrEqual(0.9);
      if (s.best === 4) right++;
    }
    // P(Binomial(300, 0.88) <= right) is not tiny: stopping early costs a little of the nominal 0.9.
    expect(betaI(R - right, right + 1, 0.12)).toBeGreaterThan(0.001);
  });

  test('is right more often than equal allocation with the same budget', () => {
    const R = 300;
    let ours = 0;
    let equal = 0;
    for (let seed = 1; seed <= R; seed++) {
      const budget = 150;
      if (selectBest(5, noisy(seed, means, sds), { budget, confidence: 1 }).best === 4) ours++;
      const run = noisy(seed, means, sds);
      const sums = means.map((_, i) => {
        let sum = 0;
        for (let k = 0; k < budget / 5; k++) sum += run(i);
        return sum;
      });
      if (sums.indexOf(Math.max(...sums)) === 4) equal++;
    }
    expect(ours).toBeGreaterThan(equal);
    expect(ours / R).toBeGreaterThan(0.9);
  });

  test('minimises as well, spends what it may and no more, refuses nonsense', () => {
    const s = selectBest(3, noisy(1, [3, 2, 2], [1, 1, 1]), { budget: 61, direction: 'min', confidence: 0.999 });
    expect(s.counts.reduce((a, b) => a + b, 0)).toBe(61);
    expect(s.met).toBe(false);
    expect(s.means[0]).toBeGreaterThan(s.means[s.best]!);
    expect(selectBest(2, (i) => i, { budget: 20 })).toMatchObject({
      best: 1,
      probability: 1,
      met: true,
      counts: [10, 10],
    });
    expect(() => selectBest(1, () => 0, { budget: 10 })).toThrow('systems');
    expect(() => selectBest(2, () => 0, { budget: 10 })).toThrow('budget');
    expect(() => selectBest(2, () => NaN, { budget: 20 })).toThrow('gave NaN');
    expect(() => selectBest(2, () => 0, { budget: 20, confidence: 0 })).toThrow('confidence');
  });
});
