/**
 * Named markets with published or recomputed results (Krishna; Kellogg DECS-452; Conitzer and Sandholm 2006; McAfee 1992; Lehmann,
 * O'Callaghan and Shoham 2002; Cavallo 2006; Myerson 1981; Formal Proofs' VCG examples; Cong et al. 2020).
 */
export interface Vector {
  name: string;
  mechanism: string;
  market: unknown;
  /** Part of the answer of `clear --json`. */
  expect: Record<string, unknown>;
}

type Alternative = readonly [string, number];
const bids = (goods: string, list: Record<string, readonly Alternative[]>, norm?: string) => ({
  kind: 'combinatorial',
  goods: [...goods],
  bids: Object.entries(list).map(([bidder, xor]) => ({
    bidder,
    xor: xor.map(([bundle, value]) => ({ bundle: [...bundle], value })),
  })),
  ...(norm === undefined ? {} : { norm }),
});
const unit = (values: readonly number[], costs: readonly number[]) => ({
  kind: 'exchange',
  buyers: values.map((unitValue, i) => ({ id: `b${i + 1}`, quantity: 1, unitValue })),
  sellers: costs.map((unitCost, i) => ({ id: `s${i + 1}`, quantity: 1, unitCost })),
});
const usd = (x: Record<string, number>): Record<string, string> =>
  Object.fromEntries(Object.entries(x).map(([k, v]) => [k, v.toFixed(6)]));

const krishna = {
  kind: 'exchange',
  buyers: [
    [50, 47, 40, 32, 15, 5],
    [42, 28, 20, 12, 7, 3],
    [45, 35, 24, 14, 9, 6],
  ].map((values, i) => ({ id: `b${i + 1}`, units: values.map((value) => ({ quantity: 1, value })) })),
  sellers: [{ id: 's', quantity: 6, unitCost: 0 }],
};

/** Block A of the authors' table: ten suppliers of capacity q, cost types 0.1 to 1.0, income sqrt(10 X). */
export const blockA = (q: number) => ({
  kind: 'procurement',
  // alpha = sqrt(10), to 40 places.
  income: { kind: 'sqrt', alpha: '3.1622776601683793319988935444327185337196' },
  suppliers: Array.from({ length: 10 }, (_, i) => ({
    id: `p${String(i).padStart(2, '0')}`,
    capacity: q,
    unitCost: `${i === 9 ? 1 : `0.${i + 1}`}`,
  })),
});

