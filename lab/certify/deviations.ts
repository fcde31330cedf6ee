/**
 * The lies that are tried: for each property, what an agent could report instead. Reports lie on a grid of critical values (where
 * an outcome can change), just beside them, and at some simple multiples of the truth.
 */
import type {
  CombinatorialMarket,
  ExchangeMarket,
  Market,
  ProcurementMarket,
  Trader,
} from '../../mechanisms/pricing/one-shot-index.ts';
import type { Own, Side } from './outcomes.ts';

export interface Deviation {
  market: Market<number>;
  own: Own[];
  /** Ids of who deviates, joined with "+". */
  agent: string;
  /** Within 1e-3 of a value where the outcome can change. */
  near: boolean;
  about: string;
}

/** Beside a critical value: 2^-11, a binary fraction below 1e-3. */
const EPS = 1 / 2048;
const GRID = 4096;
const snap = (x: number): number => Math.round(x * GRID) / GRID;

interface Candidate {
  value: number;
  near: boolean;
}

/** Critical values with their neighbours, multiples of the truth, and a few fixed points; no negatives, no truth itself. */
function candidates(truth: number, critical: readonly number[]): Candidate[] {
  const list: Candidate[] = [];
  const put = (value: number, near: boolean): void => {
    if (value >= 0 && value !== truth) list.push({ value, near });
  };
  for (const c of critical) {
    const s = snap(c);
    put(s, true);
    put(s - EPS, true);
    put(s + EPS, true);
  }
  for (const k of [0, 0.5, 0.75, 1.25, 1.5, 2, 4]) put(snap(truth * k), false);
  put(truth + 0.25, false);
  put(truth - 0.25, false);
  put(truth + 1, false);
  put(truth - 1, false);
  return list;
}

function supplierCritical(m: ProcurementMarket<number>, i: number): number[] {
  const list = m.suppliers.filter((_, k) => k !== i).map((s) => s.unitCost);
  const { income } = m;
  if (income.kind === 'steps') for (const [k, s] of income.slope.entries()) if (s !== income.slope[k - 1]) list.push(s);
  if (income.kind === 'sqrt') {
    // Marginal income where a rival's capacity ends, with and without this supplier's own.
    const order = m.suppliers.filter((_, k) => k !== i).sort((a, b) => a.unitCost - b.unitCost);
    let x = 0;
    for (const s of order) {
      x += s.capacity;
      list.push(income.alpha / (2 * Math.sqrt(x)), income.alpha / (2 * Math.sqrt(x + m.suppliers[i]!.capacity)));
    }
  }
  if (income.kind === 'all-or-nothing') {
    // The cost at which the whole gang stops paying.
    const others = m.suppliers.filter((_, k) => k !== i).sort((a, b) => a.unitCost - b.unitCost);
    let left = income.units - m.suppliers[i]!.capacity;
    let cost = 0;
    for (const s of others) {
      const take = Math.max(0, Math.min(left, s.capacity));
      cost += take * s.unitCost;
      left -= take;
    }
    if (left <= 0) list.push((income.value - cost) / Math.min(income.units, m.suppliers[i]!.capacity));
  }
  return list;
}

const withSupplier = (m: ProcurementMarket<number>, i: number, change: { capacity?: number; unitCost?: number }) => {
  const suppliers = m.suppliers.slice();
  suppliers[i] = { ...suppliers[i]!, ...change };
  return { ...m, suppliers };
};

export function* costLies(m: Market<number>): Generator<Deviation> {
  if (m.kind === 'procurement') {
    for (const [i, s] of m.suppliers.entries())
      for (const c of candidates(s.unitCost, supplierCritical(m, i)))
        yield {
          market: withSupplier(m, i, { unitCost: c.value }),
          own: [{ side: 'supplier', at: i, truth: i }],
          agent: s.id,
          near: c.near,
          about: `reports unit cost ${c.value} instead of ${s.unitCost}`,
        };
  }
  if (m.kind === 'exchange') yield* traderLies(m, 'seller');
}

export function* valueLies(m: Market<number>): Generator<Deviation> {
  if (m.kind === 'exchange') yield* m.prior === undefined ? traderLies(m, 'buyer') : typeLies(m);
  if (m.kind === 'combinatorial') yield* bundleLies(m);
}

