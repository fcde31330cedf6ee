/** Paired comparison of two systems run on the same random numbers. No Node, no DOM. */
import { studentTail } from '../../core/num/index.ts';
import { type MeanInterval, meanInterval } from './interval.ts';

export interface PairedComparison {
  a: MeanInterval;
  b: MeanInterval;
  /** b - a, pair by pair. */
  difference: MeanInterval;
  /** Two-sided p-value of "no difference". */
  p: number;
  /**
   * Variance that a difference of independent runs would have over the variance of the paired one: how many times fewer replications
   * the pairing needs. Infinity when the pairs differ by a constant; null with fewer than three pairs or nothing that varies.
   */
  varianceReduction: number | null;
}

export function pairedComparison(a: readonly number[], b: readonly number[], level = 0.95): PairedComparison {
  if (a.length !== b.length) throw new RangeError(`paired: ${a.length} values against ${b.length}`);
  const d = a.map((x, i) => b[i]! - x);
  const ia = meanInterval(a, level);
  const ib = meanInterval(b, level);
  const difference = meanInterval(d, level);
  const apart = ia.sd * ia.sd + ib.sd * ib.sd;
  const together = difference.sd * difference.sd;
  return {
    a: ia,
    b: ib,
    difference,
    p: pValue(difference),
    varianceReduction:
      a.length < 3 || !(apart > 0) ? null : together === 0 ? Number.POSITIVE_INFINITY : apart / together,
  };
}

function pValue(i: MeanInterval): number {
  if (i.n < 2) return 1;
  if (i.sd === 0) return i.mean === 0 ? 1 : 0;
  return 2 * studentTail(Math.abs(i.mean) / (i.sd / Math.sqrt(i.n)), i.n - 1);
}

/** Holm's correction (1979): p-values that control the family-wise error over all of them. Same order as given. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, i) => i).sort((i, j) => ps[i]! - ps[j]! || i - j);
  const out = new Array<number>(ps.length);
  let running = 0;
  order.forEach((i, rank) => {
    running = Math.max(running, Math.min(1, (ps.length - rank) * ps[i]!));
    out[i] = running;
  });
  return out;
}
