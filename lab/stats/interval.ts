/** Means and confidence intervals over independent replications. No Node, no DOM: notebooks use this too. */
import { studentQuantile } from '../../core/num/index.ts';

export interface MeanInterval {
  n: number;
  mean: number;
  /** Half the width of the two-sided Student interval; Infinity below two values. */
  half: number;
  sd: number;
}

export function meanInterval(values: readonly number[], level = 0.95): MeanInterval {
  const n = values.length;
  let sum = 0;
  for (const v of values) sum += v;
  const mean = n === 0 ? Number.NaN : sum / n;
  if (n < 2) return { n, mean, half: Number.POSITIVE_INFINITY, sd: Number.NaN };
  let squares = 0;
  for (const v of values) squares += (v - mean) * (v - mean);
  const sd = Math.sqrt(squares / (n - 1));
  return { n, mean, half: sd === 0 ? 0 : (studentQuantile((1 + level) / 2, n - 1) * sd) / Math.sqrt(n), sd };
}
