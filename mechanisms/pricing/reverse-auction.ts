import type { Field } from './lib/field.ts';
import { type ClearOptions, MarketUnfit, type OneShot, type ProcurementMarket } from './lib/markets.ts';
import { optimum } from './lib/merit-order.ts';
import { payments } from './pvcg.ts';

/** A tenant's order for a fixed need: the cheapest offers serve it and are paid what their absence would cost. */
export const reverseAuction: OneShot = {
  name: 'reverse-auction',
  procurement<T>(f: Field<T>, m: ProcurementMarket<T>, _o: ClearOptions) {
    if (m.income.kind === 'sets' || m.income.kind === 'sqrt')
      throw new MarketUnfit(
        'reverse-auction needs a fixed need: income "all-or-nothing" (units, value) or a demand table',
      );
    const best = optimum(f, m);
    return { quantity: best.quantity, payment: payments(f, m, best), income: best.income, surplus: best.surplus };
  },
};
