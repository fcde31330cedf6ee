import type { Field } from './lib/field.ts';
import type { ClearOptions, ExchangeMarket, OneShot } from './lib/markets.ts';
import { unitOrder, unitTrades } from './lib/unit-traders.ts';

/** McAfee's double auction: the price between the first pair that does not trade, or the last trade is given up. */
export const mcafee: OneShot = {
  name: 'mcafee',
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>, o: ClearOptions) {
    const u = unitOrder(f, m, 'mcafee', o.allow);
    const { k } = u;
    if (k === 0) return unitTrades(f, m, [], [], f.zero, f.zero);
    const last = k - 1;
    if (k < u.buyers.length && k < u.sellers.length) {
      const p = f.div(f.add(u.value(k), u.cost(k)), f.of(2));
      if (f.cmp(u.cost(last), p) <= 0 && f.cmp(p, u.value(last)) <= 0)
        return unitTrades(f, m, u.buyers.slice(0, k), u.sellers.slice(0, k), p, p);
    }
    return unitTrades(f, m, u.buyers.slice(0, last), u.sellers.slice(0, last), u.value(last), u.cost(last));
  },
};
