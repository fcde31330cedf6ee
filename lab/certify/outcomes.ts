/** What agents truly gain from an outcome, over any number type; and an independent optimum for the property `efficient`. */
import { type Rational, rat } from '../../core/num/index.ts';
import {
  type ClearOptions,
  type CombinatorialMarket,
  type CombinatorialOutcome,
  type ExchangeMarket,
  type ExchangeOutcome,
  type Field,
  type Income,
  type Market,
  MarketUnfit,
  type OneShot,
  type ProcurementMarket,
  type ProcurementOutcome,
  stepsValue,
  type Trader,
} from '../../mechanisms/pricing/one-shot-index.ts';
import { withFee } from './fees.ts';
import type { Fee, NumberReader } from './market-json.ts';

export type Side = 'supplier' | 'buyer' | 'seller' | 'bidder';

/** An agent of the reported market and whose truth stands behind it. */
export interface Own {
  side: Side;
  /** Index in the reported market. */
  at: number;
  /** Index in the true market. */
  truth: number;
}

export type Outcome<T> =
  | { kind: 'procurement'; out: ProcurementOutcome<T> }
  | { kind: 'exchange'; out: ExchangeOutcome<T> }
  | { kind: 'combinatorial'; out: CombinatorialOutcome<T> };

/** How a mechanism is run in a certification. */
export interface Setting {
  mechanism: OneShot;
  options: ClearOptions;
  fee: Fee;
  /** Paid only for what is delivered, in proportion; otherwise in full whatever is delivered. */
  verified: boolean;
}

export function run<T>(f: Field<T>, read: NumberReader<T>, s: Setting, m: Market<T>): Outcome<T> {
  switch (m.kind) {
    case 'procurement':
      if (s.mechanism.procurement === undefined) break;
      return { kind: m.kind, out: withFee(f, read, s.mechanism, m, s.options, s.fee) };
    case 'exchange':
      if (s.mechanism.exchange === undefined) break;
      return { kind: m.kind, out: s.mechanism.exchange(f, m, s.options) };
    case 'combinatorial':
      if (s.mechanism.combinatorial === undefined) break;
      return { kind: m.kind, out: s.mechanism.combinatorial(f, m, s.options) };
  }
  throw new MarketUnfit(`${s.mechanism.name} does not clear ${m.kind} markets`);
}

/** True utility of one or several agents (summed) in the outcome of what they reported. */
export function utility<T>(
  f: Field<T>,
  s: Setting,
  truth: Market<T>,
  reported: Market<T>,
  outcome: Outcome<T>,
  own: readonly Own[],
): T {
  let sum = f.zero;
  // Identities of one supplier share what it can really deliver.
  let sharedWith = -1;
  let capacityLeft = f.zero;
  let goods: number[] | null = null;
  for (const o of own) {
    if (outcome.kind === 'procurement') {
      const t = (truth as ProcurementMarket<T>).suppliers[o.truth]!;
      if (sharedWith !== o.truth) {
        sharedWith = o.truth;
        capacityLeft = t.capacity;
      }
      const award = outcome.out.quantity[o.at]!;
      const paid = outcome.out.payment[o.at]!;
      const delivered = f.cmp(award, capacityLeft) <= 0 ? award : capacityLeft;
      capacityLeft = f.sub(capacityLeft, delivered);
      const full = f.cmp(delivered, award) === 0;
      const gets = full || !s.verified ? paid : f.div(f.mul(paid, delivered), award);
      sum = f.add(sum, f.sub(gets, f.mul(delivered, t.unitCost)));
    } else if (outcome.kind === 'exchange') {
      const m = truth as ExchangeMarket<T>;
      if (o.side === 'buyer') {
        const t = m.buyers[o.truth]!;
        const said = (reported as ExchangeMarket<T>).buyers[o.at]!;
        sum = f.add(sum, f.sub(buyerWorth(f, t, said, outcome.out.bought[o.at]!), outcome.out.buyerPayment[o.at]!));
      } else {
        const t = m.sellers[o.truth]!;
        sum = f.add(sum, f.sub(outcome.out.sellerPayment[o.at]!, stepsValue(f, t.steps, outcome.out.sold[o.at]!)));
      }
    } else {
      sum = f.sub(sum, outcome.out.payment[o.at]!);
      const won = outcome.out.won[o.at]!;
      if (won >= 0) {
        goods ??= [];
        goods.push(...(reported as CombinatorialMarket<T>).bidders[o.at]!.bids[won]!.goods);
      }
    }
  }
  if (goods !== null) {
    // What the goods of all its identities are truly worth: the best alternative inside them.
    const bidder = (truth as CombinatorialMarket<T>).bidders[own[0]!.truth]!;
    let best = f.zero;
    for (const b of bidder.bids)
      if (f.cmp(b.value, best) > 0 && b.goods.every((g) => goods.includes(g))) best = b.value;
    sum = f.add(sum, best);
  }
  return sum;
}

