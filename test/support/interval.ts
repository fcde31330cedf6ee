/** Confidence intervals over replications, with the family-wise level shared out (Bonferroni). */
import { studentQuantile } from '../../core/num/index.ts';

export interface Interval {
  mean: number;
  half: number;
  n: number;
}

/** Two-sided Student interval at level 1 - alpha / claims. */
export function interval(values: readonly number[], claims: number, alpha = 0.001): Interval {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1);
  const t = studentQuantile(1 - alpha / claims / 2, n - 1);
  return { mean, half: t * Math.sqrt(variance / n), n };
}
