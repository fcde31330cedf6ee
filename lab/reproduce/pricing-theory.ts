/** Closed forms of pricing theory, rerun through the shipped mechanisms. */
import { philox4x32, type Rational, rat, ratAdd, ratCmp, ratMul, ratSub, ratToString } from '../../core/num/index.ts';
import { doubles, type ExchangeMarket, type ProcurementMarket } from '../../mechanisms/pricing/one-shot-index.ts';
import { pvcg } from '../../mechanisms/pricing/pvcg.ts';
import { vcg } from '../../mechanisms/pricing/vcg.ts';
import { exactly, type Figure, simpleStudy, within } from './simple-study.ts';
import type { Study } from './study.ts';

const options = { coin: () => 0.5, allow: false };
const total = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

function words(seed: number, purpose: number): (n: number) => number {
  const out = new Uint32Array(4);
  let block = 0;
  let at = 4;
  return (n) => {
    if (at === 4) {
      philox4x32(block++, purpose, 0, 0, seed >>> 0, Math.floor(seed / 4294967296), out);
      at = 0;
    }
    return out[at++]! % n;
  };
}

const bilateral = (value: number, cost: number): ExchangeMarket<number> => ({
  kind: 'exchange',
  buyers: [{ id: 'b', steps: [{ quantity: 1, price: value }] }],
  sellers: [{ id: 's', steps: [{ quantity: 1, price: cost }] }],
});

/** Integral of polynomial sum c_k d^k over [low, 1], exactly. */
function integral(coefficients: readonly Rational[], low: Rational): Rational {
  let sum = rat(0);
  let power = low;
  coefficients.forEach((c, k) => {
    sum = ratAdd(sum, ratMul(c, ratMul(ratSub(rat(1), power), rat(1, k + 1))));
    power = ratMul(power, low);
  });
  return sum;
}

const myersonSatterthwaite = simpleStudy({
  name: 'myerson-satterthwaite',
  about: 'one buyer, one seller, uniform values: what efficiency costs, and the best without a subsidy',
  source: 'Myerson and Satterthwaite, "Efficient mechanisms for bilateral trading", JET 29 (1983)',
  run(): Figure[] {
    const n = 400;
    let first = 0;
    let deficit = 0;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const x = vcg.exchange!(doubles, bilateral((i + 0.5) / n, (j + 0.5) / n), options);
        first += x.gains / (n * n);
        deficit += (total(x.sellerPayment) - total(x.buyerPayment)) / (n * n);
      }
    // v - c = d has density 1 - d. Virtual surplus: 2v - 1 - 2c = 2d - 1; (2d - 1)(1 - d) = -1 + 3d - 2d^2.
    const virtual = [rat(-1), rat(3), rat(-2)];
    const gains = [rat(0), rat(1), rat(-1)];
    let low = rat(0);
    let high = rat(1, 2);
    for (let step = 0; step < 40; step++) {
      const mid = ratMul(ratAdd(low, high), rat(1, 2));
      if (ratCmp(integral(virtual, mid), rat(0)) < 0) low = mid;
      else high = mid;
    }
    const quarter = ratCmp(integral(virtual, rat(1, 4)), rat(0)) === 0 ? rat(1, 4) : high;
    return [
      within('first-best gains (VCG on a grid of 400 x 400)', 1 / 6, first, 1e-4),
      within('expected deficit of VCG', 1 / 6, deficit, 1e-4),
      exactly('virtual budget of the efficient rule', '-1/6', ratToString(integral(virtual, rat(0)))),
      exactly('trade when value exceeds cost by', '1/4', ratToString(quarter)),
      exactly('second-best gains', '9/64', ratToString(integral(gains, quarter))),
      exactly('share of the first best', '27/32', ratToString(ratMul(integral(gains, quarter), rat(6)))),
    ];
  },
});

const exchangeDeficit = simpleStudy({
  name: 'exchange-deficit',
  about: 'VCG on both sides runs a deficit: its size by closed form, and how it falls with thickness',
  source: 'McAfee 1992; deficit k (min(b_k, s_k+1) - max(s_k, b_k+1)) for traders of one unit',
  run(seed): Figure[] {
    const draw = words(seed, 0xdef1);
    let equal = 0;
    const markets = 3000;
    const mean = new Map<number, { deficit: number; gains: number }>();
    for (let t = 0; t < markets; t++) {
      const n = [2, 5, 20][t % 3]!;
      const side = (name: string) =>
        Array.from({ length: n }, (_, i) => ({ id: `${name}${i}`, steps: [{ quantity: 1, price: draw(1000) + 1 }] }));
      const m: ExchangeMarket<number> = { kind: 'exchange', buyers: side('b'), sellers: side('s') };
      const x = vcg.exchange!(doubles, m, options);
      const deficit = total(x.sellerPayment) - total(x.buyerPayment);
      const k = total(x.bought);
      const b = m.buyers.map((y) => y.steps[0]!.price).sort((p, q) => q - p);
      const s = m.sellers.map((y) => y.steps[0]!.price).sort((p, q) => p - q);
      const closed =
        k === 0 ? 0 : k * (Math.min(b[k - 1]!, s[k] ?? Number.POSITIVE_INFINITY) - Math.max(s[k - 1]!, b[k] ?? 0));
      if (closed === deficit) equal++;
      const sum = mean.get(n) ?? { deficit: 0, gains: 0 };
      sum.deficit += deficit;
      sum.gains += x.gains;
      mean.set(n, sum);
    }
    const share = (n: number): number => mean.get(n)!.deficit / mean.get(n)!.gains;
    const trader = (id: string, quantity: number, price: number) => ({ id, steps: [{ quantity, price }] });
    const gpu = vcg.exchange!(
      doubles,
      {
        kind: 'exchange',
        sellers: [trader('p1', 4, 1), trader('p2', 4, 0.8), trader('p3', 3, 1.8), trader('p4', 2, 1.5)],
        buyers: [trader('u1', 3, 2.5), trader('u2', 4, 1.9), trader('u3', 3, 1.2), trader('u4', 2, 0.9)],
      },
      options,
    );
    return [
      exactly('markets whose deficit is the closed form', String(markets), String(equal)),
      within('two-sided GPU market: budget', -3.2, total(gpu.buyerPayment) - total(gpu.sellerPayment), 1e-9, 4),
      exactly(
        'deficit over gains falls from n=2 to 5 to 20',
        'yes',
        share(2) > share(5) && share(5) > share(20) ? 'yes' : 'no',
      ),
    ];
  },
});