export const vectors: Vector[] = [
  {
    name: 'V1 apples',
    mechanism: 'vcg',
    market: bids('12', {
      A: [
        ['1', 5],
        ['2', 5],
      ],
      B: [
        ['1', 2],
        ['2', 2],
      ],
      C: [['12', 6]],
    }),
    expect: { payments: usd({ A: 4, B: 1, C: 0 }), welfare: '7.000000' },
  },
  {
    name: 'V2 two goods, a package bidder',
    mechanism: 'vcg',
    market: bids('AB', { a: [['A', 150]], b: [['B', 150]], ab: [['AB', 200]] }),
    expect: { payments: usd({ a: 50, b: 50, ab: 0 }), welfare: '300.000000' },
  },
  {
    name: 'V3 the same with 160',
    mechanism: 'vcg',
    market: bids('AB', { a: [['A', 160]], b: [['B', 150]], ab: [['AB', 200]] }),
    expect: { payments: usd({ a: 50, b: 40, ab: 0 }), welfare: '310.000000' },
  },
  {
    name: 'V4 before the third bidder',
    mechanism: 'vcg',
    market: bids('AB', { ab: [['AB', 10]], a: [['A', 8]] }),
    expect: { payments: usd({ ab: 8, a: 0 }), welfare: '10.000000' },
  },
  {
    name: 'V4 revenue falls with a third bidder',
    mechanism: 'vcg',
    market: bids('AB', { ab: [['AB', 10]], a: [['A', 8]], b: [['B', 8]] }),
    expect: { payments: usd({ ab: 0, a: 2, b: 2 }), welfare: '16.000000' },
  },
  {
    name: 'V5 four goods at once',
    mechanism: 'vcg',
    market: bids('1234', {
      b1: [
        ['1', 3],
        ['2', 3],
      ],
      b2: [
        ['1', 4],
        ['2', 4],
      ],
      b3: [['1234', 100]],
    }),
    expect: { payments: usd({ b1: 0, b2: 0, b3: 7 }), welfare: '100.000000' },
  },
  {
    name: 'V6 alternatives',
    mechanism: 'vcg',
    market: bids('12', {
      b1: [
        ['1', 6],
        ['12', 6],
      ],
      b2: [['12', 8]],
      b3: [
        ['12', 5],
        ['2', 5],
      ],
    }),
    expect: {
      payments: usd({ b1: 3, b2: 0, b3: 2 }),
      welfare: '11.000000',
      allocation: { b1: ['1'], b2: [], b3: ['2'] },
    },
  },
  {
    name: 'V8 two goods, three bidders',
    mechanism: 'vcg',
    market: bids('xy', {
      b1: [['xy', 5]],
      b2: [
        ['x', 3],
        ['y', 3],
      ],
      b3: [
        ['x', 2],
        ['y', 4],
      ],
    }),
    expect: {
      payments: usd({ b1: 0, b2: 1, b3: 2 }),
      welfare: '7.000000',
      allocation: { b1: [], b2: ['x'], b3: ['y'] },
    },
  },
  {
    name: 'V10 one name',
    mechanism: 'vcg',
    market: bids('12', {
      x: [
        ['1', 6],
        ['2', 5],
        ['12', 11],
      ],
      y: [['12', 8]],
    }),
    expect: { payments: usd({ x: 8, y: 0 }) },
  },
  {
    name: 'V10 two names',
    mechanism: 'vcg',
    market: bids('12', { x1: [['1', 6]], x2: [['2', 5]], y: [['12', 8]] }),
    expect: { payments: usd({ x1: 3, x2: 2, y: 0 }) },
  },
  {
    name: 'V11 Vickrey, six units',
    mechanism: 'vcg',
    market: krishna,
    expect: { quantities: { b1: 3, b2: 1, b3: 2, s: 6 }, buyerPayments: usd({ b1: 72, b2: 32, b3: 60 }) },
  },
  {
    name: 'V11 uniform price, six units',
    mechanism: 'uniform-price',
    market: krishna,
    expect: { buyerPayments: usd({ b1: 96, b2: 32, b3: 64 }), sellerPayments: usd({ s: 192 }) },
  },
  {
    name: 'V12 McAfee at one price',
    mechanism: 'mcafee',
    market: unit([17, 14, 13, 9, 6], [1, 4, 5, 8, 11]),
    expect: {
      buyerPayments: usd({ b1: 8.5, b2: 8.5, b3: 8.5, b4: 8.5, b5: 0 }),
      sellerPayments: usd({ s1: 8.5, s2: 8.5, s3: 8.5, s4: 8.5, s5: 0 }),
      budget: '0.000000',
    },
  },
  {
    name: 'V12 McAfee with a trade given up',
    mechanism: 'mcafee',
    market: unit([17, 14, 13, 9, 6], [1, 4, 5, 8, 13]),
    expect: {
      buyerPayments: usd({ b1: 9, b2: 9, b3: 9, b4: 0, b5: 0 }),
      sellerPayments: usd({ s1: 8, s2: 8, s3: 8, s4: 0, s5: 0 }),
      budget: '3.000000',
    },
  },
  {
    name: 'V13 McAfee, two trades become one',
    mechanism: 'mcafee',
    market: unit([9, 8], [3, 4]),
    expect: { buyerPayments: usd({ b1: 8, b2: 0 }), sellerPayments: usd({ s1: 4, s2: 0 }) },
  },
  {
    name: 'V13 McAfee, one price',
    mechanism: 'mcafee',
    market: unit([9, 4], [3, 8]),
    expect: { buyerPayments: usd({ b1: 6, b2: 0 }), sellerPayments: usd({ s1: 6, s2: 0 }) },
  },
  {
    name: 'V13 McAfee, a single pair',
    mechanism: 'mcafee',
    market: unit([9], [4]),
    expect: { quantities: { b1: 0, s1: 0 } },
  },
  {
    name: 'V14 VCG exchange with its deficit',
    mechanism: 'vcg',
    market: unit([100, 90, 80, 70, 60], [80, 85, 95, 100, 110]),
    expect: {
      buyerPayments: usd({ b1: 85, b2: 85, b3: 0, b4: 0, b5: 0 }),
      sellerPayments: usd({ s1: 90, s2: 90, s3: 0, s4: 0, s5: 0 }),
      budget: '-10.000000',
    },
  },
  {
    name: 'V14 McAfee',
    mechanism: 'mcafee',
    market: unit([100, 90, 80, 70, 60], [80, 85, 95, 100, 110]),
    expect: { buyerPayments: usd({ b1: 87.5, b2: 87.5, b3: 0, b4: 0, b5: 0 }), budget: '0.000000' },
  },
  ...['reverse-auction', 'pvcg'].map((mechanism) => ({
    name: `V16 a need of three units, ${mechanism}`,
    mechanism,
    market: {
      kind: 'procurement',
      income: { kind: 'all-or-nothing', units: 3, value: 1000 },
      suppliers: [10, 12, 20].map((unitCost, i) => ({ id: 'abc'[i], capacity: 2, unitCost })),
    },
    expect: { accepted: { a: 2, b: 1, c: 0 }, payments: usd({ a: 32, b: 20, c: 0 }), budget: '948.000000' },
  })),
  {
    name: 'V17 path auction',
    mechanism: 'pvcg',
    market: {
      kind: 'procurement',
      income: { kind: 'sets', sets: [['SA', 'AT'], ['ST']], value: 100 },
      suppliers: [
        { id: 'SA', capacity: 1, unitCost: 3 },
        { id: 'AT', capacity: 1, unitCost: 2 },
        { id: 'ST', capacity: 1, unitCost: 10 },
      ],
    },
    expect: { payments: usd({ SA: 8, AT: 7, ST: 0 }) },
  },
  {
    name: 'V18 greedy by value per good',
    mechanism: 'greedy-critical',
    market: bids('ab', { Red: [['a', 10]], Green: [['ab', 19]], Blue: [['b', 8]] }),
    expect: { payments: usd({ Red: 9.5, Green: 0, Blue: 0 }), allocation: { Red: ['a'], Green: [], Blue: ['b'] } },
  },
  {
    name: 'V18 greedy allocation with Clarke payments',
    mechanism: 'greedy-clarke',
    market: bids('ab', { Red: [['a', 10]], Green: [['ab', 19]], Blue: [['b', 8]] }),
    expect: { payments: usd({ Red: 11, Green: 0, Blue: 0 }) },
  },
  {
    name: 'V18 greedy by value over the root of the size',
    mechanism: 'greedy-critical',
    market: bids('ab', { Red: [['a', 10]], Green: [['ab', 19]], Blue: [['b', 8]] }, 'sqrt'),
    expect: { payments: { Red: '0.000000', Green: '14.142135', Blue: '0.000000' } },
  },
  {
    name: 'V19 redistribution',
    mechanism: 'redistribution',
    market: unit([10, 8, 6, 5], [0]),
    expect: {
      rebates: { b1: '1.500000', b2: '1.500000', b3: '2.000000', b4: '2.000000' },
      buyerPayments: usd({ b1: 6.5, b2: -1.5, b3: -2, b4: -2 }),
      budget: '1.000000',
    },
  },
  {
    name: 'V20 Crémer-McLean',
    mechanism: 'cremer-mclean',
    market: {
      ...unit([100, 10], [0]),
      prior: {
        values: [10, 100],
        probability: [
          ['1/3', '1/6'],
          ['1/6', '1/3'],
        ],
      },
    },
    expect: {
      kappa: { '10': '-30.000000', '100': '60.000000' },
      expectedRevenue: { secondPrice: '40.000000', reserve: '66.666667', full: '70.000000' },
      // The winner pays the other's 10 and the bet -30; the loser pays the bet 60.
      buyerPayments: usd({ b1: -20, b2: 60 }),
    },
  },
  {
    name: 'V26 a gang of two',
    mechanism: 'pvcg',
    market: {
      kind: 'procurement',
      income: { kind: 'all-or-nothing', units: 2, value: 10 },
      suppliers: ['x', 'y'].map((id) => ({ id, capacity: 1, unitCost: 1 })),
    },
    expect: { payments: usd({ x: 9, y: 9 }), surplus: '8.000000', income: '10.000000', budget: '-8.000000' },
  },
  {
    name: 'V27 two-sided GPU market',
    mechanism: 'vcg',
    market: {
      kind: 'exchange',
      sellers: [
        { id: 'p1', quantity: 4, unitCost: 1 },
        { id: 'p2', quantity: 4, unitCost: '0.8' },
        { id: 'p3', quantity: 3, unitCost: '1.8' },
        { id: 'p4', quantity: 2, unitCost: '1.5' },
      ],
      buyers: [
        { id: 'u1', quantity: 3, unitValue: '2.5' },
        { id: 'u2', quantity: 4, unitValue: '1.9' },
        { id: 'u3', quantity: 3, unitValue: '1.2' },
        { id: 'u4', quantity: 2, unitValue: '0.9' },
      ],
    },
    expect: {
      quantities: { u1: 3, u2: 4, u3: 1, u4: 0, p1: 4, p2: 4, p3: 0, p4: 0 },
      sellerPayments: usd({ p1: 6, p2: 6, p3: 0, p4: 0 }),
      buyerPayments: usd({ u1: 3.4, u2: 4.4, u3: 1, u4: 0 }),
      gainsFromTrade: '9.100000',
      budget: '-3.200000',
    },
  },
];