/** Other prices for all units, or for the last step alone. */
function* traderLies(m: ExchangeMarket<number>, side: 'buyer' | 'seller'): Generator<Deviation> {
  const list = side === 'buyer' ? m.buyers : m.sellers;
  const critical = [...m.buyers, ...m.sellers].flatMap((t) => t.steps.map((s) => s.price));
  if (m.price !== undefined) critical.push(m.price);
  const crit = [...new Set(critical)];
  for (const [i, t] of list.entries()) {
    const replace = (steps: Trader<number>['steps'], near: boolean, about: string): Deviation => {
      const traders = list.slice();
      traders[i] = { ...t, steps };
      return {
        market: side === 'buyer' ? { ...m, buyers: traders } : { ...m, sellers: traders },
        own: [{ side, at: i, truth: i }],
        agent: t.id,
        near,
        about,
      };
    };
    const first = t.steps[0]!;
    for (const c of candidates(first.price, crit)) {
      const steps = t.steps.map((s) => ({ ...s, price: Math.max(0, c.value + (s.price - first.price)) }));
      yield replace(steps, c.near, `reports ${c.value} instead of ${first.price} per unit`);
    }
    if (t.steps.length < 2) continue;
    const last = t.steps.at(-1)!;
    for (const c of candidates(last.price, crit)) {
      const before = t.steps.at(-2)!.price;
      if (side === 'buyer' ? c.value > before : c.value < before) continue;
      const steps = t.steps.map((s, k) => (k === t.steps.length - 1 ? { ...s, price: c.value } : s));
      yield replace(steps, c.near, `reports ${c.value} instead of ${last.price} for its last units`);
    }
  }
}

/** With a finite prior only its types can be reported. */
function* typeLies(m: ExchangeMarket<number>): Generator<Deviation> {
  for (const [i, t] of m.buyers.entries())
    for (const price of m.prior!.values) {
      if (price === t.steps[0]!.price) continue;
      const buyers = m.buyers.slice();
      buyers[i] = { ...t, steps: [{ ...t.steps[0]!, price }] };
      yield {
        market: { ...m, buyers },
        own: [{ side: 'buyer', at: i, truth: i }],
        agent: t.id,
        near: true,
        about: `reports the type ${price} instead of ${t.steps[0]!.price}`,
      };
    }
}

function* bundleLies(m: CombinatorialMarket<number>): Generator<Deviation> {
  for (const [i, b] of m.bidders.entries()) {
    const rivals = m.bidders.filter((_, k) => k !== i).flatMap((x) => x.bids);
    for (const [k, bid] of b.bids.entries()) {
      const critical = rivals.flatMap((x) => [x.value, (x.value * bid.goods.length) / x.goods.length]);
      for (const [p, x] of rivals.entries())
        for (const y of rivals.slice(p + 1)) critical.push(x.value + y.value, Math.abs(x.value - y.value));
      for (const c of candidates(bid.value, critical)) {
        const bidders = m.bidders.slice();
        bidders[i] = { ...b, bids: b.bids.map((x, n) => (n === k ? { ...x, value: c.value } : x)) };
        yield {
          market: { ...m, bidders },
          own: [{ side: 'bidder', at: i, truth: i }],
          agent: b.id,
          near: c.near,
          about: `bids ${c.value} instead of ${bid.value}`,
        };
      }
    }
  }
}

export function* capacityLies(m: Market<number>): Generator<Deviation> {
  if (m.kind !== 'procurement') return;
  for (const [i, s] of m.suppliers.entries()) {
    const x = s.capacity;
    const lies = new Set([
      0,
      x / 4,
      x / 2,
      (3 * x) / 4,
      x - EPS,
      x + EPS,
      x + 0.5,
      x + 1,
      1.5 * x,
      2 * x,
      3 * x,
      8 * x,
    ]);
    for (const capacity of lies)
      yield {
        market: withSupplier(m, i, { capacity }),
        own: [{ side: 'supplier', at: i, truth: i }],
        agent: s.id,
        near: Math.abs(capacity - x) <= EPS,
        about: `reports capacity ${capacity} instead of ${x}`,
      };
  }
}

