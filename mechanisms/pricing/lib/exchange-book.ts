/**
 * Many buyers and sellers of one good: steps in order of price, the efficient trade, and the welfare without any one trader
 * by walking from the margin only as far as the trader's own units reach.
 */
import { byId, type Field, least } from './field.ts';
import type { ExchangeMarket, Trader } from './markets.ts';

/** One step of one trader in the order of its side. */
export interface Offer<T> {
  trader: number;
  quantity: T;
  price: T;
}

export interface Book<T> {
  /** Dearest first. */
  bids: Offer<T>[];
  /** Cheapest first. */
  asks: Offer<T>[];
}

export interface Trade<T> {
  bought: T[];
  sold: T[];
  total: T;
  gains: T;
  /** First offer that is not filled in full, and how much of it is. */
  bidAt: number;
  bidFilled: T;
  askAt: number;
  askFilled: T;
}

function offers<T>(f: Field<T>, traders: readonly Trader<T>[], rising: boolean): Offer<T>[] {
  const list: (Offer<T> & { id: string; step: number })[] = [];
  traders.forEach((t, trader) => {
    t.steps.forEach((s, step) => {
      if (f.cmp(s.quantity, f.zero) > 0) list.push({ trader, quantity: s.quantity, price: s.price, id: t.id, step });
    });
  });
  return list.sort(
    (a, b) => (rising ? f.cmp(a.price, b.price) : f.cmp(b.price, a.price)) || byId(a.id, b.id) || a.step - b.step,
  );
}

export function bookOf<T>(f: Field<T>, m: ExchangeMarket<T>): Book<T> {
  return { bids: offers(f, m.buyers, false), asks: offers(f, m.sellers, true) };
}

/** Trades while value exceeds cost; units of zero surplus are refused. */
export function trade<T>(f: Field<T>, m: ExchangeMarket<T>, book: Book<T>, most: T | null = null): Trade<T> {
  const t: Trade<T> = {
    bought: m.buyers.map(() => f.zero),
    sold: m.sellers.map(() => f.zero),
    total: f.zero,
    gains: f.zero,
    bidAt: 0,
    bidFilled: f.zero,
    askAt: 0,
    askFilled: f.zero,
  };
  while (t.bidAt < book.bids.length && t.askAt < book.asks.length) {
    const bid = book.bids[t.bidAt]!;
    const ask = book.asks[t.askAt]!;
    if (f.cmp(bid.price, ask.price) <= 0) break;
    let q = least(f, f.sub(bid.quantity, t.bidFilled), f.sub(ask.quantity, t.askFilled));
    if (most !== null) q = least(f, q, f.sub(most, t.total));
    if (f.cmp(q, f.zero) <= 0) break;
    t.total = f.add(t.total, q);
    t.gains = f.add(t.gains, f.mul(q, f.sub(bid.price, ask.price)));
    t.bought[bid.trader] = f.add(t.bought[bid.trader]!, q);
    t.sold[ask.trader] = f.add(t.sold[ask.trader]!, q);
    t.bidFilled = f.add(t.bidFilled, q);
    t.askFilled = f.add(t.askFilled, q);
    if (f.cmp(t.bidFilled, bid.quantity) >= 0) {
      t.bidAt++;
      t.bidFilled = f.zero;
    }
    if (f.cmp(t.askFilled, ask.quantity) >= 0) {
      t.askAt++;
      t.askFilled = f.zero;
    }
  }
  return t;
}

/**
 * What the others' welfare gains when trader i of one side leaves: its `own` filled units go to rivals behind the margin or
 * are not made. Welfare without i = gains - i's own value (or + its cost) + this.
 */
export function rerouted<T>(f: Field<T>, book: Book<T>, t: Trade<T>, buyer: boolean, i: number): T {
  const own: T = (buyer ? t.bought : t.sold)[i]!;
  const rivals = buyer ? book.bids : book.asks;
  const others = buyer ? book.asks : book.bids;
  let ri = buyer ? t.bidAt : t.askAt;
  let rFilled = buyer ? t.bidFilled : t.askFilled;
  let oi = buyer ? t.askAt : t.bidAt;
  let oFilled = buyer ? t.askFilled : t.bidFilled;
  // Take the counterparties of i's units back from the margin inwards ...
  let gain = f.zero;
  let left = own;
  while (f.cmp(left, f.zero) > 0) {
    if (f.cmp(oFilled, f.zero) <= 0) {
      oi--;
      oFilled = others[oi]!.quantity;
    }
    const q = least(f, left, oFilled);
    gain = f.add(gain, f.mul(q, others[oi]!.price));
    oFilled = f.sub(oFilled, q);
    left = f.sub(left, q);
  }
  // (a buyer's leaving saves these costs; a seller's leaving loses these values)
  if (!buyer) gain = f.sub(f.zero, gain);
  // ... and match them with rivals, as long as that gains.
  while (ri < rivals.length && oi < others.length) {
    const r = rivals[ri]!;
    if (r.trader === i) {
      ri++;
      rFilled = f.zero;
      continue;
    }
    const o = others[oi]!;
    const margin = buyer ? f.sub(r.price, o.price) : f.sub(o.price, r.price);
    if (f.cmp(margin, f.zero) <= 0) break;
    const q = least(f, f.sub(r.quantity, rFilled), f.sub(o.quantity, oFilled));
    gain = f.add(gain, f.mul(q, margin));
    rFilled = f.add(rFilled, q);
    oFilled = f.add(oFilled, q);
    if (f.cmp(rFilled, r.quantity) >= 0) {
      ri++;
      rFilled = f.zero;
    }
    if (f.cmp(oFilled, o.quantity) >= 0) {
      oi++;
      oFilled = f.zero;
    }
  }
  return gain;
}
