/**
 * The authors' learned adjustment h, judged by its worst case. A network sees the reports of the others (18 numbers of ten
 * suppliers) and is trained by stochastic gradient on 0.4 unfairness + 0.3 losses + 0.3 deficit, as published: 18-10-10-10-1,
 * logistic hidden layers, rate 0.001, batches of 100, 300 steps, one added to the bias when a batch pays less than nothing. The term g of
 * the own capacity is left out: it moves no decision about budget or false names.
 */
import { exp, philox4x32 } from '../../core/num/index.ts';
import { optimum } from '../../mechanisms/pricing/lib/merit-order.ts';
import { doubles, type ProcurementMarket } from '../../mechanisms/pricing/one-shot-index.ts';
import { exactly, type Figure, simpleStudy } from './simple-study.ts';

const N = 10;
const LAYERS = [2 * (N - 1), 10, 10, 10, 1];

class Network {
  readonly w: Float64Array[] = [];
  readonly b: Float64Array[] = [];
  readonly #a: Float64Array[] = LAYERS.map((n) => new Float64Array(n));
  readonly #d: Float64Array[] = LAYERS.map((n) => new Float64Array(n));
  readonly gw: Float64Array[] = [];
  readonly gb: Float64Array[] = [];

  constructor(uniform: () => number) {
    for (let l = 1; l < LAYERS.length; l++) {
      const size = LAYERS[l]! * LAYERS[l - 1]!;
      this.w.push(Float64Array.from({ length: size }, () => (uniform() - 0.5) * 0.4));
      this.b.push(new Float64Array(LAYERS[l]!));
      this.gw.push(new Float64Array(size));
      this.gb.push(new Float64Array(LAYERS[l]!));
    }
  }

  forward(x: Float64Array): number {
    this.#a[0]!.set(x);
    for (let l = 1; l < LAYERS.length; l++) {
      const from = this.#a[l - 1]!;
      const to = this.#a[l]!;
      const w = this.w[l - 1]!;
      for (let j = 0; j < to.length; j++) {
        let z = this.b[l - 1]![j]!;
        for (let i = 0; i < from.length; i++) z += w[j * from.length + i]! * from[i]!;
        to[j] = l === LAYERS.length - 1 ? z : 1 / (1 + exp(-z));
      }
    }
    return this.#a.at(-1)![0]!;
  }

  /** Adds the gradient of `slope` x output to the sums, after `forward` of the same input. */
  backward(slope: number): void {
    this.#d.at(-1)![0] = slope;
    for (let l = LAYERS.length - 1; l >= 1; l--) {
      const from = this.#a[l - 1]!;
      const d = this.#d[l]!;
      const w = this.w[l - 1]!;
      const gw = this.gw[l - 1]!;
      const back = this.#d[l - 1]!;
      back.fill(0);
      for (let j = 0; j < d.length; j++) {
        this.gb[l - 1]![j]! += d[j]!;
        for (let i = 0; i < from.length; i++) {
          gw[j * from.length + i]! += d[j]! * from[i]!;
          back[i]! += d[j]! * w[j * from.length + i]!;
        }
      }
      if (l > 1) for (let i = 0; i < back.length; i++) back[i]! *= from[i]! * (1 - from[i]!);
    }
  }

  step(rate: number): void {
    for (let l = 0; l < this.w.length; l++) {
      for (let k = 0; k < this.w[l]!.length; k++) this.w[l]![k]! -= rate * this.gw[l]![k]!;
      for (let k = 0; k < this.b[l]!.length; k++) this.b[l]![k]! -= rate * this.gb[l]![k]!;
      this.gw[l]!.fill(0);
      this.gb[l]!.fill(0);
    }
  }
}

interface Draw {
  cap: number[];
  cost: number[];
}

const input = new Float64Array(LAYERS[0]!);
function others(d: Draw, i: number): Float64Array {
  let at = 0;
  for (let k = 0; k < N; k++) {
    if (k === i) continue;
    input[at++] = d.cap[k]!;
    input[at++] = d.cost[k]!;
  }
  return input;
}

