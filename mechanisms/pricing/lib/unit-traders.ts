/** Traders of one unit each: both sides in order and the number of efficient trades. */
import { byId, type Field } from './field.ts';
import { type ExchangeMarket, type ExchangeOutcome, TheoremLost, type Trader } from './markets.ts';

export interface UnitOrder<T> {
  /** Trader indices, best first. */
  buyers: number[];
  sellers: number[];
  value(rank: number): T;
  cost(rank: number): T;
  /** Trades with value above cost. */
  k: number;
}

const price = <T>(t: Trader<T>): T => t.steps[0]!.price;

/** Refuses traders of more than one unit, for which the mechanism is not truthful. */
export function unitOrder<T>(f: Field<T>, m: ExchangeMarket<T>, mechanism: string, allow: boolean): UnitOrder<T> {
  const unit = (t: Trader<T>): boolean => t.steps.length === 1 && f.cmp(t.steps[0]!.quantity, f.one) === 0;
  const odd = [...m.buyers, ...m.sellers].find((t) => t.steps.length > 0 && !unit(t));
  if (odd !== undefined && !(allow && odd.steps.length === 1))
    throw new TheoremLost(
      mechanism,
      `trader ${odd.id} does not trade exactly one unit`,
      'dominant-strategy truthfulness (McAfee 1992: single-unit traders)',
    );
  const side = (list: readonly Trader<T>[], rising: boolean): number[] =>
    list
      .map((_, i) => i)
      .filter((i) => list[i]!.steps.length > 0)
      .sort((a, b) => {
        const x = price(list[a]!);
        const y = price(list[b]!);
        return (rising ? f.cmp(x, y) : f.cmp(y, x)) || byId(list[a]!.id, list[b]!.id);
      });
  const buyers = side(m.buyers, false);
  const sellers = side(m.sellers, true);
  const value = (r: number): T => price(m.buyers[buyers[r]!]!);
  const cost = (r: number): T => price(m.sellers[sellers[r]!]!);
  let k = 0;
  while (k < buyers.length && k < sellers.length && f.cmp(value(k), cost(k)) > 0) k++;
  return { buyers, sellers, value, cost, k };
}

/** The named buyers and sellers trade one unit each at these prices. */
export function unitTrades<T>(
  f: Field<T>,
  m: ExchangeMarket<T>,
  buyers: readonly number[],
  sellers: readonly number[],
  buyerPrice: T,
  sellerPrice: T,
): ExchangeOutcome<T> {
  const none = (n: number): T[] => new Array(n).fill(f.zero);
  const out: ExchangeOutcome<T> = {
    bought: none(m.buyers.length),
    sold: none(m.sellers.length),
    buyerPayment: none(m.buyers.length),
    sellerPayment: none(m.sellers.length),
    gains: f.zero,
  };
  for (const i of buyers) {
    out.bought[i] = f.one;
    out.buyerPayment[i] = buyerPrice;
    out.gains = f.add(out.gains, price(m.buyers[i]!));
  }
  for (const i of sellers) {
    out.sold[i] = f.one;
    out.sellerPayment[i] = sellerPrice;
    out.gains = f.sub(out.gains, price(m.sellers[i]!));
  }
  return out;
}
