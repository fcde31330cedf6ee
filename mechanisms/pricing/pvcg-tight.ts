import type { Field } from './lib/field.ts';
import {
  type ClearOptions,
  MarketUnfit,
  type OneShot,
  type ProcurementMarket,
  type ProcurementOutcome,
} from './lib/markets.ts';
import { optimum } from './lib/merit-order.ts';
import { payments, wantConcave } from './pvcg.ts';

/** pVCG with the tight pivot: h_i = - (least surplus V_i that a type of i could have against these rivals). */
export const pvcgTight: OneShot = {
  name: 'pvcg-tight',
  procurement<T>(f: Field<T>, m: ProcurementMarket<T>, o: ClearOptions): ProcurementOutcome<T> {
    wantConcave(f, 'pvcg-tight', m, o);
    const best = optimum(f, m);
    const tau = payments(f, m, best);
    const payment = m.suppliers.map((s, i) => {
      if (s.types === undefined)
        throw new MarketUnfit(`pvcg-tight needs "types" (bounds of capacity and unitCost) of supplier ${s.id}`);
      return f.sub(tau[i]!, worstSurplus(f, m, i));
    });
    return { quantity: best.quantity, payment, income: best.income, surplus: best.surplus };
  },
};

/** V_i of the worst type: least capacity, highest cost (V_i rises in capacity and falls in cost). */
export function worstSurplus<T>(f: Field<T>, m: ProcurementMarket<T>, i: number): T {
  const { types } = m.suppliers[i]!;
  if (types === undefined) return f.zero;
  const suppliers = [...m.suppliers];
  suppliers[i] = { ...suppliers[i]!, capacity: types.capacity[0], unitCost: types.unitCost[1] };
  const worst = optimum(f, { ...m, suppliers });
  return f.sub(worst.surplus, worst.without(i));
}