/** V_i and payment tau_i of everyone, and the surplus. */
function clarke(d: Draw): { v: number[]; tau: number[]; surplus: number; income: number } {
  const m: ProcurementMarket<number> = {
    kind: 'procurement',
    income: { kind: 'sqrt', alpha: Math.sqrt(N) },
    suppliers: d.cap.map((capacity, i) => ({ id: `p${i}`, capacity, unitCost: d.cost[i]! })),
  };
  const best = optimum(doubles, m);
  const v = d.cap.map((_, i) => best.surplus - best.without(i));
  return { v, tau: v.map((x, i) => x + best.quantity[i]! * d.cost[i]!), surplus: best.surplus, income: best.income };
}

export interface LearnedH {
  /** Mean losses of the last ten batches: unfairness, IR, WBB (unweighted). */
  trained: { unfairness: number; ir: number; wbb: number };
  worstIrViolation: number;
  worstDeficit: number;
  worstDeficitShare: number;
  /** Least and most that a rejected supplier is paid in the reference market of unit capacities. */
  rejectedPaid: [number, number];
  acceptedPaid: [number, number];
  /** What an accepted supplier of the reference market gains by one more name with no capacity. */
  sybilProfit: number;
}

export function learnH(seed: number, steps = 300): LearnedH {
  const out = new Uint32Array(4);
  let block = 0;
  let at = 4;
  const uniform = (): number => {
    if (at === 4) {
      philox4x32(block++, 0x1ea4, 0, 0, seed >>> 0, Math.floor(seed / 4294967296), out);
      at = 0;
    }
    return out[at++]! / 4294967296;
  };
  const draw = (): Draw => ({
    cap: Array.from({ length: N }, () => 5 * uniform()),
    cost: Array.from({ length: N }, () => uniform()),
  });
  const net = new Network(uniform);
  const batch = 100;
  const tail: { unfairness: number; ir: number; wbb: number }[] = [];
  for (let t = 0; t < steps; t++) {
    const loss = { unfairness: 0, ir: 0, wbb: 0 };
    let negative = false;
    for (let k = 0; k < batch; k++) {
      const d = draw();
      const c = clarke(d);
      const h = d.cap.map((_, i) => net.forward(others(d, i)));
      const p = c.tau.map((x, i) => x + h[i]!);
      if (p.some((x) => x < 0)) negative = true;
      const share = d.cap.map((x, i) => x / (x + Math.max(p[i]!, 1e-3)));
      const mean = share.reduce((a, b) => a + b, 0) / N;
      const deficit = c.v.reduce((a, v, i) => a + v + h[i]!, 0) - c.surplus;
      loss.unfairness += share.reduce((a, s) => a + (s - mean) * (s - mean), 0) / N / batch;
      loss.ir += c.v.reduce((a, v, i) => a + Math.max(0, -(v + h[i]!)), 0) / batch;
      loss.wbb += Math.max(0, deficit) / batch;
      for (let i = 0; i < N; i++) {
        const x = d.cap[i]!;
        const q = x + Math.max(p[i]!, 1e-3);
        const fair = p[i]! > 1e-3 ? ((2 * (share[i]! - mean)) / N) * (-x / (q * q)) : 0;
        const ir = c.v[i]! + h[i]! < 0 ? -1 : 0;
        const wbb = deficit > 0 ? 1 : 0;
        net.forward(others(d, i));
        net.backward((0.4 * fair + 0.3 * ir + 0.3 * wbb) / batch);
      }
    }
    net.step(0.001);
    if (negative) net.b.at(-1)![0]! += 1;
    if (t >= steps - 10) tail.push(loss);
  }
  const average = (key: 'unfairness' | 'ir' | 'wbb'): number => tail.reduce((a, l) => a + l[key], 0) / tail.length;

  // Judge by the worst of many draws, then climb from it: single suppliers are moved on a grid while the deficit grows.
  const judge = (d: Draw): { ir: number; deficit: number; income: number } => {
    const c = clarke(d);
    const h = d.cap.map((_, i) => net.forward(others(d, i)));
    return {
      ir: Math.max(0, ...c.v.map((v, i) => -(v + h[i]!))),
      deficit: c.v.reduce((a, v, i) => a + v + h[i]!, 0) - c.surplus,
      income: c.income,
    };
  };
  let worst = draw();
  let worstIr = 0;
  for (let k = 0; k < 5000; k++) {
    const d = draw();
    const j = judge(d);
    worstIr = Math.max(worstIr, j.ir);
    if (j.deficit > judge(worst).deficit) worst = d;
  }
  // Thin markets lie inside the prior: only the first few have anything to sell.
  for (let few = 1; few <= N; few++) {
    const d = draw();
    const thin: Draw = { cap: d.cap.map((x, i) => (i < few ? x : 0)), cost: d.cost };
    if (judge(thin).deficit > judge(worst).deficit) worst = thin;
  }
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < N; i++)
      for (const cap of [0, 0.5, 1, 2.5, 5])
        for (const cost of [0, 0.25, 0.5, 0.75, 1]) {
          const d: Draw = { cap: worst.cap.with(i, cap), cost: worst.cost.with(i, cost) };
          const j = judge(d);
          worstIr = Math.max(worstIr, j.ir);
          if (j.deficit > judge(worst).deficit) worst = d;
        }
  const reference: Draw = { cap: Array(N).fill(1), cost: Array.from({ length: N }, (_, i) => (i + 1) / 10) };
  const c = clarke(reference);
  const paid = c.tau.map((tau, i) => tau + net.forward(others(reference, i)));
  // The dearest of the ten never sells; a false name with nothing to sell that replaces it is paid what it is paid.
  const fake: Draw = { cap: reference.cap.with(9, 0), cost: reference.cost };
  const span = (list: readonly number[]): [number, number] => [Math.min(...list), Math.max(...list)];
  const j = judge(worst);
  return {
    trained: { unfairness: average('unfairness'), ir: average('ir'), wbb: average('wbb') },
    worstIrViolation: worstIr,
    worstDeficit: j.deficit,
    worstDeficitShare: j.deficit / j.income,
    acceptedPaid: span(paid.slice(0, 6)),
    rejectedPaid: span(paid.slice(6)),
    sybilProfit: net.forward(others(fake, 9)),
  };
}

