import { bookOf, trade } from './lib/exchange-book.ts';
import type { Field } from './lib/field.ts';
import {
  type CombinatorialMarket,
  type ExchangeMarket,
  type OneShot,
  type ProcurementMarket,
  stepsValue,
} from './lib/markets.ts';
import { optimum } from './lib/merit-order.ts';
import { bestAllocation } from './lib/winner-determination.ts';

/** Everyone pays or is paid its own report. */
export const payAsBid: OneShot = {
  name: 'pay-as-bid',
  procurement<T>(f: Field<T>, m: ProcurementMarket<T>) {
    const best = optimum(f, m);
    const payment = best.quantity.map((q, i) => f.mul(q, m.suppliers[i]!.unitCost));
    return { quantity: best.quantity, payment, income: best.income, surplus: best.surplus };
  },
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>) {
    const t = trade(f, m, bookOf(f, m));
    return {
      bought: t.bought,
      sold: t.sold,
      buyerPayment: t.bought.map((q, i) => stepsValue(f, m.buyers[i]!.steps, q)),
      sellerPayment: t.sold.map((q, i) => stepsValue(f, m.sellers[i]!.steps, q)),
      gains: t.gains,
    };
  },
  combinatorial<T>(f: Field<T>, m: CombinatorialMarket<T>) {
    const best = bestAllocation(f, m, -1);
    const payment = best.won.map((b, i) => (b < 0 ? f.zero : m.bidders[i]!.bids[b]!.value));
    return { won: best.won, payment, welfare: best.welfare };
  },
};