/** A lease that ends before the buyer's need, or units beyond it, are worth nothing. */
function buyerWorth<T>(f: Field<T>, truth: Trader<T>, said: Trader<T>, bought: T): T {
  if ((said.duration ?? Number.POSITIVE_INFINITY) < (truth.duration ?? Number.POSITIVE_INFINITY)) return f.zero;
  return stepsValue(f, truth.steps, bought);
}

/** Money that comes in minus money that goes out. */
export function budgetOf<T>(f: Field<T>, outcome: Outcome<T>): T {
  const minus = (from: T, list: readonly T[]): T => list.reduce((s, p) => f.sub(s, p), from);
  const plus = (list: readonly T[]): T => list.reduce((s, p) => f.add(s, p), f.zero);
  if (outcome.kind === 'procurement') return minus(outcome.out.income, outcome.out.payment);
  if (outcome.kind === 'exchange') return minus(plus(outcome.out.buyerPayment), outcome.out.sellerPayment);
  return plus(outcome.out.payment);
}

/** Surplus of the outcome at the reports, recomputed from quantities alone. */
export function welfareOf<T>(f: Field<T>, m: Market<T>, outcome: Outcome<T>): T {
  if (m.kind === 'procurement' && outcome.kind === 'procurement') {
    const { quantity } = outcome.out;
    let total = f.zero;
    let cost = f.zero;
    m.suppliers.forEach((s, i) => {
      total = f.add(total, quantity[i]!);
      cost = f.add(cost, f.mul(quantity[i]!, s.unitCost));
    });
    return f.sub(incomeOf(f, m.income, total), cost);
  }
  if (m.kind === 'exchange' && outcome.kind === 'exchange') {
    let w = f.zero;
    m.buyers.forEach((t, i) => {
      w = f.add(w, stepsValue(f, t.steps, outcome.out.bought[i]!));
    });
    m.sellers.forEach((t, i) => {
      w = f.sub(w, stepsValue(f, t.steps, outcome.out.sold[i]!));
    });
    return w;
  }
  let w = f.zero;
  if (m.kind === 'combinatorial' && outcome.kind === 'combinatorial')
    outcome.out.won.forEach((b, i) => {
      if (b >= 0) w = f.add(w, m.bidders[i]!.bids[b]!.value);
    });
  return w;
}

function incomeOf<T>(f: Field<T>, income: Income<T>, x: T): T {
  if (income.kind === 'sqrt') return f.mul(income.alpha, f.sqrt(x));
  if (income.kind === 'all-or-nothing') return f.cmp(x, income.units) >= 0 ? income.value : f.zero;
  if (income.kind !== 'steps') throw new MarketUnfit('no certification of teams');
  return stepsValue(
    f,
    income.slope.map((price, k) => ({ price, quantity: income.width[k]! })),
    x,
  );
}

/** The best surplus there is, found by trying every candidate: shares no code with the mechanisms. */
export function bestWelfare<T>(f: Field<T>, m: Market<T>): T {
  let best = f.zero;
  const take = (w: T): void => {
    if (f.cmp(w, best) > 0) best = w;
  };
  if (m.kind === 'combinatorial') {
    const visit = (i: number, used: ReadonlySet<number>, w: T): void => {
      take(w);
      if (i === m.bidders.length) return;
      visit(i + 1, used, w);
      for (const b of m.bidders[i]!.bids)
        if (!b.goods.some((g) => used.has(g))) visit(i + 1, new Set([...used, ...b.goods]), f.add(w, b.value));
    };
    visit(0, new Set(), f.zero);
    return best;
  }
  if (m.kind === 'exchange') {
    // Value and cost of q units at every breakpoint of either side.
    const flat = (traders: readonly Trader<T>[], sign: number) =>
      traders.flatMap((t) => [...t.steps]).sort((a, b) => sign * f.cmp(a.price, b.price));
    const bids = flat(m.buyers, -1);
    const asks = flat(m.sellers, 1);
    const ends = (list: typeof bids): T[] => {
      let q = f.zero;
      return list.map((s) => (q = f.add(q, s.quantity)));
    };
    const most = [ends(bids).at(-1) ?? f.zero, ends(asks).at(-1) ?? f.zero];
    for (const q of [...ends(bids), ...ends(asks)])
      if (most.every((x) => f.cmp(q, x) <= 0)) take(f.sub(stepsValue(f, bids, q), stepsValue(f, asks, q)));
    return best;
  }
  const { income } = m;
  const steps = m.suppliers
    .map((s) => ({ quantity: s.capacity, price: s.unitCost }))
    .sort((a, b) => f.cmp(a.price, b.price));
  const most = steps.reduce((x, s) => f.add(x, s.quantity), f.zero);
  const totals: T[] = [];
  let x = f.zero;
  for (const s of steps) {
    totals.push((x = f.add(x, s.quantity)));
    if (income.kind === 'sqrt' && f.cmp(s.price, f.zero) > 0)
      totals.push(f.div(f.mul(income.alpha, income.alpha), f.mul(f.of(4), f.mul(s.price, s.price))));
  }
  if (income.kind === 'all-or-nothing') totals.push(income.units);
  if (income.kind === 'steps') {
    let w = f.zero;
    for (const width of income.width) totals.push((w = f.add(w, width)));
  }
  for (const q of totals) if (f.cmp(q, most) <= 0) take(f.sub(incomeOf(f, income, q), stepsValue(f, steps, q)));
  return best;
}

