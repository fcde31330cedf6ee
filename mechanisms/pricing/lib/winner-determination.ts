/**
 * Exact winner determination of XOR bundle bids by branch and bound over bidders, for small markets. The bound is the sum of
 * each remaining bidder's best bid.
 */
import { byId, type Field } from './field.ts';
import { type CombinatorialMarket, MarketUnfit } from './markets.ts';

export interface Allocation<T> {
  won: number[];
  welfare: T;
}

/** Partial allocations looked at before a search is given up: a few seconds, and far more than markets of twenty bidders need. */
export const MAX_VISITS = 40_000_000;

/** The best allocation without bidder `skip` (-1 = with all). Among equals the first in order of bidder ids is kept. Throws MarketUnfit after `mostVisits`. */
export function bestAllocation<T>(
  f: Field<T>,
  m: CombinatorialMarket<T>,
  skip: number,
  mostVisits = MAX_VISITS,
): Allocation<T> {
  const order = m.bidders.map((_, i) => i).filter((i) => i !== skip);
  order.sort((a, b) => byId(m.bidders[a]!.id, m.bidders[b]!.id));
  // rest[k]: most that bidders order[k..] could add, each taken alone.
  const rest: T[] = new Array(order.length + 1).fill(f.zero);
  for (let k = order.length - 1; k >= 0; k--) {
    let top = f.zero;
    for (const bid of m.bidders[order[k]!]!.bids) if (f.cmp(bid.value, top) > 0) top = bid.value;
    rest[k] = f.add(rest[k + 1]!, top);
  }
  const used = new Uint8Array(m.goods.length);
  const won: number[] = m.bidders.map(() => -1);
  let best: Allocation<T> = { won: [...won], welfare: f.zero };
  let visits = 0;
  const visit = (k: number, welfare: T): void => {
    if (++visits > mostVisits)
      throw new MarketUnfit(
        `${order.length} bidders over ${m.goods.length} goods are too many for exact branch and bound; use --solver highs, or greedy-critical`,
      );
    if (f.cmp(welfare, best.welfare) > 0) best = { won: [...won], welfare };
    if (k === order.length || f.cmp(f.add(welfare, rest[k]!), best.welfare) <= 0) return;
    const i = order[k]!;
    const { bids } = m.bidders[i]!;
    for (let b = 0; b < bids.length; b++) {
      const bid = bids[b]!;
      if (f.cmp(bid.value, f.zero) <= 0 || bid.goods.some((g) => used[g] === 1)) continue;
      for (const g of bid.goods) used[g] = 1;
      won[i] = b;
      visit(k + 1, f.add(welfare, bid.value));
      won[i] = -1;
      for (const g of bid.goods) used[g] = 0;
    }
    visit(k + 1, welfare);
  };
  visit(0, f.zero);
  return best;
}
