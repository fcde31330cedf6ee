import { bookOf, type Offer, trade } from './lib/exchange-book.ts';
import { type Field, least } from './lib/field.ts';
import type { ClearOptions, ExchangeMarket, ExchangeOutcome, OneShot, Trader } from './lib/markets.ts';

/** Double auction by random halving: each half trades at the market-clearing price of the other. */
export const muda: OneShot = {
  name: 'muda',
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>, o: ClearOptions): ExchangeOutcome<T> {
    const left = (id: string): boolean => o.coin('muda', id) < 0.5;
    const half = (want: boolean): ExchangeMarket<T> => ({
      ...m,
      buyers: m.buyers.map((t) => (left(t.id) === want ? t : { ...t, steps: [] })),
      sellers: m.sellers.map((t) => (left(t.id) === want ? t : { ...t, steps: [] })),
    });
    const a = half(true);
    const b = half(false);
    const x = tradeAt(f, a, walrasPrice(f, b));
    const y = tradeAt(f, b, walrasPrice(f, a));
    const both = (p: T[], q: T[]): T[] => p.map((v, i) => f.add(v, q[i]!));
    return {
      bought: both(x.bought, y.bought),
      sold: both(x.sold, y.sold),
      buyerPayment: both(x.buyerPayment, y.buyerPayment),
      sellerPayment: both(x.sellerPayment, y.sellerPayment),
      gains: f.add(x.gains, y.gains),
    };
  },
};

/** Middle of the prices that clear the market; null when nothing trades. */
export function walrasPrice<T>(f: Field<T>, m: ExchangeMarket<T>): T | null {
  const book = bookOf(f, m);
  const t = trade(f, m, book);
  if (f.cmp(t.total, f.zero) <= 0) return null;
  const lastBid = book.bids[f.cmp(t.bidFilled, f.zero) > 0 ? t.bidAt : t.bidAt - 1]!.price;
  const lastAsk = book.asks[f.cmp(t.askFilled, f.zero) > 0 ? t.askAt : t.askAt - 1]!.price;
  const nextBid = t.bidAt < book.bids.length ? book.bids[t.bidAt]!.price : null;
  const nextAsk = t.askAt < book.asks.length ? book.asks[t.askAt]!.price : null;
  const low = nextBid !== null && f.cmp(nextBid, lastAsk) > 0 ? nextBid : lastAsk;
  const high = nextAsk !== null && f.cmp(nextAsk, lastBid) < 0 ? nextAsk : lastBid;
  return f.div(f.add(low, high), f.of(2));
}

/**
 * Trade at a price from outside: the shorter side trades all it wants at that price, the longer side competes in a Vickrey
 * auction with that price as reserve.
 */
function tradeAt<T>(f: Field<T>, m: ExchangeMarket<T>, price: T | null): ExchangeOutcome<T> {
  const none = (n: number): T[] => new Array(n).fill(f.zero);
  const out: ExchangeOutcome<T> = {
    bought: none(m.buyers.length),
    sold: none(m.sellers.length),
    buyerPayment: none(m.buyers.length),
    sellerPayment: none(m.sellers.length),
    gains: f.zero,
  };
  if (price === null) return out;
  const book = bookOf(f, m);
  const bids = book.bids.filter((b) => f.cmp(b.price, price) > 0);
  const asks = book.asks.filter((a) => f.cmp(a.price, price) < 0);
  const size = (list: readonly Offer<T>[]): T => list.reduce((s, x) => f.add(s, x.quantity), f.zero);
  const total = least(f, size(bids), size(asks));
  const fill = (list: readonly Offer<T>[], got: T[], paid: T[], traders: readonly Trader<T>[]): void => {
    let left = total;
    for (const b of list) {
      const q = least(f, b.quantity, left);
      got[b.trader] = f.add(got[b.trader]!, q);
      left = f.sub(left, q);
    }
    const rest = behind(f, list, total);
    traders.forEach((_, i) => {
      if (f.cmp(got[i]!, f.zero) > 0) paid[i] = winnerPayment(f, got[i]!, i, rest, price);
    });
  };
  fill(bids, out.bought, out.buyerPayment, m.buyers);
  fill(asks, out.sold, out.sellerPayment, m.sellers);
  for (const [list, sign] of [
    [bids, 1],
    [asks, -1],
  ] as const) {
    let left = total;
    for (const b of list) {
      const q = least(f, b.quantity, left);
      const worth = f.mul(q, b.price);
      out.gains = sign > 0 ? f.add(out.gains, worth) : f.sub(out.gains, worth);
      left = f.sub(left, q);
    }
  }
  return out;
}

/** What of an ordered list lies behind the first `total` units. */
function behind<T>(f: Field<T>, list: readonly Offer<T>[], total: T): Offer<T>[] {
  let left = total;
  const rest: Offer<T>[] = [];
  for (const b of list) {
    const q = least(f, b.quantity, left);
    left = f.sub(left, q);
    const more = f.sub(b.quantity, q);
    if (f.cmp(more, f.zero) > 0) rest.push({ ...b, quantity: more });
  }
  return rest;
}

/** Vickrey payment for `quantity` units: the best losing units of others, in order, and `reserve` for what they do not fill. */
export function winnerPayment<T>(f: Field<T>, quantity: T, own: number, losers: readonly Offer<T>[], reserve: T): T {
  let left = quantity;
  let pay = f.zero;
  for (const l of losers) {
    if (f.cmp(left, f.zero) <= 0) break;
    if (l.trader === own) continue;
    const q = least(f, l.quantity, left);
    pay = f.add(pay, f.mul(q, l.price));
    left = f.sub(left, q);
  }
  return f.add(pay, f.mul(left, reserve));
}
