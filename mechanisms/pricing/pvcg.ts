import type { Field } from './lib/field.ts';
import {
  type ClearOptions,
  type OneShot,
  type ProcurementMarket,
  type ProcurementOutcome,
  TheoremLost,
} from './lib/markets.ts';
import { isConcave, type Merit, optimum } from './lib/merit-order.ts';

/** Payment rule of pVCG without adjustment: tau_i = S* - S*_-i + c_i x_i (Clarke pivot, h = 0). */
export function payments<T>(f: Field<T>, m: ProcurementMarket<T>, best: Merit<T>): T[] {
  return m.suppliers.map((s, i) => {
    const q = best.quantity[i]!;
    if (f.cmp(q, f.zero) <= 0) return f.zero;
    return f.add(f.sub(best.surplus, best.without(i)), f.mul(q, s.unitCost));
  });
}

/** Refuses an income curve that may pay out more than it takes, unless allowed. */
export function wantConcave<T>(f: Field<T>, name: string, m: ProcurementMarket<T>, o: ClearOptions): void {
  if (o.allow || m.income.kind === 'all-or-nothing' || m.income.kind === 'sets' || isConcave(f, m.income)) return;
  throw new TheoremLost(
    name,
    'the marginal values rise (the income is not concave)',
    'weak budget balance (S* submodular in suppliers)',
  );
}

/**
 * Procurement VCG. The allocation is the exact maximiser of income minus reported costs, without which the proof is void.
 * A gang (`all-or-nothing`) or `sets` is cleared too: truthful and individually rational, but with a deficit.
 */
export const pvcg: OneShot = {
  name: 'pvcg',
  procurement<T>(f: Field<T>, m: ProcurementMarket<T>, o: ClearOptions): ProcurementOutcome<T> {
    wantConcave(f, 'pvcg', m, o);
    const best = optimum(f, m);
    return { quantity: best.quantity, payment: payments(f, m, best), income: best.income, surplus: best.surplus };
  },
};

/**
 * Unfairness of a payment vector: the population variance over suppliers of capacity / (capacity + payment), the first term
 * of the fair variant's loss (FVCG); suppliers with neither are left out.
 */
export function unfairness(capacity: readonly number[], payment: readonly number[]): number {
  const share: number[] = [];
  for (const [i, x] of capacity.entries()) if (x + payment[i]! > 0) share.push(x / (x + payment[i]!));
  if (share.length === 0) return 0;
  let mean = 0;
  for (const s of share) mean += s / share.length;
  let variance = 0;
  for (const s of share) variance += ((s - mean) * (s - mean)) / share.length;
  return variance;
}
