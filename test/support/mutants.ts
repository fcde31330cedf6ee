/** Mechanisms with one planted mistake each: the certifier must find every one. */

import type { CaseOptions } from '../../lab/certify/classes.ts';
import type { PropertyName } from '../../lab/certify/properties.ts';
import { bookOf, trade } from '../../mechanisms/pricing/lib/exchange-book.ts';
import { greedy, ranked } from '../../mechanisms/pricing/lib/greedy.ts';
import { incomeAt, optimum } from '../../mechanisms/pricing/lib/merit-order.ts';
import { unitOrder, unitTrades } from '../../mechanisms/pricing/lib/unit-traders.ts';
import { type Field, type OneShot, oneShots, type ProcurementMarket } from '../../mechanisms/pricing/one-shot-index.ts';
import { payments, pvcg } from '../../mechanisms/pricing/pvcg.ts';

export interface Mutant {
  about: string;
  property: PropertyName;
  options: CaseOptions;
  mechanism: OneShot;
}

type Paid = <T>(f: Field<T>, m: ProcurementMarket<T>) => { quantity: T[]; payment: T[] };

const procurement = (clear: Paid): OneShot => ({
  name: 'mutant',
  procurement(f, m) {
    const { quantity, payment } = clear(f, m);
    const total = quantity.reduce((s, q) => f.add(s, q), f.zero);
    const income = m.income.kind === 'sets' ? f.zero : incomeAt(f, m.income, total);
    const cost = quantity.reduce((s, q, i) => f.add(s, f.mul(q, m.suppliers[i]!.unitCost)), f.zero);
    return { quantity, payment, income, surplus: f.sub(income, cost) };
  },
});

/** pVCG with its payments changed. */
const repaid = (change: <T>(f: Field<T>, m: ProcurementMarket<T>, tau: T[], quantity: T[]) => T[]): OneShot =>
  procurement((f, m) => {
    const best = optimum(f, m);
    return { quantity: best.quantity, payment: change(f, m, payments(f, m, best), best.quantity) };
  });

const byCost = <T>(f: Field<T>, m: ProcurementMarket<T>): number[] =>
  m.suppliers.map((_, i) => i).sort((a, b) => f.cmp(m.suppliers[a]!.unitCost, m.suppliers[b]!.unitCost) || a - b);

const rounded = <T>(f: Field<T>, x: T, unit: number): T => f.div(f.of(Math.floor(f.number(x) * unit)), f.of(unit));

function published<T>(f: Field<T>, m: ProcurementMarket<T>, skip: number): { quantity: T[]; surplus: T } {
  // The published loop: the cheapest is accepted whole, whatever its marginal income.
  const order = byCost(f, m).filter((i) => i !== skip);
  const first = order[0];
  const quantity = m.suppliers.map(() => f.zero);
  if (first === undefined) return { quantity, surplus: f.zero };
  const rest = optimum(f, m);
  order.forEach((i) => {
    quantity[i] = rest.quantity[i]!;
  });
  quantity[first] = m.suppliers[first]!.capacity;
  let total = f.zero;
  let cost = f.zero;
  quantity.forEach((q, i) => {
    total = f.add(total, q);
    cost = f.add(cost, f.mul(q, m.suppliers[i]!.unitCost));
  });
  return { quantity, surplus: f.sub(m.income.kind === 'sets' ? f.zero : incomeAt(f, m.income, total), cost) };
}

