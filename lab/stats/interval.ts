/** Means and confidence intervals over independent replications. No Node, no DOM: notebooks use this too. */
import { Tally } from '../../sim/kernel/estimators.ts';

export interface MeanInterval {
  n: number;
  mean: number;
  /** Half the width of the two-sided Student interval; Infinity below two values. */
  half: number;
  sd: number;
}

export function meanInterval(values: readonly number[], level = 0.95): MeanInterval {
  const tally = new Tally();
  for (const v of values) tally.add(v);
  const n = tally.count;
  return {
    n,
    mean: n === 0 ? Number.NaN : tally.mean,
    half: n < 2 ? Number.POSITIVE_INFINITY : tally.interval(level).half,
    sd: Math.sqrt(tally.variance),
  };
}