/** One supplier under two names, at the same or at different costs. */
export function* splits(m: Market<number>): Generator<Deviation> {
  if (m.kind !== 'procurement') return;
  for (const [i, s] of m.suppliers.entries())
    for (const share of [0.5, 0.25])
      for (const [d1, d2] of [
        [0, 0],
        [0, EPS],
        [0, 1],
        [0, 16],
        [-0.5, 0.5],
      ] as const) {
        const a = snap(s.capacity * share);
        if (a <= 0 || a >= s.capacity || s.unitCost + d1 < 0) continue;
        const suppliers = m.suppliers.slice();
        suppliers[i] = { ...s, capacity: a, unitCost: s.unitCost + d1 };
        suppliers.push({ ...s, id: `${s.id}/2`, capacity: s.capacity - a, unitCost: s.unitCost + d2 });
        yield {
          market: { ...m, suppliers },
          own: [i, suppliers.length - 1].map((at) => ({ side: 'supplier' as const, at, truth: i })),
          agent: s.id,
          near: d2 === EPS,
          about: `splits capacity ${s.capacity} into ${a} and ${s.capacity - a} under two names`,
        };
      }
}

/** A bidder as two: each name bids on a part of the goods. */
export function* falseNames(m: Market<number>): Generator<Deviation> {
  if (m.kind !== 'combinatorial') return;
  const goods = m.goods.map((_, g) => g);
  for (const [i, b] of m.bidders.entries()) {
    const most = b.bids.reduce((top, x) => (x.value > top.value ? x : top));
    if (most.goods.length < 2) continue;
    for (const g of goods) {
      if (!most.goods.includes(g)) continue;
      const rest = most.goods.filter((x) => x !== g);
      const alone = (part: readonly number[]): number =>
        b.bids.reduce((v, x) => (x.goods.every((y) => part.includes(y)) ? Math.max(v, x.value) : v), 0);
      const pairs = [
        [alone([g]), alone(rest)],
        [most.value, most.value],
        [most.value / 2, most.value / 2],
        [2 * most.value, 2 * most.value],
      ] as const;
      for (const [v1, v2] of pairs) {
        if (v1 === 0 || v2 === 0) continue;
        const bidders = m.bidders.slice();
        bidders[i] = { ...b, bids: [{ goods: [g], value: v1 }] };
        bidders.push({ id: `${b.id}/2`, bids: [{ goods: rest, value: v2 }] });
        yield {
          market: { ...m, bidders },
          own: [i, bidders.length - 1].map((at) => ({ side: 'bidder' as const, at, truth: i })),
          agent: b.id,
          near: false,
          about: `bids under two names: ${v1} on ${m.goods[g]}, ${v2} on ${rest.map((x) => m.goods[x]).join('')}`,
        };
      }
    }
  }
}

/** Two agents of one side who agree on their reports and share what they gain. */
export function* collusions(m: Market<number>): Generator<Deviation> {
  if (m.kind === 'procurement') {
    const n = m.suppliers.length;
    for (let i = 0; i < n; i++)
      for (let j = i + 1; j < n; j++) {
        const own = [i, j].map((at) => ({ side: 'supplier' as const, at, truth: at }));
        const a = m.suppliers[i]!;
        const b = m.suppliers[j]!;
        for (const x of [a.unitCost, a.unitCost * 1.5 + 1, a.unitCost * 4 + 8, a.unitCost / 2])
          for (const y of [b.unitCost, b.unitCost * 1.5 + 1, b.unitCost * 4 + 8, b.unitCost / 2]) {
            if (x === a.unitCost && y === b.unitCost) continue;
            const market = withSupplier(withSupplier(m, i, { unitCost: x }), j, { unitCost: y });
            const agent = `${a.id}+${b.id}`;
            yield { market, own, agent, near: false, about: `together report unit costs ${x} and ${y}` };
          }
      }
  }
  if (m.kind === 'exchange')
    for (const side of ['buyer', 'seller'] as const) {
      const list = side === 'buyer' ? m.buyers : m.sellers;
      for (let i = 0; i < list.length; i++)
        for (let j = i + 1; j < list.length; j++)
          for (const [k1, k2] of [
            [0.5, 1],
            [1, 0.5],
            [0.5, 0.5],
            [1.5, 1],
            [1, 1.5],
            [1.5, 1.5],
            [4, 4],
          ] as const) {
            const scale = (t: Trader<number>, k: number): Trader<number> => ({
              ...t,
              steps: t.steps.map((s) => ({ ...s, price: snap(s.price * k) })),
            });
            const traders = list.slice();
            traders[i] = scale(list[i]!, k1);
            traders[j] = scale(list[j]!, k2);
            yield {
              market: side === 'buyer' ? { ...m, buyers: traders } : { ...m, sellers: traders },
              own: [i, j].map((at) => ({ side, at, truth: at })),
              agent: `${list[i]!.id}+${list[j]!.id}`,
              near: false,
              about: `together report ${k1} and ${k2} times the truth`,
            };
          }
    }
  if (m.kind === 'combinatorial')
    for (let i = 0; i < m.bidders.length; i++)
      for (let j = i + 1; j < m.bidders.length; j++)
        for (const [k1, k2] of [
          [0.5, 0.5],
          [0.25, 1],
          [1, 0.25],
          [4, 4],
        ] as const) {
          const bidders = m.bidders.slice();
          for (const [at, k] of [
            [i, k1],
            [j, k2],
          ] as const)
            bidders[at] = { ...bidders[at]!, bids: bidders[at]!.bids.map((x) => ({ ...x, value: x.value * k })) };
          yield {
            market: { ...m, bidders },
            own: [i, j].map((at) => ({ side: 'bidder' as const, at, truth: at })),
            agent: `${m.bidders[i]!.id}+${m.bidders[j]!.id}`,
            near: false,
            about: `together bid ${k1} and ${k2} times the truth`,
          };
        }
}

