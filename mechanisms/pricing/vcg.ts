import { bookOf, rerouted, trade } from './lib/exchange-book.ts';
import type { Field } from './lib/field.ts';
import { type CombinatorialMarket, type ExchangeMarket, type OneShot, stepsValue } from './lib/markets.ts';
import { bestAllocation } from './lib/winner-determination.ts';
import { pvcg } from './pvcg.ts';

/** Vickrey-Clarke-Groves with the Clarke pivot on every kind of market: everyone pays (or is paid for) its externality. */
export const vcg: OneShot = {
  name: 'vcg',
  procurement: pvcg.procurement!,
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>) {
    const book = bookOf(f, m);
    const t = trade(f, m, book);
    const traded = (q: T): boolean => f.cmp(q, f.zero) > 0;
    return {
      bought: t.bought,
      sold: t.sold,
      // Welfare of the others with i is gains - value; without i it is that plus what their trade gains anew.
      buyerPayment: t.bought.map((q, i) => (traded(q) ? rerouted(f, book, t, true, i) : f.zero)),
      sellerPayment: t.sold.map((q, i) => (traded(q) ? f.sub(f.zero, rerouted(f, book, t, false, i)) : f.zero)),
      gains: t.gains,
    };
  },
  combinatorial<T>(f: Field<T>, m: CombinatorialMarket<T>) {
    const best = bestAllocation(f, m, -1);
    const payment = m.bidders.map((b, i) => {
      const won = best.won[i]!;
      if (won < 0) return f.zero;
      const others = f.sub(best.welfare, b.bids[won]!.value);
      return f.sub(bestAllocation(f, m, i).welfare, others);
    });
    return { won: best.won, payment, welfare: best.welfare };
  },
};

/** Utility of a trader that truly has `steps`, for its quantity and payment. */
export function traderUtility<T>(
  f: Field<T>,
  buyer: boolean,
  steps: Parameters<typeof stepsValue<T>>[1],
  quantity: T,
  payment: T,
): T {
  const worth = stepsValue(f, steps, quantity);
  return buyer ? f.sub(worth, payment) : f.sub(payment, worth);
}
