/**
 * Families of small markets that the certifier searches. A market is written as integers (its gene), so that one
 * representation serves the styled generators, fast-check's random search and its shrinking; decoding gives a market of
 * doubles on which every decision is exact.
 */
import fc from 'fast-check';
import { philox4x32 } from '../../core/num/index.ts';
import type {
  CombinatorialMarket,
  ExchangeMarket,
  Market,
  ProcurementMarket,
} from '../../mechanisms/pricing/one-shot-index.ts';

/** Globals, then the rows of one side (suppliers, buyers, bidders), then of the other (sellers). */
export type Gene = [number[], number[][], number[][]];

export const styles = ['thin', 'thick', 'heterogeneous', 'correlated', 'heavy-tailed', 'ties'] as const;
export type Style = (typeof styles)[number];

export interface Family {
  readonly name: string;
  readonly arbitrary: fc.Arbitrary<Gene>;
  draw(random: Random, style: Style): Gene;
  decode(gene: Gene): Market<number>;
  /** Every market of a small grid with values 0..size, for exhaustion. */
  grid(size: number): Generator<Gene>;
}

/** Counter-based integers: the stream of one search, by seed and number of the market. */
export class Random {
  readonly #seed: number;
  readonly #market: number;
  readonly #out = new Uint32Array(4);
  #at = 4;
  #block = 0;

  constructor(seed: number, market: number) {
    this.#seed = seed;
    this.#market = market;
  }

