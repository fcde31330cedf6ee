/** Pricing problems that are linear or mixed-integer programs: bundles, substitutable classes, bounded bets, minimum budgets. */

import { beliefs, type Prior } from '../../mechanisms/pricing/cremer-mclean.ts';
import { optimum } from '../../mechanisms/pricing/lib/merit-order.ts';
import {
  type CombinatorialMarket,
  type CombinatorialOutcome,
  doubles,
  type ProcurementMarket,
} from '../../mechanisms/pricing/one-shot-index.ts';
import type { LinearSolver, Row, Variable } from '../solver/linear.ts';

/** Best allocation of XOR bundle bids by mixed-integer program; bidder `skip` left out (-1 = none). */
export function winnersByMip(
  solver: LinearSolver,
  m: CombinatorialMarket<number>,
  skip: number,
): { won: number[]; welfare: number } {
  const variables: Variable[] = [];
  const at: [number, number][] = [];
  const byGood: [number, number][][] = m.goods.map(() => []);
  const rows: Row[] = [];
  m.bidders.forEach((b, i) => {
    if (i === skip) return;
    const own: [number, number][] = [];
    b.bids.forEach((bid, k) => {
      const x = variables.length;
      variables.push({ objective: bid.value, high: 1, integer: true });
      at.push([i, k]);
      own.push([x, 1]);
      for (const g of bid.goods) byGood[g]!.push([x, 1]);
    });
    if (own.length > 1) rows.push({ terms: own, high: 1 });
  });
  for (const terms of byGood) if (terms.length > 1) rows.push({ terms, high: 1 });
  const won: number[] = m.bidders.map(() => -1);
  if (variables.length === 0) return { won, welfare: 0 };
  const s = solver.solve({ sense: 'max', variables, rows });
  if (s.status !== 'optimal') throw new Error(`winner determination by ${solver.name}: ${s.status}`);
  let welfare = 0;
  s.values.forEach((v, x) => {
    if (v < 0.5) return;
    const [i, k] = at[x]!;
    won[i] = k;
    welfare += m.bidders[i]!.bids[k]!.value;
  });
  return { won, welfare };
}

/** VCG of bundles with the solver's allocations. */
export function vcgByMip(solver: LinearSolver, m: CombinatorialMarket<number>): CombinatorialOutcome<number> {
  const best = winnersByMip(solver, m, -1);
  const payment = best.won.map((k, i) =>
    k < 0 ? 0 : winnersByMip(solver, m, i).welfare - (best.welfare - m.bidders[i]!.bids[k]!.value),
  );
  return { ...best, payment };
}

/** GPU classes as goods with substitution: suppliers of one class, users who take any of several. */
export interface TransportMarket {
  suppliers: { id: string; gpuClass: number; capacity: number; unitCost: number }[];
  users: { id: string; classes: number[]; quantity: number; unitValue: number }[];
}

export interface TransportOutcome {
  surplus: number;
  sold: number[];
  bought: number[];
  supplierPayment: number[];
  userPayment: number[];
}

/** VCG on the transportation problem: efficient flow from suppliers to users, everyone paid or charged its externality. */
export function vcgTransport(solver: LinearSolver, m: TransportMarket): TransportOutcome {
  const solve = (without: {
    supplier?: number;
    user?: number;
  }): { surplus: number; sold: number[]; bought: number[] } => {
    const sold = m.suppliers.map(() => 0);
    const bought = m.users.map(() => 0);
    const arcs: [number, number][] = [];
    m.suppliers.forEach((s, i) => {
      m.users.forEach((u, j) => {
        if (i !== without.supplier && j !== without.user && u.classes.includes(s.gpuClass) && u.unitValue > s.unitCost)
          arcs.push([i, j]);
      });
    });
    if (arcs.length === 0) return { surplus: 0, sold, bought };
    const rows: Row[] = [
      ...m.suppliers.map((s, i) => ({
        terms: arcs.flatMap(([a], x) => (a === i ? [[x, 1] as const] : [])),
        high: s.capacity,
      })),
      ...m.users.map((u, j) => ({
        terms: arcs.flatMap(([, b], x) => (b === j ? [[x, 1] as const] : [])),
        high: u.quantity,
      })),
    ].filter((r) => r.terms.length > 0);
    const variables = arcs.map(([i, j]) => ({ objective: m.users[j]!.unitValue - m.suppliers[i]!.unitCost }));
    const s = solver.solve({ sense: 'max', variables, rows });
    if (s.status !== 'optimal') throw new Error(`transportation problem by ${solver.name}: ${s.status}`);
    s.values.forEach((v, x) => {
      sold[arcs[x]![0]]! += v;
      bought[arcs[x]![1]]! += v;
    });
    return { surplus: s.objective, sold, bought };
  };
  const best = solve({});
  return {
    ...best,
    supplierPayment: best.sold.map((q, i) =>
      q === 0 ? 0 : best.surplus - solve({ supplier: i }).surplus + q * m.suppliers[i]!.unitCost,
    ),
    userPayment: best.bought.map((q, j) =>
      q === 0 ? 0 : solve({ user: j }).surplus - (best.surplus - q * m.users[j]!.unitValue),
    ),
  };
}

