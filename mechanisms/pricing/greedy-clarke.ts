import type { Field } from './lib/field.ts';
import { greedy, ranked } from './lib/greedy.ts';
import type { CombinatorialMarket, OneShot } from './lib/markets.ts';

/** Greedy allocation with Clarke's payment formula: the textbook mistake, kept to be found out. */
export const greedyClarke: OneShot = {
  name: 'greedy-clarke',
  combinatorial<T>(f: Field<T>, m: CombinatorialMarket<T>) {
    const order = ranked(f, m);
    const { won, welfare } = greedy(f, m, order);
    const payment = won.map((b, i) =>
      b < 0 ? f.zero : f.sub(greedy(f, m, order, i).welfare, f.sub(welfare, m.bidders[i]!.bids[b]!.value)),
    );
    return { won, payment, welfare };
  },
};
