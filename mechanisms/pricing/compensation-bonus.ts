import type { Field } from './lib/field.ts';
import type { ProcurementMarket } from './lib/markets.ts';
import { incomeAt, optimum } from './lib/merit-order.ts';

/**
 * Payments from what everybody really delivered: p_i = own reported cost of its delivery + [B(delivered) - all reported costs of what was
 * delivered] - S*_-i. `delivered` is parallel to the suppliers, at most what was accepted.
 */
export function compensationAndBonus<T>(f: Field<T>, m: ProcurementMarket<T>, delivered: readonly T[]): T[] {
  const best = optimum(f, m);
  const total = delivered.reduce((s, x) => f.add(s, x), f.zero);
  const costs = delivered.map((x, i) => f.mul(x, m.suppliers[i]!.unitCost));
  const surplus = costs.reduce((s, c) => f.sub(s, c), incomeAt(f, m.income, total));
  return m.suppliers.map((_, i) => f.add(costs[i]!, f.sub(surplus, best.without(i))));
}