/**
 * Crémer-McLean side bets of at most `bound`, safe against beliefs that are off by up to `eps` in sum: the most expected payment that
 * every type still accepts in expectation. Infinite bound and eps 0 extract everything where the beliefs have full rank.
 */
export function boundedBets(
  solver: LinearSolver,
  prior: Prior<number>,
  bound: number,
  eps: number,
): { bets: number[]; perBidder: number; surplus: number } {
  const belief = beliefs(doubles, prior);
  const { values, probability } = prior;
  const surplus = values.map((v, i) => values.reduce((s, w, j) => s + (v > w ? belief[i]![j]! * (v - w) : 0), 0));
  const mass = probability.map((row) => row.reduce((a, b) => a + b, 0));
  const n = values.length;
  // Variables: the bets, then a bound on their size.
  const variables: Variable[] = values.map((_, j) => ({
    objective: mass.reduce((s, p, i) => s + p * belief[i]![j]!, 0),
    low: -bound,
    high: bound,
  }));
  variables.push({ objective: 0, high: bound });
  const rows: Row[] = surplus.map((u, i) => ({
    terms: [...belief[i]!.map((p, j) => [j, p] as const), [n, eps] as const],
    high: u,
  }));
  for (let j = 0; j < n; j++)
    rows.push(
      {
        terms: [
          [j, 1],
          [n, -1],
        ],
        high: 0,
      },
      {
        terms: [
          [j, -1],
          [n, -1],
        ],
        high: 0,
      },
    );
  const s = solver.solve({ sense: 'max', variables, rows });
  if (s.status !== 'optimal') throw new Error(`bounded bets by ${solver.name}: ${s.status}`);
  return {
    bets: s.values.slice(0, n),
    perBidder: s.objective,
    surplus: surplus.reduce((a, u, i) => a + u * mass[i]!, 0),
  };
}

/**
 * The least expected payments of an efficient, truthful, ex-post individually rational mechanism on a finite grid of types, as a linear
 * program over every h_i(reports of the others). `markets` = the product of the suppliers' types.
 */
export function minimumBudget(
  solver: LinearSolver,
  types: readonly (readonly { capacity: number; unitCost: number }[])[],
  income: ProcurementMarket<number>['income'],
): { budget: number; worstDeficit: number; h: Map<string, number> } {
  const profiles = types.reduce<number[][]>((all, list) => all.flatMap((p) => list.map((_, t) => [...p, t])), [[]]);
  const key = (i: number, p: readonly number[]): string => `${i}|${p.map((t, k) => (k === i ? '*' : t)).join(',')}`;
  const index = new Map<string, number>();
  const variables: Variable[] = [];
  const rows: Row[] = [];
  const solved = profiles.map((p) => {
    const m: ProcurementMarket<number> = {
      kind: 'procurement',
      income,
      suppliers: p.map((t, i) => ({ id: `p${i}`, ...types[i]![t]! })),
    };
    const best = optimum(doubles, m);
    return { surplus: best.surplus, v: p.map((_, i) => best.surplus - best.without(i)) };
  });
  profiles.forEach((p, k) => {
    p.forEach((_, i) => {
      const id = key(i, p);
      let x = index.get(id);
      if (x === undefined) {
        x = variables.length;
        index.set(id, x);
        variables.push({ objective: 0, low: Number.NEGATIVE_INFINITY });
      }
      variables[x]!.objective += 1 / profiles.length;
      rows.push({ terms: [[x, 1]], low: -solved[k]!.v[i]! });
    });
  });
  const s = solver.solve({ sense: 'min', variables, rows });
  if (s.status !== 'optimal') throw new Error(`minimum budget by ${solver.name}: ${s.status}`);
  const h = new Map([...index].map(([id, x]) => [id, s.values[x]!]));
  let worst = Number.NEGATIVE_INFINITY;
  profiles.forEach((p, k) => {
    const { surplus, v } = solved[k]!;
    worst = Math.max(worst, v.reduce((a, x, i) => a + x + h.get(key(i, p))!, 0) - surplus);
  });
  return { budget: s.objective, worstDeficit: worst, h };
}
