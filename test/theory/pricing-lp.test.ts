/** Programs solved by HiGHS against our own exact code and against theory; skipped, saying so, where the optional package is absent. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  boundedBets,
  minimumBudget,
  type TransportMarket,
  vcgByMip,
  vcgTransport,
} from '../../lab/economics/pricing-lp.ts';
import { highsSolver } from '../../lab/solver/linear.ts';
import { type CombinatorialMarket, doubles, oneShots } from '../../mechanisms/pricing/one-shot-index.ts';
import { worstSurplus } from '../../mechanisms/pricing/pvcg-tight.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { generator } from '../support/market.ts';

const solver = await highsSolver();
const options = { coin: () => 0.5, allow: true };

describe.skipIf(solver === null)('with HiGHS (optional package highs)', () => {
  test('winner determination and VCG payments are those of branch and bound', () => {
    const r = generator(5);
    for (let n = 0; n < 40; n++) {
      const m: CombinatorialMarket<number> = {
        kind: 'combinatorial',
        goods: ['a', 'b', 'c', 'd', 'e'],
        bidders: Array.from({ length: 2 + Math.floor(r() * 5) }, (_, i) => ({
          id: `x${i}`,
          bids: Array.from({ length: 1 + Math.floor(r() * 3) }, () => {
            const mask = 1 + Math.floor(r() * 31);
            return { goods: [0, 1, 2, 3, 4].filter((g) => (mask >> g) & 1), value: 1 + Math.floor(r() * 50) };
          }),
        })),
      };
      const own = oneShots.get('vcg')!.combinatorial!(doubles, m, options);
      const mip = vcgByMip(solver!, m);
      expect(mip.welfare).toBe(own.welfare);
      // Payments are unique where the optimum is; their sum differs only with another optimal allocation.
      if (mip.won.join() === own.won.join()) expect(mip.payment).toEqual(own.payment);
    }
  });

  test('a transportation market with one class is the exchange; substitution helps both sides', () => {
    const one: TransportMarket = {
      suppliers: [
        { id: 'p1', gpuClass: 0, capacity: 4, unitCost: 1 },
        { id: 'p2', gpuClass: 0, capacity: 4, unitCost: 0.8 },
        { id: 'p3', gpuClass: 0, capacity: 3, unitCost: 1.8 },
        { id: 'p4', gpuClass: 0, capacity: 2, unitCost: 1.5 },
      ],
      users: [
        { id: 'u1', classes: [0], quantity: 3, unitValue: 2.5 },
        { id: 'u2', classes: [0], quantity: 4, unitValue: 1.9 },
        { id: 'u3', classes: [0], quantity: 3, unitValue: 1.2 },
        { id: 'u4', classes: [0], quantity: 2, unitValue: 0.9 },
      ],
    };
    const x = vcgTransport(solver!, one);
    expect(x.surplus).toBeCloseTo(9.1, 9);
    [6, 6, 0, 0].forEach((p, i) => {
      expect(x.supplierPayment[i]).toBeCloseTo(p, 9);
    });
    [3.4, 4.4, 1, 0].forEach((p, i) => {
      expect(x.userPayment[i]).toBeCloseTo(p, 9);
    });
    const split = { ...one, suppliers: one.suppliers.map((s, i) => ({ ...s, gpuClass: i % 2 })) };
    const apart = vcgTransport(solver!, { ...split, users: split.users.map((u) => ({ ...u, classes: [0] })) });
    const either = vcgTransport(solver!, { ...split, users: split.users.map((u) => ({ ...u, classes: [0, 1] })) });
    expect(either.surplus).toBeGreaterThan(apart.surplus);
    expect(either.surplus).toBeCloseTo(9.1, 9);
  });

  test('bets extract everything without bounds, less with bounds or doubt, nothing when refused', () => {
    const prior = {
      values: [10, 100],
      probability: [
        [1 / 3, 1 / 6],
        [1 / 6, 1 / 3],
      ],
    };
    const free = boundedBets(solver!, prior, 1000, 0);
    expect(free.perBidder).toBeCloseTo(free.surplus, 6);
    expect(free.bets[1]).toBeCloseTo(60, 6);
    expect(free.bets[0]).toBeCloseTo(-30, 6);
    const tight = boundedBets(solver!, prior, 20, 0);
    expect(tight.perBidder).toBeLessThan(free.perBidder - 1);
    const doubt = boundedBets(solver!, prior, 1000, 0.2);
    expect(doubt.perBidder).toBeLessThan(free.perBidder - 1);
    expect(boundedBets(solver!, prior, 0, 0).perBidder).toBeCloseTo(0, 9);
  });

  test('the minimum budget on a grid of types is the tight pivot', () => {
    const list = [
      { capacity: 1, unitCost: 0.2 },
      { capacity: 2, unitCost: 0.2 },
      { capacity: 1, unitCost: 0.6 },
      { capacity: 2, unitCost: 0.6 },
    ];
    const types = [list, list, list.slice(0, 2)];
    const income = { kind: 'sqrt' as const, alpha: 2 };
    const lp = minimumBudget(solver!, types, income);
    let sum = 0;
    let n = 0;
    for (const a of types[0]!)
      for (const b of types[1]!)
        for (const c of types[2]!) {
          const bounds = (t: typeof list) => ({
            capacity: [Math.min(...t.map((x) => x.capacity)), Math.max(...t.map((x) => x.capacity))] as const,
            unitCost: [Math.min(...t.map((x) => x.unitCost)), Math.max(...t.map((x) => x.unitCost))] as const,
          });
          const m = {
            kind: 'procurement' as const,
            income,
            suppliers: [a, b, c].map((t, i) => ({ id: `p${i}`, ...t, types: bounds(types[i]!) })),
          };
          [0, 1, 2].forEach((i) => {
            sum -= worstSurplus(doubles, m, i);
          });
          n++;
        }
    expect(lp.budget).toBeCloseTo(sum / n, 6);
    // Theorem: such a mechanism without a deficit exists exactly when this one has none.
    expect(lp.worstDeficit).toBeLessThanOrEqual(1e-9);
  });

  test('clear --solver highs', async () => {
    await inTemp(async (dir) => {
      const file = join(dir, 'm.json');
      const bid = (bidder: string, goods: string, value: number) => ({ bidder, xor: [{ bundle: [...goods], value }] });
      writeFileSync(
        file,
        JSON.stringify({
          kind: 'combinatorial',
          goods: ['A', 'B'],
          bids: [bid('a', 'A', 150), bid('b', 'B', 150), bid('ab', 'AB', 200)],
        }),
      );
      const x = await janctionInside(['clear', '--mechanism', 'vcg', '--market', file, '--solver', 'highs', '--json']);
      expect(JSON.parse(x.out)).toMatchObject({ payments: { a: '50.000000', b: '50.000000', ab: '0.000000' } });
      expect((await janctionInside(['clear', '--mechanism', 'pvcg', '--market', file, '--solver', 'highs'])).code).toBe(
        2,
      );
    });
  });
});
