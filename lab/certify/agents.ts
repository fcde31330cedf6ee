/**
 * Strategic suppliers of repeated procurement markets: costs and demand are new every round, an agent chooses by which factor it
 * multiplies its cost. No-regret learners (Exp3 with what it earned, multiplicative weights with what every factor would have
 * earned), best response by turns, and a ring of two that shares what it gains.
 */
import { exp, log, philox4x32, sqrt } from '../../core/num/index.ts';
import { doubles, type OneShot, type ProcurementMarket } from '../../mechanisms/pricing/one-shot-index.ts';

export const FACTORS = [0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.5, 1.8] as const;
const TRUTH = FACTORS.indexOf(1);
const AGENTS = 4;

export type Learner = 'exp3' | 'multiplicative-weights' | 'best-response' | 'ring';

export interface LearningResult {
  /** Mean over agents of the factor they settle on, minus 1. */
  shading: number;
  /** Share of the best welfare that the last quarter of the rounds loses. */
  welfareLoss: number;
  /** Income minus payments per round, last quarter. */
  revenue: number;
}

function uniforms(seed: number): () => number {
  const out = new Uint32Array(4);
  let block = 0;
  let at = 4;
  return () => {
    if (at === 4) {
      philox4x32(block++, 0xa6e7, 0, 0, seed >>> 0, Math.floor(seed / 4294967296), out);
      at = 0;
    }
    return out[at++]! / 4294967296;
  };
}

interface Round {
  costs: number[];
  market: (asks: readonly number[]) => ProcurementMarket<number>;
}

/** Unit suppliers with costs uniform on 1..2; one to three units are wanted at 3 each. */
function draw(uniform: () => number): Round {
  const costs = Array.from({ length: AGENTS }, () => 1 + uniform());
  const wanted = 1 + Math.floor(3 * uniform());
  return {
    costs,
    market: (asks) => ({
      kind: 'procurement',
      income: { kind: 'steps', width: [wanted], slope: [3] },
      suppliers: asks.map((unitCost, i) => ({ id: `p${i}`, capacity: 1, unitCost })),
    }),
  };
}

const options = { coin: () => 0.5, allow: false };

function utilities(
  m: OneShot,
  r: Round,
  factors: readonly number[],
): { u: number[]; welfare: number; revenue: number } {
  const out = m.procurement!(doubles, r.market(r.costs.map((c, i) => c * FACTORS[factors[i]!]!)), options);
  const u = out.payment.map((p, i) => p - out.quantity[i]! * r.costs[i]!);
  const paid = out.payment.reduce((a, b) => a + b, 0);
  const cost = out.quantity.reduce((a, q, i) => a + q * r.costs[i]!, 0);
  return { u, welfare: out.income - cost, revenue: out.income - paid };
}

const most = (list: ArrayLike<number>): number => {
  let best = 0;
  for (let k = 1; k < list.length; k++) if (list[k]! > list[best]!) best = k;
  return best;
};

export function learn(mechanism: OneShot, learner: Learner, seed: number, rounds: number): LearningResult {
  if (learner === 'best-response' || learner === 'ring') return respond(mechanism, learner, seed, rounds);
  const uniform = uniforms(seed);
  const k = FACTORS.length;
  // Gains lie within -1..2 a round; scaled into 0..1.
  const scaled = (x: number): number => Math.min(1, Math.max(0, (x + 1) / 3));
  const explore = learner === 'exp3' ? Math.min(1, sqrt((k * log(k)) / (1.7 * rounds))) : 0;
  const rate = learner === 'exp3' ? explore / k : sqrt((8 * log(k)) / rounds);
  const score = Array.from({ length: AGENTS }, () => new Float64Array(k));
  const p = new Float64Array(k);
  const tail = { welfare: 0, best: 0, revenue: 0, n: 0 };
  for (let t = 0; t < rounds; t++) {
    const r = draw(uniform);
    const chance: number[] = [];
    const pick = score.map((s) => {
      const top = s[most(s)]!;
      let sum = 0;
      for (let j = 0; j < k; j++) sum += p[j] = exp(rate * (s[j]! - top));
      let x = uniform();
      for (let j = 0; j < k; j++) {
        const q = (1 - explore) * (p[j]! / sum) + explore / k;
        x -= q;
        if (x < 0 || j === k - 1) {
          chance.push(q);
          return j;
        }
      }
      return k - 1;
    });
    const got = utilities(mechanism, r, pick);
    if (learner === 'exp3') for (let i = 0; i < AGENTS; i++) score[i]![pick[i]!]! += scaled(got.u[i]!) / chance[i]!;
    else
      for (let i = 0; i < AGENTS; i++)
        for (let j = 0; j < k; j++) score[i]![j]! += scaled(utilities(mechanism, r, pick.with(i, j)).u[i]!);
    if (t >= (3 * rounds) / 4) {
      tail.welfare += got.welfare;
      tail.best += utilities(
        mechanism,
        r,
        pick.map(() => TRUTH),
      ).welfare;
      tail.revenue += got.revenue;
      tail.n++;
    }
  }
  const settled = score.map((s) => FACTORS[most(s)]!);
  return {
    shading: settled.reduce((a, f) => a + f, 0) / AGENTS - 1,
    welfareLoss: 1 - tail.welfare / tail.best,
    revenue: tail.revenue / tail.n,
  };
}

/** Agents (or a ring of the first two, for its sum) in turn take the factor that is best against the others on fixed draws. */
function respond(mechanism: OneShot, learner: 'best-response' | 'ring', seed: number, rounds: number): LearningResult {
  const uniform = uniforms(seed);
  const sample = Array.from({ length: Math.max(50, Math.floor(rounds / 20)) }, () => draw(uniform));
  const pick = new Array<number>(AGENTS).fill(TRUTH);
  const mean = (factors: readonly number[], who: readonly number[]): number =>
    sample.reduce((s, r) => {
      const { u } = utilities(mechanism, r, factors);
      return s + who.reduce((a, i) => a + u[i]!, 0);
    }, 0) / sample.length;
  if (learner === 'ring') {
    let best = mean(pick, [0, 1]);
    for (let a = 0; a < FACTORS.length; a++)
      for (let b = 0; b < FACTORS.length; b++) {
        const tried = [a, b, TRUTH, TRUTH];
        const u = mean(tried, [0, 1]);
        if (u > best + 1e-9) {
          best = u;
          pick[0] = a;
          pick[1] = b;
        }
      }
  } else
    for (let turn = 0; turn < 6 * AGENTS; turn++) {
      const i = turn % AGENTS;
      const now = mean(pick, [i]);
      const values = FACTORS.map((_, j) => mean(pick.with(i, j), [i]));
      const j = most(values);
      if (values[j]! > now + 1e-9) pick[i] = j;
    }
  const who = learner === 'ring' ? [0, 1] : pick.map((_, i) => i);
  const tail = { welfare: 0, best: 0, revenue: 0 };
  for (const r of sample) {
    const x = utilities(mechanism, r, pick);
    tail.welfare += x.welfare;
    tail.revenue += x.revenue;
    tail.best += utilities(
      mechanism,
      r,
      pick.map(() => TRUTH),
    ).welfare;
  }
  return {
    shading: who.reduce((a, i) => a + FACTORS[pick[i]!]!, 0) / who.length - 1,
    welfareLoss: 1 - tail.welfare / tail.best,
    revenue: tail.revenue / sample.length,
  };
}
