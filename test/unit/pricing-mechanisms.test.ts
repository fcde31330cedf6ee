/** One-shot mechanisms: named vectors that need no command line, laws against slow versions, the theorems T1-T6. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rat, ratCmp, ratToNumber } from '../../core/num/index.ts';
import { shipped } from '../../mechanisms/index.ts';
import { beliefs, expectedRevenues, sideBets } from '../../mechanisms/pricing/cremer-mclean.ts';
import { bookOf, trade } from '../../mechanisms/pricing/lib/exchange-book.ts';
import { doubles, rationals } from '../../mechanisms/pricing/lib/field.ts';
import type { CombinatorialMarket, ExchangeMarket, ProcurementMarket } from '../../mechanisms/pricing/lib/markets.ts';
import { optimum, resolveWithout } from '../../mechanisms/pricing/lib/merit-order.ts';
import { bestAllocation } from '../../mechanisms/pricing/lib/winner-determination.ts';
import { winnerPayment } from '../../mechanisms/pricing/muda.ts';
import { ascendingTradeReduction } from '../../mechanisms/pricing/multilateral.ts';
import { type Chain, compensationAndBonus, DynamicPivot, oneShots } from '../../mechanisms/pricing/one-shot-index.ts';
import { criticalPayments, greedySlots } from '../../mechanisms/pricing/online-greedy.ts';
import { thresholdPrice } from '../../mechanisms/pricing/online-threshold.ts';
import { payments, pvcg, unfairness } from '../../mechanisms/pricing/pvcg.ts';

const options = { coin: () => 0.5, allow: false };
const get = (name: string) => oneShots.get(name)!;

describe('named vectors', () => {
  test('V15 Vickrey payments inside MUDA', () => {
    const losers = [
      { trader: 0, quantity: 2, price: 200 },
      { trader: 1, quantity: 6, price: 400 },
    ];
    expect(winnerPayment(doubles, 5, 0, losers, 500)).toBe(2000);
    expect(winnerPayment(doubles, 5, 1, losers, 500)).toBe(1900);
    const market: ExchangeMarket<number> = {
      kind: 'exchange',
      buyers: [
        { id: 'b1', steps: [{ quantity: 5, price: 250 }] },
        {
          id: 'b2',
          steps: [
            { quantity: 3, price: 350 },
            { quantity: 4, price: 150 },
          ],
        },
      ],
      sellers: [
        { id: 's1', steps: [{ quantity: 5, price: 200 }] },
        {
          id: 's2',
          steps: [
            { quantity: 4, price: 100 },
            { quantity: 3, price: 300 },
          ],
        },
      ],
    };
    const t = trade(doubles, market, bookOf(doubles, market));
    expect([t.total, t.gains]).toEqual([8, 1100]);
  });

  test('V21 second price with a reserve on uniform values: 5/12, without 1/3, one bidder 1/4', () => {
    const n = 120;
    const sell = (values: readonly number[], reserve: number): number => {
      const m: ExchangeMarket<number> = {
        kind: 'exchange',
        buyers: values.map((price, i) => ({ id: `b${i}`, steps: [{ quantity: 1, price }] })),
        sellers: [{ id: 's', steps: [{ quantity: 1, price: reserve }] }],
      };
      return get('vcg').exchange!(doubles, m, options).buyerPayment.reduce((a, b) => a + b, 0);
    };
    let reserve = 0;
    let none = 0;
    let single = 0;
    for (let i = 0; i < n; i++) {
      const v = (i + 0.5) / n;
      single += sell([v], 0.5) / n;
      for (let j = 0; j < n; j++) {
        const w = (j + 0.5) / n;
        reserve += sell([v, w], 0.5) / (n * n);
        none += sell([v, w], 0) / (n * n);
      }
    }
    expect(reserve).toBeCloseTo(5 / 12, 3);
    expect(none).toBeCloseTo(1 / 3, 2);
    expect(single).toBeCloseTo(1 / 4, 6);
  });

  test('V23 slots of a re-usable good', () => {
    const jobs = [
      { id: 'a', arrival: 1, departure: 2, value: 100 },
      { id: 'b', arrival: 1, departure: 2, value: 80 },
      { id: 'c', arrival: 2, departure: 2, value: 60 },
    ];
    expect(greedySlots(jobs, 1)).toEqual([1, 2, -1]);
    expect(criticalPayments(jobs, 1)).toEqual([60, 60, 0]);
    // Charging slot by slot (80, then 60) would reward the first for coming late.
    expect(criticalPayments([{ ...jobs[0]!, arrival: 2 }, jobs[1]!, jobs[2]!], 1)[0]).toBe(60);
  });

  test('V24 threshold price', () => {
    expect(thresholdPrice(1, Math.E, 0)).toBeCloseTo(1 / Math.E, 12);
    expect(thresholdPrice(1, Math.E, 0.5)).toBeCloseTo(1, 12);
    expect(thresholdPrice(1, Math.E, 1)).toBeCloseTo(Math.E, 12);
  });

  test('V28 deals of three', () => {
    const buyers = { name: 'buyers', values: [17, 14, 13, 9, 6] };
    const sellers = { name: 'sellers', values: [-1, -4, -5, -8, -11] };
    const mediators = { name: 'mediators', values: [-1, -3, -4, -7, -10] };
    expect(ascendingTradeReduction([buyers, sellers, mediators])).toMatchObject({ deals: 2, prices: [13, -6, -7] });
    expect(ascendingTradeReduction([buyers, mediators, sellers])).toMatchObject({ deals: 2, prices: [13, -5, -8] });
    expect(ascendingTradeReduction([buyers, { name: 's', values: [-99] }]).deals).toBe(0);
  });

  test('V20 rank decides: identical beliefs leave no bets', () => {
    const prior = {
      values: [1, 2],
      probability: [
        [0.25, 0.25],
        [0.25, 0.25],
      ],
    };
    expect(sideBets(doubles, prior)).toBeNull();
    expect(beliefs(doubles, prior)[0]).toEqual([0.5, 0.5]);
    expect(expectedRevenues(doubles, prior)).toEqual({ secondPrice: 1.25, reserve: 1.5, full: 1.75 });
  });

  test('the published acceptance loop is wrong where the cheapest supplier is the marginal one', () => {
    const m: ProcurementMarket<number> = {
      kind: 'procurement',
      income: { kind: 'sqrt', alpha: 1 },
      suppliers: [
        { id: '1', capacity: 5, unitCost: 0.9 },
        { id: '2', capacity: 5, unitCost: 0.95 },
      ],
    };
    const best = optimum(doubles, m);
    expect(best.quantity[0]! / 5).toBeCloseTo(0.06173, 5);
    expect(best.surplus).toBeCloseTo(0.27778, 5);
  });

  test('over-reported capacity pays unless delivery is verified; splitting does not', () => {
    const m = (caps: number[], costs: number[]): ProcurementMarket<number> => ({
      kind: 'procurement',
      income: { kind: 'sqrt', alpha: 2 },
      suppliers: caps.map((capacity, i) => ({ id: `${i}`, capacity, unitCost: costs[i]! })),
    });
    const truth = pvcg.procurement!(doubles, m([1, 2, 2], [0.2, 0.4, 0.6]), options);
    expect(truth.payment[0]).toBeCloseTo(0.5974, 4);
    const lie = pvcg.procurement!(doubles, m([3, 2, 2], [0.2, 0.4, 0.6]), options);
    expect(lie.quantity[0]).toBe(3);
    expect(lie.payment[0]).toBeCloseTo(1.6055, 4);
    const whole = pvcg.procurement!(doubles, m([2, 2], [0.2, 0.4]), options);
    expect(whole.payment[0]! - 0.4).toBeCloseTo(0.7716, 4);
    const split = pvcg.procurement!(doubles, m([1, 1, 2], [0.2, 0.2, 0.4]), options);
    expect(split.payment[0]! + split.payment[1]! - 0.4).toBeCloseTo(0.6718, 4);
  });

  test('unfairness is a variance', () => {
    expect(unfairness([1, 1], [1, 1])).toBe(0);
    expect(unfairness([1, 1, 0], [1, 3, 0])).toBeCloseTo(((0.5 - 0.375) ** 2 + (0.25 - 0.375) ** 2) / 2, 12);
  });
});

const small = fc.integer({ min: 0, max: 6 });
const supplierList = fc.array(fc.tuple(small, fc.integer({ min: 0, max: 12 })), { minLength: 1, maxLength: 7 });
const incomes = fc.oneof(
  fc.integer({ min: 0, max: 30 }).map((alpha) => ({ kind: 'sqrt' as const, alpha: rat(alpha) })),
  fc
    .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 14 })), { minLength: 1, maxLength: 6 })
    .map((p) => {
      const sorted = [...p].sort((a, b) => b[1] - a[1]);
      return { kind: 'steps' as const, width: sorted.map((x) => rat(x[0])), slope: sorted.map((x) => rat(x[1])) };
    }),
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 60 })).map(([units, value]) => ({
    kind: 'all-or-nothing' as const,
    units: rat(units),
    value: rat(value),
  })),
);

describe('laws', () => {
  test('prefix sums give what solving again gives, exactly; surplus beats every other choice', () => {
    fc.assert(
      fc.property(supplierList, incomes, fc.option(fc.integer({ min: 1, max: 12 })), (list, income, reserve) => {
        const m: ProcurementMarket<ReturnType<typeof rat>> = {
          kind: 'procurement',
          income,
          suppliers: list.map(([c, g], i) => ({ id: `s${i}`, capacity: rat(c), unitCost: rat(g) })),
          ...(reserve === null ? {} : { reserve: rat(reserve) }),
        };
        const best = optimum(rationals, m);
        const tau = payments(rationals, m, best);
        for (const [i, s] of m.suppliers.entries()) {
          if (reserve === null) expect(ratCmp(best.without(i), resolveWithout(rationals, m, i))).toBe(0);
          // IR, and nothing for nothing.
          const cost = ratToNumber(best.quantity[i]!) * ratToNumber(s.unitCost);
          expect(ratToNumber(tau[i]!)).toBeGreaterThanOrEqual(cost - 1e-12);
          if (reserve !== null && income.kind !== 'all-or-nothing')
            expect(ratToNumber(tau[i]!)).toBeLessThanOrEqual(ratToNumber(best.quantity[i]!) * reserve + 1e-12);
        }
        if (income.kind !== 'all-or-nothing') {
          const paid = tau.reduce((a, p) => a + ratToNumber(p), 0);
          if (reserve === null) expect(paid).toBeLessThanOrEqual(ratToNumber(best.income) + 1e-9);
        }
      }),
      { numRuns: 400, seed: 11 },
    );
  });

  test('doubles decide as rationals on integers', () => {
    fc.assert(
      fc.property(supplierList, incomes, (list, income) => {
        const suppliers = list.map(([c, g], i) => ({ id: `s${i}`, capacity: c, unitCost: g }));
        const asNumber =
          income.kind === 'sqrt'
            ? { kind: 'sqrt' as const, alpha: ratToNumber(income.alpha) }
            : income.kind === 'steps'
              ? { kind: 'steps' as const, width: income.width.map(ratToNumber), slope: income.slope.map(ratToNumber) }
              : { ...income, units: ratToNumber(income.units), value: ratToNumber(income.value) };
        const a = pvcg.procurement!(doubles, { kind: 'procurement', income: asNumber, suppliers }, options);
        const b = pvcg.procurement!(
          rationals,
          {
            kind: 'procurement',
            income,
            suppliers: suppliers.map((s) => ({ id: s.id, capacity: rat(s.capacity), unitCost: rat(s.unitCost) })),
          },
          options,
        );
        for (const [i, q] of a.quantity.entries()) {
          expect(q).toBeCloseTo(ratToNumber(b.quantity[i]!), 10);
          expect(a.payment[i]).toBeCloseTo(ratToNumber(b.payment[i]!), 9);
        }
      }),
      { numRuns: 300, seed: 12 },
    );
  });

  const traders = fc.array(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 20 })), { minLength: 1, maxLength: 3 }),
    { minLength: 1, maxLength: 5 },
  );
  const exchangeOf = (buyers: [number, number][][], sellers: [number, number][][]): ExchangeMarket<number> => ({
    kind: 'exchange',
    buyers: buyers.map((steps, i) => ({
      id: `b${i}`,
      steps: [...steps].sort((a, b) => b[1] - a[1]).map(([quantity, price]) => ({ quantity, price })),
    })),
    sellers: sellers.map((steps, i) => ({
      id: `s${i}`,
      steps: [...steps].sort((a, b) => a[1] - b[1]).map(([quantity, price]) => ({ quantity, price })),
    })),
  });

  test('exchange VCG: walking from the margin gives what solving again gives', () => {
    fc.assert(
      fc.property(traders, traders, (b, s) => {
        const m = exchangeOf(b, s);
        const x = get('vcg').exchange!(doubles, m, options);
        const solve = (y: ExchangeMarket<number>) => trade(doubles, y, bookOf(doubles, y)).gains;
        const worth = (steps: readonly { quantity: number; price: number }[], q: number): number => {
          let left = q;
          return steps.reduce((sum, st) => {
            const take = Math.min(left, st.quantity);
            left -= take;
            return sum + take * st.price;
          }, 0);
        };
        m.buyers.forEach((t, i) => {
          const without = solve({ ...m, buyers: m.buyers.filter((_, k) => k !== i) });
          expect(x.buyerPayment[i]).toBe(without - (x.gains - worth(t.steps, x.bought[i]!)));
        });
        m.sellers.forEach((t, i) => {
          const without = solve({ ...m, sellers: m.sellers.filter((_, k) => k !== i) });
          expect(x.sellerPayment[i]).toBe(x.gains - without + worth(t.steps, x.sold[i]!));
        });
      }),
      { numRuns: 400, seed: 13 },
    );
  });

  test('MUDA, posted price, pay-as-bid: no deficit, quantities match, nobody loses', () => {
    fc.assert(
      fc.property(traders, traders, fc.integer({ min: 0, max: 1e6 }), (b, s, coin) => {
        const m = { ...exchangeOf(b, s), price: 9 };
        const o = {
          coin: (p: string, id: string) =>
            ((coin * 7919 + p.length * 31 + id.charCodeAt(0) * 13 + id.charCodeAt(1) * 101) % 97) / 97,
          allow: false,
        };
        for (const name of ['muda', 'posted-price', 'pay-as-bid']) {
          const x = get(name).exchange!(doubles, m, o);
          const total = (list: readonly number[]): number => list.reduce((p, q) => p + q, 0);
          expect(total(x.bought)).toBe(total(x.sold));
          expect(total(x.buyerPayment)).toBeGreaterThanOrEqual(total(x.sellerPayment) - 1e-9);
        }
      }),
      { numRuns: 300, seed: 14 },
    );
  });

  test('branch and bound finds what trying everything finds', () => {
    const bidders = fc.array(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 0, max: 9 })), {
        minLength: 1,
        maxLength: 3,
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(bidders, (list) => {
        const m: CombinatorialMarket<number> = {
          kind: 'combinatorial',
          goods: ['a', 'b', 'c', 'd'],
          bidders: list.map((bids, i) => ({
            id: `x${i}`,
            bids: bids.map(([mask, value]) => ({ goods: [0, 1, 2, 3].filter((g) => (mask >> g) & 1), value })),
          })),
        };
        let best = 0;
        const all = (i: number, used: number, w: number): void => {
          if (i === list.length) {
            best = Math.max(best, w);
            return;
          }
          all(i + 1, used, w);
          for (const [mask, value] of list[i]!) if ((mask & used) === 0) all(i + 1, used | mask, w + value);
        };
        all(0, 0, 0);
        expect(bestAllocation(doubles, m, -1).welfare).toBe(best);
      }),
      { numRuns: 300, seed: 15 },
    );
  });

  test('branch and bound gives up aloud where it would take for ever', () => {
    const goods = Array.from({ length: 12 }, (_, i) => `g${i}`);
    const bidders = goods.map((_, i) => ({ id: `x${i}`, bids: [{ goods: [i, (i + 1) % 12], value: 5 }] }));
    const m: CombinatorialMarket<number> = { kind: 'combinatorial', goods, bidders };
    expect(bestAllocation(doubles, m, -1).welfare).toBe(30);
    expect(() => bestAllocation(doubles, m, -1, 20)).toThrow(/12 bidders over 12 goods are too many/);
  });

  test('T5: surplus of one good is submodular in suppliers, so the residual without one never exceeds the residual', () => {
    fc.assert(
      fc.property(supplierList, fc.integer({ min: 1, max: 30 }), (list, alpha) => {
        const m: ProcurementMarket<number> = {
          kind: 'procurement',
          income: { kind: 'sqrt', alpha },
          suppliers: list.map(([capacity, unitCost], i) => ({ id: `s${i}`, capacity, unitCost })),
        };
        const residual = (x: ProcurementMarket<number>): number => {
          const o = pvcg.procurement!(doubles, x, options);
          return o.income - o.payment.reduce((a, p) => a + p, 0);
        };
        const whole = residual(m);
        expect(whole).toBeGreaterThanOrEqual(-1e-9);
        for (let i = 0; i < list.length; i++)
          expect(residual({ ...m, suppliers: m.suppliers.filter((_, k) => k !== i) })).toBeLessThanOrEqual(
            whole + 1e-9,
          );
      }),
      { numRuns: 300, seed: 16 },
    );
  });
});

describe('over time and after failures', () => {
  test('compensation and bonus charges those who delivered for the failure of another', () => {
    let innocent = 0;
    let below = 0;
    let x = 12345;
    const next = (n: number): number => {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      return (x / 4294967296) * n;
    };
    for (let draw = 0; draw < 1000; draw++) {
      const m: ProcurementMarket<number> = {
        kind: 'procurement',
        income: { kind: 'sqrt', alpha: Math.sqrt(5) },
        suppliers: Array.from({ length: 5 }, (_, i) => ({ id: `s${i}`, capacity: next(5), unitCost: next(1) })),
      };
      const best = optimum(doubles, m);
      const served = best.quantity.flatMap((q, i) => (q > 0 ? [i] : []));
      if (served.length < 2) continue;
      const failed = served[Math.floor(next(served.length))]!;
      const delivered = best.quantity.map((q, i) => (i === failed ? 0 : q));
      const paid = compensationAndBonus(doubles, m, delivered);
      const tau = payments(doubles, m, best);
      for (const i of served) {
        if (i === failed) continue;
        innocent++;
        const cost = delivered[i]! * m.suppliers[i]!.unitCost;
        if (paid[i]! - cost < -1e-9) below++;
        // Paying by reports and own delivery never does that.
        expect(tau[i]! - cost).toBeGreaterThanOrEqual(-1e-9);
      }
    }
    expect(innocent).toBeGreaterThan(1000);
    expect(below / innocent).toBeGreaterThan(0.3);
    expect(below / innocent).toBeLessThan(0.7);
  });

  test('dynamic pivot: utilities are marginal contributions, and a lie about values does not pay', () => {
    const chain = (id: string, value: number[], p: number): Chain => ({
      id,
      value,
      next: value.map((_, s) =>
        value.map((_v, t) => (s === value.length - 1 ? (t === s ? 1 : 0) : t === s ? 1 - p : t === s + 1 ? p : 0)),
      ),
      start: 0,
    });
    const truth = [chain('a', [5, 1], 0.7), chain('b', [3, 4, 0], 0.5), chain('c', [2, 2], 1)];
    const horizon = 4;
    const d = new DynamicPivot(truth, horizon);
    const start = truth.map(() => 0);
    truth.forEach((_, i) => {
      expect(d.utility(i)).toBeCloseTo(d.welfare(0, start) - d.welfare(0, start, i), 9);
      expect(d.utility(i)).toBeGreaterThanOrEqual(0);
    });
    // Reports of other values: the mechanism runs on the report, the agent lives its own values.
    for (const factor of [0, 0.5, 0.9, 1.1, 2, 5]) {
      const said = truth.map((c, i) => (i === 0 ? { ...c, value: c.value.map((v) => v * factor) } : c));
      const m = new DynamicPivot(said, horizon);
      const gets = (t: number, states: readonly number[]): number => {
        if (t >= horizon) return 0;
        const { served, payment } = m.period(t, states);
        if (served < 0) return gets(t + 1, states);
        let u = served === 0 ? truth[0]!.value[states[0]!]! - payment : 0;
        truth[served]!.next[states[served]!]!.forEach((p, s) => {
          if (p > 0) u += p * gets(t + 1, states.with(served, s));
        });
        return u;
      };
      expect(gets(0, start)).toBeLessThanOrEqual(d.utility(0) + 1e-9);
    }
  });

  test('surge steps up with demand over capacity and refuses steps that fall', () => {
    const m = shipped.pricing('surge', { rates: { a: 1_000_000 } }, ['a', 'b']);
    const at = (waitingMilli: number) =>
      m.clear({
        epoch: 1,
        now: 0,
        epochUs: 1000,
        classes: ['a', 'b'].map((name, gpuClass) => ({
          gpuClass,
          name,
          capacityMilli: 10_000,
          usedMilliUs: 0,
          waitingMilli,
          lastRateMicro: 1,
        })),
      });
    expect([0, 8000, 10_000, 14_999, 15_000, 99_000].map((w) => at(w)[0])).toEqual([
      1_000_000, 1_200_000, 1_500_000, 1_500_000, 2_000_000, 3_000_000,
    ]);
    expect(at(0)[1]).toBe(-1);
    expect(() =>
      shipped.pricing(
        'surge',
        {
          rates: {},
          steps: [
            [2, 1],
            [1, 1],
          ],
        },
        ['a'],
      ),
    ).toThrow(/rising/);
  });
});