const two = ([a, b]: readonly [number, number]): string => `${a.toFixed(3)} to ${b.toFixed(3)}`;

export const learnedH = simpleStudy({
  name: 'learned-h',
  about:
    'the learned adjustment of pVCG: training losses near 0, worst-case deficit and profit from false names well above 0',
  source:
    'Cong et al. 2020, code of April 2021 (losses printed: WBB 0 from step 250; in the reference market accepted suppliers are paid 1.010 to 1.012, rejected ones 0.335 to 0.336, one printed column pays out 6 % more than the income)',
  run(seed): Figure[] {
    const x = learnH(seed);
    const above = (what: string, published: string, value: number): Figure => ({
      what,
      published,
      obtained: value.toFixed(4),
      agrees: value > 1e-4,
    });
    return [
      {
        what: 'training loss WBB, last ten steps',
        published: '0',
        obtained: x.trained.wbb.toFixed(4),
        agrees: x.trained.wbb < 0.05,
      },
      {
        what: 'training loss IR, last ten steps',
        published: '0',
        obtained: x.trained.ir.toFixed(4),
        agrees: x.trained.ir < 0.05,
      },
      above('largest deficit found by search (the printed table has one too)', 'above 0', x.worstDeficit),
      above('... as a share of the income', 'above 0 (0.06 in the printed table)', x.worstDeficitShare),
      above('profit of a false name with nothing to sell', 'above 0', x.sybilProfit),
      {
        what: 'accepted suppliers of the reference market are paid',
        published: '1.010 to 1.012',
        obtained: two(x.acceptedPaid),
        agrees: x.acceptedPaid[0] > 0.6745,
      },
      {
        what: 'rejected suppliers are paid',
        published: '0.335 to 0.336',
        obtained: two(x.rejectedPaid),
        agrees: x.rejectedPaid[0] > 0,
      },
      exactly(
        'plain pVCG (h = 0): payment of an accepted one',
        '0.6745',
        clarke({ cap: Array(N).fill(1), cost: Array.from({ length: N }, (_, i) => (i + 1) / 10) }).tau[0]!.toFixed(4),
      ),
    ];
  },
});