/** Exact copy of a market of doubles that hold binary fractions. */
export function exactMarket(m: Market<number>): Market<Rational> {
  const SCALE = 1048576;
  const x = (v: number): Rational => rat(Math.round(v * SCALE), SCALE);
  const trader = (t: Trader<number>): Trader<Rational> => ({
    ...t,
    steps: t.steps.map((s) => ({ quantity: x(s.quantity), price: x(s.price) })),
  });
  switch (m.kind) {
    case 'procurement': {
      const suppliers = m.suppliers.map((s) => ({ id: s.id, capacity: x(s.capacity), unitCost: x(s.unitCost) }));
      const i = m.income;
      const income: Income<Rational> =
        i.kind === 'sqrt'
          ? { kind: i.kind, alpha: x(i.alpha) }
          : i.kind === 'steps'
            ? { kind: i.kind, width: i.width.map(x), slope: i.slope.map(x) }
            : i.kind === 'sets'
              ? { ...i, value: x(i.value) }
              : { kind: i.kind, units: x(i.units), value: x(i.value) };
      return { kind: m.kind, income, suppliers, ...(m.price === undefined ? {} : { price: x(m.price) }) };
    }
    case 'exchange': {
      const out: ExchangeMarket<Rational> = {
        kind: m.kind,
        buyers: m.buyers.map(trader),
        sellers: m.sellers.map(trader),
      };
      if (m.price !== undefined) out.price = x(m.price);
      if (m.priceBounds !== undefined) out.priceBounds = [x(m.priceBounds[0]), x(m.priceBounds[1])];
      if (m.prior !== undefined)
        out.prior = { values: m.prior.values.map(x), probability: m.prior.probability.map((r) => r.map(x)) };
      return out;
    }
    case 'combinatorial':
      return {
        ...m,
        bidders: m.bidders.map((b) => ({ id: b.id, bids: b.bids.map((y) => ({ goods: y.goods, value: x(y.value) })) })),
      };
  }
}

/** The market as `clear` reads it. */
export function jsonMarket(m: Market<number>, fee: Fee): Record<string, unknown> {
  switch (m.kind) {
    case 'procurement': {
      const i = m.income;
      const income =
        i.kind === 'sqrt'
          ? { kind: 'sqrt', alpha: i.alpha }
          : i.kind === 'steps'
            ? { kind: 'marginal', values: i.slope }
            : i.kind === 'sets'
              ? { kind: 'sets', sets: i.sets.map((s) => s.map((k) => m.suppliers[k]!.id)), value: i.value }
              : { kind: 'all-or-nothing', units: i.units, value: i.value };
      return {
        kind: m.kind,
        income,
        suppliers: m.suppliers.map((s) => ({ id: s.id, capacity: s.capacity, unitCost: s.unitCost })),
        ...(m.price === undefined ? {} : { price: m.price }),
        ...(fee.base === 'none' ? {} : { fee }),
      };
    }
    case 'exchange': {
      const side = (list: readonly Trader<number>[], money: string, step: string) =>
        list.map((t) => ({
          id: t.id,
          ...(t.steps.length === 1
            ? { quantity: t.steps[0]!.quantity, [money]: t.steps[0]!.price }
            : { units: t.steps.map((s) => ({ quantity: s.quantity, [step]: s.price })) }),
          ...(t.arrival === undefined ? {} : { arrival: t.arrival }),
          ...(t.duration === undefined ? {} : { duration: t.duration }),
        }));
      return {
        kind: m.kind,
        buyers: side(m.buyers, 'unitValue', 'value'),
        sellers: side(m.sellers, 'unitCost', 'cost'),
        ...(m.price === undefined ? {} : { price: m.price }),
        ...(m.priceBounds === undefined ? {} : { priceBounds: m.priceBounds }),
        ...(m.prior === undefined ? {} : { prior: m.prior }),
      };
    }
    case 'combinatorial':
      return {
        kind: m.kind,
        goods: m.goods,
        bids: m.bidders.map((b) => ({
          bidder: b.id,
          xor: b.bids.map((x) => ({ bundle: x.goods.map((g) => m.goods[g]), value: x.value })),
        })),
        ...(m.norm === undefined ? {} : { norm: m.norm }),
      };
  }
}