  /** Uniform on low..high, both included (bias below 2^-20 for these ranges). */
  int(low: number, high: number): number {
    if (this.#at === 4) {
      philox4x32(
        this.#market,
        this.#block++,
        0x7ce4,
        0,
        this.#seed >>> 0,
        Math.floor(this.#seed / 4294967296),
        this.#out,
      );
      this.#at = 0;
    }
    return low + (this.#out[this.#at++]! % (high - low + 1));
  }
}

const MAX_PRICE = 1024;

/** Prices by style: what suppliers ask or buyers bid. */
function prices(random: Random, style: Style, n: number): number[] {
  const base = random.int(1, 24);
  const list: number[] = [];
  for (let i = 0; i < n; i++) {
    switch (style) {
      case 'thin':
      case 'thick':
        list.push(random.int(0, 24));
        break;
      case 'heterogeneous':
        list.push(i % 2 === 0 ? random.int(0, 4) : random.int(20, 60));
        break;
      case 'correlated':
        list.push(base + random.int(0, 3));
        break;
      case 'heavy-tailed':
        list.push((1 << random.int(0, 9)) + random.int(0, 1));
        break;
      case 'ties':
        list.push(random.int(0, 3) === 0 ? base + 1 : base);
        break;
    }
  }
  return list;
}

function count(random: Random, style: Style, least = 1): number {
  return style === 'thin' ? random.int(least, 2) : style === 'thick' ? random.int(4, 6) : random.int(2, 4);
}

const int = (min: number, max: number) => fc.integer({ min, max });
const rows = (row: fc.Arbitrary<number[]>, most = 6, least = 1) => fc.array(row, { minLength: least, maxLength: most });
const tuple = (...parts: fc.Arbitrary<number>[]) => fc.tuple(...parts) as fc.Arbitrary<number[]>;
const none = fc.constant([]) as fc.Arbitrary<number[][]>;
const gene = (g: fc.Arbitrary<number[]>, a: fc.Arbitrary<number[][]>, b: fc.Arbitrary<number[][]>) =>
  fc.tuple(g, a, b) as fc.Arbitrary<Gene>;

/** Concave income: alpha sqrt(X), or a table that falls by `drop` per unit. Globals: shape, alpha, drop, length. */
export function concave(unitSupply: boolean): Family {
  const cap = unitSupply ? int(1, 1) : int(1, 16);
  return {
    name: unitSupply ? 'one good, concave income, unit supply' : 'one good, concave income',
    arbitrary: gene(
      tuple(unitSupply ? int(1, 1) : int(0, 1), int(1, 64), int(0, 16), int(1, 8)),
      rows(tuple(cap, int(0, MAX_PRICE))),
      none,
    ),
    draw(random, style) {
      const n = count(random, style);
      const cost = prices(random, style, n);
      const shape = unitSupply ? 1 : random.int(0, 1);
      return [
        [shape, random.int(4, 64), random.int(0, 8), random.int(2, 8)],
        cost.map((c) => [unitSupply ? 1 : random.int(1, style === 'heavy-tailed' ? 16 : 4), c]),
        [],
      ];
    },
    decode([[shape, alpha, drop, length], suppliers]): ProcurementMarket<number> {
      const slope: number[] = [];
      for (let k = 0; k < length!; k++) slope.push(Math.max(0, alpha! - drop! * k));
      return {
        kind: 'procurement',
        income: shape === 0 ? { kind: 'sqrt', alpha: alpha! } : { kind: 'steps', width: slope.map(() => 1), slope },
        suppliers: suppliers.map(([capacity, unitCost], i) => ({
          id: `p${i + 1}`,
          capacity: capacity!,
          unitCost: unitCost!,
        })),
      };
    },
    *grid(size) {
      const caps = unitSupply ? [1] : [1, 2];
      for (const alpha of [size, 2 * size])
        for (const drop of [1, 2])
          for (const c1 of caps)
            for (const c2 of caps)
              for (let a = 0; a <= size; a++)
                for (let b = 0; b <= size; b++)
                  yield [
                    [1, alpha, drop, 4],
                    [
                      [c1, a],
                      [c2, b],
                    ],
                    [],
                  ];
    },
  };
}

/** Income only when `units` are reached. Globals: units, value. */
export const gang: Family = {
  name: 'gang (all or nothing)',
  arbitrary: gene(tuple(int(1, 8), int(1, 256)), rows(tuple(int(1, 4), int(0, MAX_PRICE))), none),
  draw(random, style) {
    const n = count(random, style, 2);
    return [[random.int(1, n + 1), random.int(4, 200)], prices(random, style, n).map((c) => [random.int(1, 2), c]), []];
  },
  decode([[units, value], suppliers]): ProcurementMarket<number> {
    return {
      kind: 'procurement',
      income: { kind: 'all-or-nothing', units: units!, value: value! },
      suppliers: suppliers.map(([capacity, unitCost], i) => ({
        id: `p${i + 1}`,
        capacity: capacity!,
        unitCost: unitCost!,
      })),
    };
  },
  *grid(size) {
    for (const units of [1, 2, 3])
      for (let a = 0; a <= size; a++)
        for (let b = 0; b <= size; b++)
          yield [
            [units, 2 * size],
            [
              [1, a],
              [2, b],
            ],
            [],
          ];
  },
};

/** Buyers and sellers; rows are quantity, price, fall or rise of a second step of the same size. Globals: posted price. */
export function exchange(unit: boolean): Family {
  const row = unit ? tuple(int(1, 1), int(0, MAX_PRICE), int(0, 0)) : tuple(int(1, 4), int(0, MAX_PRICE), int(0, 16));
  const step = (quantity: number, price: number, slope: number) =>
    slope === 0
      ? [{ quantity, price }]
      : [
          { quantity, price },
          { quantity, price: Math.max(0, price + slope) },
        ];
  return {
    name: unit ? 'exchange, one unit per trader' : 'exchange, several units per trader',
    arbitrary: gene(tuple(int(0, 64)), rows(row, 5), rows(row, 5)),
    draw(random, style) {
      const side = (up: number): number[][] =>
        prices(random, style, count(random, style)).map((p) => [
          unit ? 1 : random.int(1, 3),
          p + up,
          unit ? 0 : random.int(0, 4),
        ]);
      return [[random.int(2, 24)], side(random.int(0, 12)), side(0)];
    },
    decode([[price], buyers, sellers]): ExchangeMarket<number> {
      return {
        kind: 'exchange',
        price: price!,
        buyers: buyers.map(([q, p, d], i) => ({ id: `b${i + 1}`, steps: step(q!, p!, -d!) })),
        sellers: sellers.map(([q, p, d], i) => ({ id: `s${i + 1}`, steps: step(q!, p!, d!) })),
      };
    },
    *grid(size) {
      for (let a = 0; a <= size; a++)
        for (let b = 0; b <= size; b++)
          for (let c = 0; c <= size; c++)
            for (let d = 0; d <= size; d++)
              yield [
                [Math.ceil(size / 2)],
                [
                  [1, a, 0],
                  [1, b, 0],
                ],
                [
                  [1, c, 0],
                  [1, d, 0],
                ],
              ];
    },
  };
}

/** Buyers who come and go; rows are quantity, value, arrival, duration. Capacity is one seller's. */
export const online: Family = {
  name: 'arrivals and departures',
  arbitrary: gene(tuple(int(1, 4)), rows(tuple(int(1, 4), int(1, 32), int(0, 8), int(1, 8))), none),
  draw(random, style) {
    const n = count(random, style, 2);
    return [
      [random.int(1, 4)],
      prices(random, style, n).map((p) => [random.int(1, 2), (p % 32) + 1, random.int(0, 8), random.int(1, 6)]),
      [],
    ];
  },
  decode([[capacity], buyers]): ExchangeMarket<number> {
    return {
      kind: 'exchange',
      priceBounds: [1, 32],
      buyers: buyers.map(([quantity, price, arrival, duration], i) => ({
        id: `b${i + 1}`,
        steps: [{ quantity: quantity!, price: price! }],
        arrival: arrival!,
        duration: duration!,
      })),
      sellers: [{ id: 's1', steps: [{ quantity: capacity!, price: 0 }] }],
    };
  },
  *grid(size) {
    for (const cap of [1, 2])
      for (let a = 1; a <= size; a++)
        for (let b = 1; b <= size; b++)
          for (const t of [0, 1])
            for (const d of [1, 2])
              yield [
                [cap],
                [
                  [1, a, 0, d],
                  [1, b, t, d],
                ],
                [],
              ];
  },
};

/** Bundles of up to three goods; rows are mask, value, second mask, second value (0 = single-minded). */
export function bundles(singleMinded: boolean): Family {
  const goods = ['a', 'b', 'c'];
  const second = singleMinded ? int(0, 0) : int(0, 7);
  const of = (mask: number) => [0, 1, 2].filter((g) => (mask >> g) & 1);
  return {
    name: singleMinded ? 'bundles, one per bidder' : 'bundles, alternatives',
    arbitrary: gene(tuple(int(0, 0)), rows(tuple(int(1, 7), int(1, MAX_PRICE), second, int(1, MAX_PRICE)), 5), none),
    draw(random, style) {
      const n = count(random, style, 2);
      const value = prices(random, style, n);
      return [
        [0],
        value.map((v) => [
          random.int(1, 7),
          v + 1,
          singleMinded || random.int(0, 1) === 0 ? 0 : random.int(1, 7),
          random.int(1, 24),
        ]),
        [],
      ];
    },
    decode([, bidders]): CombinatorialMarket<number> {
      return {
        kind: 'combinatorial',
        goods,
        bidders: bidders.map(([m1, v1, m2, v2], i) => ({
          id: `x${i + 1}`,
          bids: [{ goods: of(m1!), value: v1! }, ...(m2 === 0 ? [] : [{ goods: of(m2!), value: v2! }])],
        })),
      };
    },
    *grid(size) {
      for (let m1 = 1; m1 <= 3; m1++)
        for (let m2 = 1; m2 <= 3; m2++)
          for (let a = 1; a <= size; a++)
            for (let b = 1; b <= size; b++)
              for (let c = 1; c <= size; c++)
                yield [
                  [0],
                  [
                    [m1, a, 0, 1],
                    [m2, b, 0, 1],
                    [3, c, 0, 1],
                  ],
                  [],
                ];
    },
  };
}

/** Two bidders with two correlated types. Globals: weights (low,low), mixed, (high,high); low, gap; the two types. */
export const correlated: Family = {
  name: 'two correlated bidders',
  arbitrary: gene(
    tuple(int(1, 9), int(1, 9), int(1, 9), int(0, 32), int(1, 64), int(0, 1), int(0, 1)),
    none,
    none,
  ).filter(([[a, b, c]]) => a! * c! !== b! * b!),
  draw(random) {
    for (;;) {
      const g = [
        random.int(1, 9),
        random.int(1, 9),
        random.int(1, 9),
        random.int(0, 32),
        random.int(1, 64),
        random.int(0, 1),
        random.int(0, 1),
      ];
      if (g[0]! * g[2]! !== g[1]! * g[1]!) return [g, [], []];
    }
  },
  decode([[a, b, c, low, gap, t1, t2]]): ExchangeMarket<number> {
    const values = [low!, low! + gap!];
    // Weights, not probabilities: only their ratios matter to beliefs, and integers stay exact.
    return {
      kind: 'exchange',
      buyers: [t1, t2].map((t, i) => ({ id: `b${i + 1}`, steps: [{ quantity: 1, price: values[t!]! }] })),
      sellers: [{ id: 's1', steps: [{ quantity: 1, price: 0 }] }],
      prior: {
        values,
        probability: [
          [a!, b!],
          [b!, c!],
        ],
      },
    };
  },
  *grid(size) {
    for (let a = 1; a <= size; a++)
      for (let b = 1; b <= size; b++)
        for (const t1 of [0, 1]) for (const t2 of [0, 1]) if (a * a !== b * b) yield [[a, b, a, 2, 5, t1, t2], [], []];
  },
};