export const mutants: Mutant[] = [
  {
    about: 'the published acceptance loop, which takes the cheapest whole',
    property: 'efficient',
    options: {},
    mechanism: procurement((f, m) => {
      const { quantity, surplus } = published(f, m, -1);
      const payment = quantity.map((q, i) =>
        f.cmp(q, f.zero) > 0
          ? f.add(f.sub(surplus, published(f, m, i).surplus), f.mul(q, m.suppliers[i]!.unitCost))
          : f.zero,
      );
      return { quantity, payment };
    }),
  },
  {
    about: 'the pivot of the next supplier (off by one)',
    property: 'dsic-cost',
    options: {},
    mechanism: procurement((f, m) => {
      const best = optimum(f, m);
      const n = m.suppliers.length;
      return {
        quantity: best.quantity,
        payment: m.suppliers.map((s, i) =>
          f.cmp(best.quantity[i]!, f.zero) > 0
            ? f.add(f.sub(best.surplus, best.without((i + 1) % n)), f.mul(best.quantity[i]!, s.unitCost))
            : f.zero,
        ),
      };
    }),
  },
  {
    about: 'McAfee’s price from the k-th pair instead of the next',
    property: 'dsic-cost',
    options: {},
    mechanism: {
      name: 'mcafee',
      exchange(f, m) {
        const u = unitOrder(f, m, 'mutant', true);
        if (u.k === 0) return unitTrades(f, m, [], [], f.zero, f.zero);
        const p = f.div(f.add(u.value(u.k - 1), u.cost(u.k - 1)), f.of(2));
        return unitTrades(f, m, u.buyers.slice(0, u.k), u.sellers.slice(0, u.k), p, p);
      },
    },
  },
  {
    about: 'payments rounded down to cents',
    property: 'ir',
    options: {},
    mechanism: repaid((f, _m, tau) => tau.map((p) => rounded(f, p, 100))),
  },
  {
    about: 'ties go to the supplier that reports the larger capacity',
    property: 'dsic-capacity',
    options: { delivery: 'verified' },
    mechanism: procurement((f, m) => {
      // Renamed so that ids sort by capacity: pays the winner of a tie a bonus for its size.
      const best = optimum(f, m);
      const tau = payments(f, m, best);
      const tied = m.suppliers.filter((s) => f.cmp(s.unitCost, m.suppliers[0]!.unitCost) === 0);
      const largest = tied.reduce((a, b) => (f.cmp(b.capacity, a.capacity) > 0 ? b : a), m.suppliers[0]!);
      return {
        quantity: best.quantity,
        payment: tau.map((p, i) => (tied.length > 1 && m.suppliers[i] === largest ? f.add(p, f.one) : p)),
      };
    }),
  },
  {
    about: 'a stale cache: the surplus without i is that of the last market of the same size',
    property: 'dsic-cost',
    options: {},
    mechanism: (() => {
      const cache = new Map<string, unknown>();
      return procurement(<T>(f: Field<T>, m: ProcurementMarket<T>) => {
        const best = optimum(f, m);
        const payment = m.suppliers.map((s, i) => {
          if (f.cmp(best.quantity[i]!, f.zero) <= 0) return f.zero;
          // The key forgets the rivals' costs.
          const key = `${f.exact} ${m.suppliers.length} ${i} ${f.number(s.capacity)} ${f.number(s.unitCost)}`;
          const without = (cache.get(key) as T | undefined) ?? best.without(i);
          cache.set(key, without);
          return f.add(f.sub(best.surplus, without), f.mul(best.quantity[i]!, s.unitCost));
        });
        return { quantity: best.quantity, payment };
      });
    })(),
  },
  {
    about: 'SBBA leaves out the dearest seller instead of a drawn one',
    property: 'dsic-cost',
    options: {},
    mechanism: {
      name: 'sbba',
      exchange(f, m) {
        const u = unitOrder(f, m, 'mutant', true);
        const { k } = u;
        if (k === 0) return unitTrades(f, m, [], [], f.zero, f.zero);
        const p = u.value(k - 1);
        return unitTrades(f, m, u.buyers.slice(0, k - 1), u.sellers.slice(0, k - 1), p, p);
      },
    },
  },
  {
    about: 'a uniform price set by the last accepted supplier',
    property: 'dsic-cost',
    options: { supply: 'unit' },
    mechanism: procurement((f, m) => {
      const best = optimum(f, m);
      const last = byCost(f, m)
        .filter((i) => f.cmp(best.quantity[i]!, f.zero) > 0)
        .at(-1);
      const price = last === undefined ? f.zero : m.suppliers[last]!.unitCost;
      return { quantity: best.quantity, payment: best.quantity.map((q) => f.mul(q, price)) };
    }),
  },
  {
    about: 'a greedy bundle auction that charges the runner-up in the whole list, in conflict or not',
    property: 'dsic-value',
    options: {},
    mechanism: {
      name: 'greedy-critical',
      combinatorial(f, m) {
        const order = ranked(f, m);
        const { won, welfare } = greedy(f, m, order);
        const payment = won.map((b, i) => {
          if (b < 0) return f.zero;
          const at = order.findIndex((e) => e.bidder === i);
          return order[at + 1]?.value ?? f.zero;
        });
        return { won, payment, welfare };
      },
    },
  },
  {
    about: 'accepted quantities rounded down to whole units',
    property: 'efficient',
    options: {},
    mechanism: procurement((f, m) => {
      const best = optimum(f, m);
      return { quantity: best.quantity.map((q) => rounded(f, q, 1)), payment: payments(f, m, best) };
    }),
  },
  {
    about: 'exchange buyers charged the last trade’s cost, not their externality',
    property: 'dsic-value',
    options: { kind: 'exchange' },
    mechanism: {
      name: 'mutant',
      exchange(f, m, o) {
        const x = oneShots.get('vcg')!.exchange!(f, m, o);
        const book = bookOf(f, m);
        const t = trade(f, m, book);
        const price = book.bids[t.bidAt]?.price ?? book.asks[Math.max(0, t.askAt - 1)]!.price;
        return { ...x, buyerPayment: x.bought.map((q) => f.mul(q, price)) };
      },
    },
  },
  {
    about: 'a posted price that is the mean of the asks',
    property: 'dsic-cost',
    options: { kind: 'exchange' },
    mechanism: {
      name: 'mutant',
      exchange(f, m, o) {
        const asks = m.sellers.map((s) => s.steps[0]!.price);
        const price = f.div(
          asks.reduce((s, p) => f.add(s, p), f.zero),
          f.of(asks.length),
        );
        return oneShots.get('posted-price')!.exchange!(f, { ...m, price }, o);
      },
    },
  },
  {
    about: 'a fee of one per mille, hidden in the payment',
    property: 'dsic-cost',
    options: {},
    mechanism: repaid((f, _m, tau) => tau.map((p) => f.sub(p, f.div(p, f.of(1000))))),
  },
  {
    about: 'suppliers that are not served get a millionth of what they asked',
    property: 'dsic-cost',
    options: {},
    mechanism: repaid((f, m, tau, q) =>
      tau.map((p, i) => (f.cmp(q[i]!, f.zero) > 0 ? p : f.div(m.suppliers[i]!.unitCost, f.of(1_000_00)))),
    ),
  },
];

export const soundMechanism = pvcg;