/** Buyers who say they came later, or need less time, than they do. */
export function* timeLies(m: Market<number>): Generator<Deviation> {
  if (m.kind !== 'exchange') return;
  const moments = m.buyers.flatMap((b) => [b.arrival ?? 0, (b.arrival ?? 0) + (b.duration ?? 0)]);
  for (const [i, b] of m.buyers.entries()) {
    if (b.arrival === undefined) continue;
    const change = (said: Partial<Trader<number>>, near: boolean, about: string): Deviation => {
      const buyers = m.buyers.slice();
      buyers[i] = { ...b, ...said };
      return { market: { ...m, buyers }, own: [{ side: 'buyer', at: i, truth: i }], agent: b.id, near, about };
    };
    const later = [...moments.flatMap((t) => [t, t + 0.5]), b.arrival + 1, b.arrival + 2, b.arrival + 4];
    for (const arrival of new Set(later.filter((t) => t > b.arrival!)))
      yield change({ arrival }, moments.includes(arrival), `comes at ${arrival} instead of ${b.arrival}`);
    if (b.duration !== undefined && b.duration > 1)
      yield change(
        { duration: b.duration - 1 },
        false,
        `says it leaves after ${b.duration - 1} instead of ${b.duration}`,
      );
  }
}

/** The market in which one agent offers or asks nothing. */
export function* withdrawals(m: Market<number>): Generator<Deviation> {
  const of = (side: Side, at: number, agent: string, market: Market<number>): Deviation => ({
    market,
    own: [{ side, at, truth: at }],
    agent,
    near: false,
    about: 'stays away',
  });
  if (m.kind === 'procurement')
    for (const [i, s] of m.suppliers.entries()) yield of('supplier', i, s.id, withSupplier(m, i, { capacity: 0 }));
  if (m.kind === 'exchange') {
    const idle = (list: readonly Trader<number>[], i: number, price: number): Trader<number>[] =>
      list.map((t, k) => (k === i ? { ...t, steps: [{ quantity: t.steps[0]!.quantity, price }] } : t));
    // A bid of nothing, an offer that nobody takes.
    for (const [i, t] of m.buyers.entries()) yield of('buyer', i, t.id, { ...m, buyers: idle(m.buyers, i, 0) });
    for (const [i, t] of m.sellers.entries())
      yield of('seller', i, t.id, { ...m, sellers: idle(m.sellers, i, 1_000_000) });
  }
  if (m.kind === 'combinatorial')
    for (const [i, b] of m.bidders.entries()) {
      const bidders = m.bidders.slice();
      bidders[i] = { ...b, bids: b.bids.map((x) => ({ ...x, value: 0 })) };
      yield of('bidder', i, b.id, { ...m, bidders });
    }
}