const gangMarket = (members: number, value: number, cost: number): ProcurementMarket<number> => ({
  kind: 'procurement',
  income: { kind: 'all-or-nothing', units: members, value },
  suppliers: Array.from({ length: members }, (_, i) => ({ id: `p${i}`, capacity: 1, unitCost: cost })),
});

const gangBreaksWbb = simpleStudy({
  name: 'gang-breaks-wbb',
  about: 'complements: a gang makes every member pivotal, so pVCG pays more than the job brings',
  source:
    'two suppliers, income 10 only if both serve, costs 1: surplus 8, each is paid 9; with m members the deficit is (m - 1)(value - m cost)',
  run(): Figure[] {
    const figures: Figure[] = [];
    for (const m of [2, 3, 4]) {
      const x = pvcg.procurement!(doubles, gangMarket(m, 10, 1), options);
      const deficit = total(x.payment) - x.income;
      figures.push(exactly(`${m} members: deficit`, String((m - 1) * (10 - m)), String(deficit)));
    }
    const two = pvcg.procurement!(doubles, gangMarket(2, 10, 1), options);
    figures.push(exactly('2 members: surplus, payment of each', '8, 9', `${two.surplus}, ${two.payment[0]}`));
    // One supplier of two units is paid 10; as two names it is paid 9 + 9.
    const whole: ProcurementMarket<number> = {
      ...gangMarket(2, 10, 1),
      suppliers: [{ id: 'p', capacity: 2, unitCost: 1 }],
    };
    const one = total(pvcg.procurement!(doubles, whole, options).payment);
    figures.push(exactly('gain from posing as two members', '8', String(total(two.payment) - one)));
    return figures;
  },
});

const feeWedge = simpleStudy({
  name: 'fee-wedge',
  about: 'a fee f on the gross payment: the dominant report is cost / (1 - f), not the cost',
  source: 'first-order condition of (1 - f) tau - c x under pVCG; 300 random markets, reports on a fine grid',
  run(seed): Figure[] {
    const draw = words(seed, 0xfee);
    const markets = 300;
    let best = 0;
    let beaten = 0;
    let loss = 0;
    for (let t = 0; t < markets; t++) {
      const f = (5 + draw(30)) / 100;
      const m: ProcurementMarket<number> = {
        kind: 'procurement',
        income: { kind: 'sqrt', alpha: 1 + draw(40) / 10 },
        suppliers: Array.from({ length: 2 + draw(4) }, (_, i) => ({
          id: `p${i}`,
          capacity: (1 + draw(50)) / 10,
          unitCost: (1 + draw(100)) / 100,
        })),
      };
      const cost = m.suppliers[0]!.unitCost;
      const net = (report: number): number => {
        const suppliers = [{ ...m.suppliers[0]!, unitCost: report }, ...m.suppliers.slice(1)];
        const x = pvcg.procurement!(doubles, { ...m, suppliers }, options);
        return (1 - f) * x.payment[0]! - cost * x.quantity[0]!;
      };
      const wedge = net(cost / (1 - f));
      let most = wedge;
      for (let k = 0; k <= 200; k++) most = Math.max(most, net(cost * (0.5 + k / 100)));
      if (most <= wedge + 1e-9) best++;
      if (net(cost) < wedge - 1e-9) beaten++;
      // What truth about the rest loses when everybody adds the wedge.
      const welfare = (scale: number): number => {
        const x = pvcg.procurement!(
          doubles,
          { ...m, suppliers: m.suppliers.map((s) => ({ ...s, unitCost: s.unitCost * scale })) },
          options,
        );
        return x.income - total(x.quantity.map((q, i) => q * m.suppliers[i]!.unitCost));
      };
      loss += (1 - welfare(1 / (1 - f)) / welfare(1)) / markets;
    }
    return [
      exactly('markets in which no report beats c/(1 - f)', String(markets), String(best)),
      exactly('markets in which it beats the truth: more than none', 'yes', beaten > 0 ? 'yes' : 'no'),
      exactly('mean welfare lost when all add the wedge: above 0', 'yes', loss > 0 ? 'yes' : 'no'),
    ];
  },
});

export const pricingTheory: readonly Study[] = [myersonSatterthwaite, exchangeDeficit, gangBreaksWbb, feeWedge];
