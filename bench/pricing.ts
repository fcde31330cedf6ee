/** One-shot clearings and the certifier: payments against allocation, against solving again, per epoch, pairs per second. */
import { certifyCase } from '../lab/certify/classes.ts';
import { winnersByMip } from '../lab/economics/pricing-lp.ts';
import { highsSolver } from '../lab/solver/linear.ts';
import { bookOf, rerouted, trade } from '../mechanisms/pricing/lib/exchange-book.ts';
import { doubles } from '../mechanisms/pricing/lib/field.ts';
import { criticalValues, greedy, ranked } from '../mechanisms/pricing/lib/greedy.ts';
import type { CombinatorialMarket, ExchangeMarket, ProcurementMarket } from '../mechanisms/pricing/lib/markets.ts';
import { optimum, resolveWithout } from '../mechanisms/pricing/lib/merit-order.ts';
import { oneShots } from '../mechanisms/pricing/one-shot-index.ts';
import { payments } from '../mechanisms/pricing/pvcg.ts';
import { atLeast, atMost, type BenchReport, type Figure, plain } from './report.ts';

/** CPU seconds of the fastest of `times` runs. */
function cpu(times: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1e6);
  }
  return best;
}

/** Small multiplicative generator: the same markets on every machine. */
function words(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 4294967296) * n);
  };
}

function suppliers(n: number, seed: number): ProcurementMarket<number> {
  const draw = words(seed);
  const slope = Array.from({ length: 1000 }, (_, k) => 1_000_000 - 1000 * k);
  return {
    kind: 'procurement',
    // Micro-units and whole units: every sum is an integer below 2^53.
    income: { kind: 'steps', width: slope.map(() => Math.ceil((n * 4) / 1000)), slope },
    suppliers: Array.from({ length: n }, (_, i) => ({
      id: `p${String(i).padStart(6, '0')}`,
      capacity: 1 + draw(8),
      unitCost: 1 + draw(1_000_000),
    })),
  };
}

function epoch(traders: number, seed: number): ExchangeMarket<number> {
  const draw = words(seed);
  const side = (name: string) =>
    Array.from({ length: traders }, (_, i) => ({
      id: `${name}${String(i).padStart(5, '0')}`,
      steps: [{ quantity: 1 + draw(8), price: 1 + draw(1_000_000) }],
    }));
  return { kind: 'exchange', buyers: side('u'), sellers: side('p') };
}

function bundles(bids: number, goods: number, seed: number): CombinatorialMarket<number> {
  const draw = words(seed);
  return {
    kind: 'combinatorial',
    norm: 'sqrt',
    goods: Array.from({ length: goods }, (_, g) => `g${g}`),
    bidders: Array.from({ length: bids }, (_, i) => {
      const wanted = new Set(Array.from({ length: 1 + draw(6) }, () => draw(goods)));
      return {
        id: `x${String(i).padStart(5, '0')}`,
        bids: [{ goods: [...wanted], value: 1 + draw(1000) * wanted.size }],
      };
    }),
  };
}

export async function pricing(): Promise<BenchReport> {
  let hash = 0;
  const mix = (x: number): void => {
    hash = (Math.imul(hash, 31) + Math.round(x)) | 0;
  };
  const large = suppliers(100_000, 7);
  const allocation = cpu(5, () => mix(optimum(doubles, large).surplus % 1e6));
  const all = cpu(5, () => {
    const best = optimum(doubles, large);
    mix(payments(doubles, large, best)[5]!);
  });

  const middle = suppliers(2000, 8);
  const fast = cpu(20, () => payments(doubles, middle, optimum(doubles, middle)));
  const naive = cpu(1, () => {
    middle.suppliers.forEach((_, i) => {
      mix(resolveWithout(doubles, middle, i) % 1e6);
    });
  });

  const classes = Array.from({ length: 20 }, (_, k) => epoch(2000, 20 + k));
  const perEpoch = cpu(3, () => {
    for (const m of classes) {
      const book = bookOf(doubles, m);
      const t = trade(doubles, m, book);
      let sum = 0;
      t.bought.forEach((q, i) => {
        if (q > 0) sum += rerouted(doubles, book, t, true, i);
      });
      t.sold.forEach((q, i) => {
        if (q > 0) sum -= rerouted(doubles, book, t, false, i);
      });
      mix(sum % 1e6);
    }
  });

  const big = bundles(1000, 200, 9);
  const greedyCpu = cpu(5, () => {
    const order = ranked(doubles, big);
    const { won } = greedy(doubles, big, order);
    mix(criticalValues(doubles, big, order, won).reduce((a, b) => a + b, 0));
  });

  // The optimum by the library, where it is installed: its time, and how far greedy is from it.
  const solver = await highsSolver();
  const exact: Figure[] = [];
  if (solver !== null) {
    let best = 0;
    const seconds = cpu(1, () => {
      best = winnersByMip(solver, big, -1).welfare;
    });
    const gap = 1 - greedy(doubles, big, ranked(doubles, big)).welfare / best;
    exact.push(plain('exact1000x200', seconds, 's'), plain('greedyGap', gap, 'share of the optimum lost'));
  }

  let pairs = 0;
  const rates: Figure[] = [
    ['pvcg', 'dsic-cost'],
    ['vcg', 'dsic-value'],
    ['mcafee', 'dsic-cost'],
    ['uniform-price', 'dsic-cost'],
  ].map(([name, property]) => {
    let tried = 0;
    const options =
      name === 'vcg' ? { kind: 'exchange' as const } : name === 'uniform-price' ? { supply: 'unit' as const } : {};
    const seconds = cpu(3, () => {
      tried = certifyCase(oneShots.get(name!)!, property as 'dsic-cost', options, { markets: 2000, seed: 1 }).pairs;
    });
    pairs += tried;
    return atLeast(`certify ${name}`, tried / seconds, 100_000, 'pairs/s');
  });
  const figures: Figure[] = [
    atMost('payments100k', all / allocation, 2, 'x the allocation alone'),
    plain('allocation100k', allocation, 's'),
    atLeast('naive2000', naive / fast, 1000, 'x our time, solving again'),
    atMost('epoch20x2000x2000', perEpoch, 1, 's'),
    atMost('greedy1000x200', greedyCpu, 0.1, 's'),
    ...exact,
    ...rates,
    plain('pairs', pairs, 'pairs'),
  ];
  return { schema: 'janction.bench/1', bench: 'pricing', figures, workHash: (hash >>> 0).toString(16) };
}
