import { exp, log } from '../../core/num/index.ts';
import { byId, type Field } from './lib/field.ts';
import {
  type ClearOptions,
  type ExchangeMarket,
  type ExchangeOutcome,
  MarketUnfit,
  type OneShot,
} from './lib/markets.ts';

/** Price at utilisation z for values per unit between low and high: (high e / low)^z (low / e). */
export function thresholdPrice(low: number, high: number, z: number): number {
  return (low / exp(1)) * exp(z * (log(high / low) + 1));
}

/**
 * Buyers come one by one and are served when the value per unit is at least the price at the present utilisation; leases
 * end after `duration`, and the price falls with them. Capacity is what the sellers offer at or below the lowest value.
 */
export const onlineThreshold: OneShot = {
  name: 'online-threshold',
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>, _o: ClearOptions): ExchangeOutcome<T> {
    if (m.priceBounds === undefined)
      throw new MarketUnfit('online-threshold needs "priceBounds" (lowest and highest value)');
    const low = f.number(m.priceBounds[0]);
    const high = f.number(m.priceBounds[1]);
    if (!(low > 0) || high < low) throw new MarketUnfit('online-threshold: priceBounds must be 0 < low <= high');
    const bought: T[] = m.buyers.map(() => f.zero);
    const buyerPayment: T[] = m.buyers.map(() => f.zero);
    let capacity = f.zero;
    for (const s of m.sellers) {
      for (const x of s.steps) if (f.cmp(x.price, m.priceBounds[0]) <= 0) capacity = f.add(capacity, x.quantity);
    }
    const order = m.buyers.map((_, i) => i);
    const arrival = (i: number): number => m.buyers[i]!.arrival ?? 0;
    order.sort((a, b) => arrival(a) - arrival(b) || byId(m.buyers[a]!.id, m.buyers[b]!.id));
    const held: { until: number; quantity: T }[] = [];
    let gains = f.zero;
    let sold = f.zero;
    for (const i of order) {
      const b = m.buyers[i]!;
      const step = b.steps[0];
      if (step === undefined || f.cmp(capacity, f.zero) <= 0) continue;
      let used = f.zero;
      for (const h of held) if (h.until > arrival(i)) used = f.add(used, h.quantity);
      if (f.cmp(f.add(used, step.quantity), capacity) > 0) continue;
      const price = thresholdPrice(low, high, f.number(used) / f.number(capacity));
      // The price is a table value: a double, taken as it is, so that both number types decide alike.
      const unit = decimal(f, price);
      if (f.cmp(step.price, unit) < 0) continue;
      bought[i] = step.quantity;
      buyerPayment[i] = f.mul(step.quantity, unit);
      held.push({
        until: b.duration === undefined ? Number.POSITIVE_INFINITY : arrival(i) + b.duration,
        quantity: step.quantity,
      });
      gains = f.add(gains, f.mul(step.quantity, step.price));
      sold = f.add(sold, buyerPayment[i]!);
    }
    // Sellers share the money by what they offered.
    const offered = m.sellers.map((s) =>
      s.steps.reduce((q, x) => (f.cmp(x.price, m.priceBounds![0]) <= 0 ? f.add(q, x.quantity) : q), f.zero),
    );
    const some = f.cmp(capacity, f.zero) > 0;
    const total = bought.reduce((a, q) => f.add(a, q), f.zero);
    const part = (i: number, of: T): T => (some ? f.div(f.mul(of, offered[i]!), capacity) : f.zero);
    const sellerPayment = m.sellers.map((_, i) => part(i, sold));
    return { bought, sold: m.sellers.map((_, i) => part(i, total)), buyerPayment, sellerPayment, gains };
  },
};

/** The price on a grid of 2^-20, as a number of the field. */
function decimal<T>(f: Field<T>, x: number): T {
  const GRID = 1048576;
  return f.div(f.of(Math.ceil(x * GRID)), f.of(GRID));
}
