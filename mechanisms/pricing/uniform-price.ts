import { bookOf, trade } from './lib/exchange-book.ts';
import { type Field, greatest, least } from './lib/field.ts';
import {
  type ClearOptions,
  type ExchangeMarket,
  MarketUnfit,
  type OneShot,
  type ProcurementMarket,
} from './lib/markets.ts';
import { isConcave, optimum } from './lib/merit-order.ts';

/** One price for every unit: the first rejected unit's cost, at most the last accepted unit's marginal value. */
export const uniformPrice: OneShot = {
  name: 'uniform-price',
  procurement<T>(f: Field<T>, m: ProcurementMarket<T>, _o: ClearOptions) {
    if (!isConcave(f, m.income))
      throw new MarketUnfit('uniform-price needs a concave income: a gang has no marginal value');
    const best = optimum(f, m);
    let price: T | null = null;
    let total = f.zero;
    m.suppliers.forEach((s, i) => {
      total = f.add(total, best.quantity[i]!);
      if (f.cmp(best.quantity[i]!, s.capacity) < 0 && (price === null || f.cmp(s.unitCost, price) < 0))
        price = s.unitCost;
    });
    const value = lastMarginal(f, m, total);
    const unit: T = price === null ? value : least(f, price, value);
    return {
      quantity: best.quantity,
      payment: best.quantity.map((q) => f.mul(q, unit)),
      income: best.income,
      surplus: best.surplus,
    };
  },
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>) {
    const book = bookOf(f, m);
    const t = trade(f, m, book);
    let price = f.zero;
    if (f.cmp(t.total, f.zero) > 0) {
      const lastBid = book.bids[f.cmp(t.bidFilled, f.zero) > 0 ? t.bidAt : t.bidAt - 1]!.price;
      const lastAsk = book.asks[f.cmp(t.askFilled, f.zero) > 0 ? t.askAt : t.askAt - 1]!.price;
      const nextAsk = book.asks[t.askAt]?.price;
      if (nextAsk !== undefined) price = least(f, nextAsk, lastBid);
      else if (m.sellers.length === 1 && f.cmp(t.total, f.one) > 0)
        // One seller of several units is an auction: the highest rejected bid, not below the cost.
        price = greatest(f, book.bids[t.bidAt]?.price ?? lastAsk, lastAsk);
      else price = lastBid;
    }
    return {
      bought: t.bought,
      sold: t.sold,
      buyerPayment: t.bought.map((q) => f.mul(q, price)),
      sellerPayment: t.sold.map((q) => f.mul(q, price)),
      gains: t.gains,
    };
  },
};

/** Marginal income of the last accepted unit. */
function lastMarginal<T>(f: Field<T>, m: ProcurementMarket<T>, total: T): T {
  if (f.cmp(total, f.zero) <= 0) return f.zero;
  let value = f.zero;
  if (m.income.kind === 'sqrt') value = f.div(m.income.alpha, f.mul(f.of(2), f.sqrt(total)));
  if (m.income.kind === 'steps') {
    let x = f.zero;
    for (let k = 0; k < m.income.slope.length && f.cmp(x, total) < 0; k++) {
      x = f.add(x, m.income.width[k]!);
      value = m.income.slope[k]!;
    }
  }
  return m.reserve === undefined ? value : least(f, value, m.reserve);
}
