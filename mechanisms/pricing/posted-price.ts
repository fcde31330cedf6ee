import type { Offer } from './lib/exchange-book.ts';
import { byId, type Field, least } from './lib/field.ts';
import {
  type ClearOptions,
  type ExchangeMarket,
  MarketUnfit,
  type OneShot,
  type ProcurementMarket,
  type Trader,
} from './lib/markets.ts';
import { incomeAt } from './lib/merit-order.ts';

/** A price set beforehand; who may trade at it is rationed by coins that no report moves. */
export const postedPrice: OneShot = {
  name: 'posted-price',
  procurement<T>(f: Field<T>, m: ProcurementMarket<T>, o: ClearOptions) {
    const { price } = m;
    if (price === undefined) throw new MarketUnfit('posted-price needs "price"');
    if (m.income.kind === 'sets') throw new MarketUnfit('posted-price does not hire teams');
    const order = lottery(m.suppliers, 'posted-price', o);
    const { income } = m;
    // Buys up to the demand at the price: units whose marginal income is at least the price.
    let left: T | null = null;
    if (income.kind === 'all-or-nothing')
      left = f.cmp(income.value, f.mul(price, income.units)) >= 0 ? income.units : f.zero;
    if (income.kind === 'sqrt' && f.cmp(price, f.zero) > 0)
      left = f.div(f.mul(income.alpha, income.alpha), f.mul(f.of(4), f.mul(price, price)));
    if (income.kind === 'steps') {
      left = f.zero;
      for (const [k, slope] of income.slope.entries())
        if (f.cmp(slope, price) >= 0) left = f.add(left, income.width[k]!);
    }
    const quantity: T[] = m.suppliers.map(() => f.zero);
    let total = f.zero;
    let cost = f.zero;
    for (const i of order) {
      const s = m.suppliers[i]!;
      if (f.cmp(s.unitCost, price) > 0) continue;
      const q = left === null ? s.capacity : least(f, s.capacity, left);
      quantity[i] = q;
      total = f.add(total, q);
      cost = f.add(cost, f.mul(q, s.unitCost));
      if (left !== null) left = f.sub(left, q);
    }
    const gross = incomeAt(f, income, total);
    return { quantity, payment: quantity.map((q) => f.mul(q, price)), income: gross, surplus: f.sub(gross, cost) };
  },
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>, o: ClearOptions) {
    const { price } = m;
    if (price === undefined) throw new MarketUnfit('posted-price needs "price"');
    const willing = (traders: readonly Trader<T>[], buyer: boolean): Offer<T>[] =>
      lottery(traders, 'posted-price', o).flatMap((trader) =>
        traders[trader]!.steps.filter((s) => (buyer ? f.cmp(s.price, price) >= 0 : f.cmp(s.price, price) <= 0)).map(
          (s) => ({ trader, quantity: s.quantity, price: s.price }),
        ),
      );
    const bids = willing(m.buyers, true);
    const asks = willing(m.sellers, false);
    const size = (list: readonly Offer<T>[]): T => list.reduce((s, x) => f.add(s, x.quantity), f.zero);
    const total = least(f, size(bids), size(asks));
    let gains = f.zero;
    const fill = (list: readonly Offer<T>[], n: number, buyer: boolean): T[] => {
      const got: T[] = new Array(n).fill(f.zero);
      let left = total;
      for (const b of list) {
        const q = least(f, b.quantity, left);
        got[b.trader] = f.add(got[b.trader]!, q);
        left = f.sub(left, q);
        const worth = f.mul(q, b.price);
        gains = buyer ? f.add(gains, worth) : f.sub(gains, worth);
      }
      return got;
    };
    const bought = fill(bids, m.buyers.length, true);
    const sold = fill(asks, m.sellers.length, false);
    const at = (q: T): T => f.mul(q, price);
    return { bought, sold, buyerPayment: bought.map(at), sellerPayment: sold.map(at), gains };
  },
};

function lottery(list: readonly { id: string }[], purpose: string, o: ClearOptions): number[] {
  const coin = list.map((x) => o.coin(purpose, x.id));
  return list.map((_, i) => i).sort((a, b) => coin[a]! - coin[b]! || byId(list[a]!.id, list[b]!.id));
}
