/** Every one-shot mechanism: pure, blind to the order of agents, feasible, whole on both number types. */
import { describe, expect, test } from 'vitest';
import { ratToNumber } from '../../core/num/index.ts';
import { adapted, familyOf, type KindName, kindNames } from '../../lab/certify/classes.ts';
import { coinOf } from '../../lab/certify/coins.ts';
import { Random, styles } from '../../lab/certify/families.ts';
import { noFee, readDouble, readExact } from '../../lab/certify/market-json.ts';
import { exactMarket, type Outcome, run, type Setting } from '../../lab/certify/outcomes.ts';
import { doubles, type Market, oneShots, rationals } from '../../mechanisms/pricing/one-shot-index.ts';

/** What each agent gets and pays, by id. */
function byId<T>(m: Market<T>, o: Outcome<T>, number: (x: T) => number): Record<string, number[]> {
  const list: [string, number[]][] = [];
  if (m.kind === 'procurement' && o.kind === 'procurement')
    m.suppliers.forEach((s, i) => {
      list.push([s.id, [number(o.out.quantity[i]!), number(o.out.payment[i]!)]]);
    });
  if (m.kind === 'exchange' && o.kind === 'exchange') {
    m.buyers.forEach((b, i) => {
      list.push([b.id, [number(o.out.bought[i]!), number(o.out.buyerPayment[i]!)]]);
    });
    m.sellers.forEach((s, i) => {
      list.push([s.id, [number(o.out.sold[i]!), number(o.out.sellerPayment[i]!)]]);
    });
  }
  if (m.kind === 'combinatorial' && o.kind === 'combinatorial')
    m.bidders.forEach((b, i) => {
      list.push([b.id, [o.out.won[i]!, number(o.out.payment[i]!)]]);
    });
  return Object.fromEntries(list.sort((a, b) => (a[0] < b[0] ? -1 : 1)));
}

const reversed = (m: Market<number>): Market<number> =>
  m.kind === 'procurement'
    ? { ...m, suppliers: [...m.suppliers].reverse() }
    : m.kind === 'exchange'
      ? { ...m, buyers: [...m.buyers].reverse(), sellers: [...m.sellers].reverse() }
      : { ...m, bidders: [...m.bidders].reverse() };

for (const mechanism of oneShots.values()) {
  describe(mechanism.name, () => {
    const clears = (k: KindName): boolean => mechanism[k === 'gang' ? 'procurement' : k] !== undefined;
    for (const kind of kindNames) {
      // A gang has no marginal value; neither rule is for it.
      if (!clears(kind) || (kind === 'gang' && mechanism.name === 'uniform-price')) continue;
      test(kind, () => {
        const family = adapted(familyOf(mechanism, { kind }, 'ir'), mechanism);
        const setting: Setting = { mechanism, options: { coin: coinOf(3), allow: true }, fee: noFee, verified: true };
        for (let n = 0; n < 60; n++) {
          const m = family.decode(family.draw(new Random(9, n), styles[n % styles.length]!));
          const once = byId(m, run(doubles, readDouble, setting, m), Number);
          expect(byId(m, run(doubles, readDouble, setting, m), Number)).toEqual(once);
          const back = reversed(m);
          // Two correlated bidders are symmetric but for ties, which go by id; the prior has no order of its own.
          expect(byId(back, run(doubles, readDouble, setting, back), Number)).toEqual(once);
          if (mechanism.name === 'pvcg-tight') continue; // types are not copied exactly: covered by its own tests
          const exact = exactMarket(m);
          const precise = byId(exact, run(rationals, readExact, setting, exact), ratToNumber);
          for (const [id, [q, p]] of Object.entries(precise)) {
            expect(once[id]![0]).toBeCloseTo(q!, 8);
            expect(once[id]![1]).toBeCloseTo(p!, 8);
          }
        }
      });
    }
  });
}
