/** Greedy allocation of bundles by value over a power of the bundle's size. */
import { byId, type Field } from './field.ts';
import { type ClearOptions, type CombinatorialMarket, TheoremLost } from './markets.ts';

export interface GreedyAllocation<T> {
  won: number[];
  welfare: T;
}

/** Refuses bidders with more than one bundle. */
export function wantSingleMinded<T>(name: string, m: CombinatorialMarket<T>, o: ClearOptions): void {
  const odd = m.bidders.find((b) => b.bids.length > 1);
  if (odd !== undefined && !o.allow)
    throw new TheoremLost(
      name,
      `bidder ${odd.id} bids on ${odd.bids.length} bundles`,
      'truthfulness of greedy with critical values (Lehmann, O’Callaghan, Shoham 2002: single-minded bidders)',
    );
}

/** Sign of the rank of (a, sizeA) minus that of (b, sizeB). */
export function compareRank<T>(f: Field<T>, norm: 'linear' | 'sqrt', a: T, sizeA: number, b: T, sizeB: number): number {
  if (norm === 'linear') return f.cmp(f.mul(a, f.of(sizeB)), f.mul(b, f.of(sizeA)));
  // a / sqrt(sizeA) against b / sqrt(sizeB), for values >= 0: compare squares.
  return f.cmp(f.mul(f.mul(a, a), f.of(sizeB)), f.mul(f.mul(b, b), f.of(sizeA)));
}

interface Entry<T> {
  bidder: number;
  bid: number;
  goods: readonly number[];
  value: T;
}

/** Bids in order of rank; ties go to the lower bidder id, then the earlier bid. Bids of value 0 are refused. */
export function ranked<T>(f: Field<T>, m: CombinatorialMarket<T>): Entry<T>[] {
  const norm = m.norm ?? 'linear';
  const list: Entry<T>[] = [];
  m.bidders.forEach((b, bidder) => {
    b.bids.forEach((x, bid) => {
      if (f.cmp(x.value, f.zero) > 0 && x.goods.length > 0) list.push({ bidder, bid, goods: x.goods, value: x.value });
    });
  });
  return list.sort(
    (a, b) =>
      compareRank(f, norm, b.value, b.goods.length, a.value, a.goods.length) ||
      byId(m.bidders[a.bidder]!.id, m.bidders[b.bidder]!.id) ||
      a.bid - b.bid,
  );
}

export function greedy<T>(
  f: Field<T>,
  m: CombinatorialMarket<T>,
  order: readonly Entry<T>[],
  skip = -1,
): GreedyAllocation<T> {
  const used = new Uint8Array(m.goods.length);
  const won: number[] = m.bidders.map(() => -1);
  let welfare = f.zero;
  for (const e of order) {
    if (e.bidder === skip || won[e.bidder] !== -1 || e.goods.some((g) => used[g] === 1)) continue;
    for (const g of e.goods) used[g] = 1;
    won[e.bidder] = e.bid;
    welfare = f.add(welfare, e.value);
  }
  return { won, welfare };
}

/**
 * Critical value of each winner: the value at which it would just outrank the first bid that is served only because the
 * winner is away; 0 when there is none. One pass per winner over the bids behind it.
 */
export function criticalValues<T>(
  f: Field<T>,
  m: CombinatorialMarket<T>,
  order: readonly Entry<T>[],
  won: readonly number[],
): T[] {
  const norm = m.norm ?? 'linear';
  const pay: T[] = m.bidders.map(() => f.zero);
  const used = new Uint8Array(m.goods.length);
  const taken = new Uint8Array(m.bidders.length);
  for (let at = 0; at < order.length; at++) {
    const me = order[at]!;
    if (won[me.bidder] !== me.bid || taken[me.bidder] === 1) continue;
    // State before me is the greedy run's; go on without me until a bid that conflicts with mine is served.
    const u = Uint8Array.from(used);
    const t = Uint8Array.from(taken);
    const mine = new Uint8Array(m.goods.length);
    for (const g of me.goods) mine[g] = 1;
    for (let k = at + 1; k < order.length; k++) {
      const e = order[k]!;
      if (e.bidder === me.bidder || t[e.bidder] === 1 || e.goods.some((g) => u[g] === 1)) continue;
      if (e.goods.some((g) => mine[g] === 1)) {
        const size = f.div(f.of(me.goods.length), f.of(e.goods.length));
        pay[me.bidder] = f.mul(e.value, norm === 'linear' ? size : f.sqrt(size));
        break;
      }
      t[e.bidder] = 1;
      for (const g of e.goods) u[g] = 1;
    }
    taken[me.bidder] = 1;
    for (const g of me.goods) used[g] = 1;
  }
  return pay;
}
