import type { Field } from './lib/field.ts';
import { criticalValues, greedy, ranked, wantSingleMinded } from './lib/greedy.ts';
import type { ClearOptions, CombinatorialMarket, OneShot } from './lib/markets.ts';

/** Greedy bundle auction with critical-value payments, for single-minded bidders. */
export const greedyCritical: OneShot = {
  name: 'greedy-critical',
  combinatorial<T>(f: Field<T>, m: CombinatorialMarket<T>, o: ClearOptions) {
    wantSingleMinded('greedy-critical', m, o);
    const order = ranked(f, m);
    const { won, welfare } = greedy(f, m, order);
    return { won, payment: criticalValues(f, m, order, won), welfare };
  },
};
