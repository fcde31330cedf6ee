import type { Field } from './lib/field.ts';
import type { ClearOptions, ExchangeMarket, OneShot } from './lib/markets.ts';
import { unitOrder, unitTrades } from './lib/unit-traders.ts';

/** Strongly budget balanced double auction: one price, set by the best trader who does not trade or by the k-th buyer. */
export const sbba: OneShot = {
  name: 'sbba',
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>, o: ClearOptions) {
    const u = unitOrder(f, m, 'sbba', o.allow);
    const { k } = u;
    if (k === 0) return unitTrades(f, m, [], [], f.zero, f.zero);
    if (k < u.sellers.length && f.cmp(u.cost(k), u.value(k - 1)) <= 0) {
      const p = u.cost(k);
      return unitTrades(f, m, u.buyers.slice(0, k), u.sellers.slice(0, k), p, p);
    }
    // Buyer k sets the price and leaves; a seller drawn by its name's coin, whatever it asked, leaves too.
    const sellers = u.sellers.slice(0, k);
    let out = sellers[0]!;
    let low = 2;
    for (const i of sellers) {
      const c = o.coin('sbba', m.sellers[i]!.id);
      if (c < low) {
        low = c;
        out = i;
      }
    }
    const p = u.value(k - 1);
    return unitTrades(
      f,
      m,
      u.buyers.slice(0, k - 1),
      sellers.filter((i) => i !== out),
      p,
      p,
    );
  },
};
