import type { Field } from './lib/field.ts';
import {
  type ClearOptions,
  type ExchangeMarket,
  type ExchangeOutcome,
  MarketUnfit,
  type OneShot,
  TheoremLost,
} from './lib/markets.ts';
import { vcg } from './vcg.ts';

/** Finite types of two symmetric bidders for one item: probability[i][j] of (own type i, rival's type j). */
export interface Prior<T> {
  values: T[];
  probability: T[][];
}

/** Solves A x = b by elimination with exact pivots; null when A is singular. */
export function solveLinear<T>(f: Field<T>, A: readonly (readonly T[])[], b: readonly T[]): T[] | null {
  const n = b.length;
  const M = A.map((row, i) => [...row, b[i]!]);
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) {
      const size = (x: T): number => Math.abs(f.number(x));
      if (size(M[r]![c]!) > size(M[pivot]![c]!)) pivot = r;
    }
    if (f.cmp(M[pivot]![c]!, f.zero) === 0) return null;
    [M[c], M[pivot]] = [M[pivot]!, M[c]!];
    for (let r = 0; r < n; r++) {
      if (r === c || f.cmp(M[r]![c]!, f.zero) === 0) continue;
      const k = f.div(M[r]![c]!, M[c]![c]!);
      for (let j = c; j <= n; j++) M[r]![j] = f.sub(M[r]![j]!, f.mul(k, M[c]![j]!));
    }
  }
  return M.map((row, i) => f.div(row[n]!, row[i]!));
}

/** Conditional beliefs P(rival's type j | own type i); throws when a type has no mass. */
export function beliefs<T>(f: Field<T>, prior: Prior<T>): T[][] {
  return prior.probability.map((row) => {
    const mass = row.reduce((s, p) => f.add(s, p), f.zero);
    if (f.cmp(mass, f.zero) <= 0) throw new MarketUnfit('cremer-mclean: a type has no probability');
    return row.map((p) => f.div(p, mass));
  });
}

/** Expected surplus of each type in the second-price auction (ties at the same value leave nothing). */
function vickreySurplus<T>(f: Field<T>, values: readonly T[], belief: readonly T[][]): T[] {
  return values.map((v, i) =>
    values.reduce((s, w, j) => (f.cmp(v, w) > 0 ? f.add(s, f.mul(belief[i]![j]!, f.sub(v, w))) : s), f.zero),
  );
}

/** Side bets kappa(rival's type) whose expectation under each type's belief is its Vickrey surplus; null without full rank. */
export function sideBets<T>(f: Field<T>, prior: Prior<T>): T[] | null {
  const belief = beliefs(f, prior);
  return solveLinear(f, belief, vickreySurplus(f, prior.values, belief));
}

/** Expected revenue of the second-price auction, of the best reserve among the types, and with side bets. */
export function expectedRevenues<T>(f: Field<T>, prior: Prior<T>): { secondPrice: T; reserve: T; full: T } {
  const { values, probability } = prior;
  const expect = (revenue: (v: T, w: T) => T): T => {
    let e = f.zero;
    values.forEach((v, i) => {
      values.forEach((w, j) => {
        e = f.add(e, f.mul(probability[i]![j]!, revenue(v, w)));
      });
    });
    return e;
  };
  const min = (v: T, w: T): T => (f.cmp(v, w) < 0 ? v : w);
  const max = (v: T, w: T): T => (f.cmp(v, w) < 0 ? w : v);
  let reserve = f.zero;
  for (const r of values) {
    const e = expect((v, w) => (f.cmp(max(v, w), r) < 0 ? f.zero : max(min(v, w), r)));
    reserve = max(reserve, e);
  }
  return { secondPrice: expect(min), reserve, full: expect(max) };
}

/** Two bidders with correlated values for one item: Vickrey's auction and a bet on the other's report. */
export const cremerMclean: OneShot = {
  name: 'cremer-mclean',
  exchange<T>(f: Field<T>, m: ExchangeMarket<T>, o: ClearOptions): ExchangeOutcome<T> {
    const { prior } = m;
    if (prior === undefined)
      throw new MarketUnfit('cremer-mclean needs "prior" (values and a matrix of probabilities)');
    if (m.buyers.length !== 2 || m.sellers.length !== 1)
      throw new MarketUnfit('cremer-mclean is shipped for two buyers and one seller');
    const kappa = sideBets(f, prior);
    if (kappa === null)
      throw new TheoremLost(
        'cremer-mclean',
        'the matrix of beliefs has no full rank (some type’s belief is a mixture of the others’)',
        'full surplus extraction (Crémer and McLean 1988)',
      );
    const typeOf = (i: number): number => {
      const v = m.buyers[i]!.steps[0]?.price;
      const k = v === undefined ? -1 : prior.values.findIndex((x) => f.cmp(x, v) === 0);
      if (k < 0) throw new MarketUnfit(`cremer-mclean: the value of ${m.buyers[i]!.id} is no type of the prior`);
      return k;
    };
    const types = [typeOf(0), typeOf(1)];
    const all = vcg.exchange!(f, m, o);
    const buyerPayment = all.buyerPayment.map((p, i) => f.add(p, kappa[types[1 - i]!]!));
    const { secondPrice, reserve, full } = expectedRevenues(f, prior);
    return {
      ...all,
      buyerPayment,
      sellerPayment: all.sold.map((q, i) => f.mul(q, m.sellers[i]!.steps[0]?.price ?? f.zero)),
      extra: { kappa, expectedRevenue: [secondPrice, reserve, full] },
    };
  },
};
