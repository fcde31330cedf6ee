/** Method of equal shares with stakes as budgets, completed by sequential Phragmén. Page: mes.md. */
import {
  RAT_ONE,
  RAT_ZERO,
  type Rational,
  rat,
  ratAdd,
  ratCmp,
  ratDiv,
  ratMul,
  ratNeg,
  ratSub,
} from '../../core/num/index.ts';
import { cleanVoters, type Edge, type Election, type Outcome, totalStake } from './lib/election.ts';
import { exactRounds, fansOf } from './phragmen.ts';

export interface EqualShares extends Outcome {
  /** How many winners the voters could pay for; the rest completes the committee. */
  readonly core: number;
  /** Money that each voter (by position in the election) has left after the core, in seats. */
  readonly budgetsLeft: ReadonlyMap<number, Rational>;
}

/** Scores: rho (price per unit of stake) for the core, Phragmén loads for the completion. */
export function equalShares(e: Election): EqualShares {
  const voters = cleanVoters(e);
  const fans = fansOf(e, voters);
  const total = totalStake(e);
  const stakes = voters.map((v) => rat(v.stake));
  const budget = voters.map((v) => rat(v.stake * BigInt(e.seats), total));
  const open = new Set(e.candidates.map((_, c) => c));
  const winners: number[] = [];
  const scores: Rational[] = [];
  /** What each voter paid for each winner. */
  const paid = voters.map(() => new Map<number, Rational>());
  while (winners.length < e.seats) {
    let best = -1;
    let bestRho = RAT_ZERO;
    for (const c of open) {
      const rho = priceOf(fans[c]!, stakes, budget);
      if (rho !== null && (best < 0 || ratCmp(rho, bestRho) < 0)) {
        best = c;
        bestRho = rho;
      }
    }
    if (best < 0) break;
    open.delete(best);
    winners.push(best);
    scores.push(bestRho);
    for (const i of fans[best]!) {
      const due = ratMul(bestRho, stakes[i]!);
      const pays = ratCmp(due, budget[i]!) < 0 ? due : budget[i]!;
      if (pays.num > 0n) paid[i]!.set(best, pays);
      budget[i] = ratSub(budget[i]!, pays);
    }
  }
  const core = winners.length;
  const budgetsLeft = new Map(voters.map((v, i) => [v.index, budget[i]!]));
  if (core < e.seats) {
    // What is left of a budget is credit: a load below zero.
    const loads = voters.map((_, i) => ratNeg(ratDiv(budget[i]!, stakes[i]!)));
    const rest = exactRounds(e, voters, loads, new Set(winners), e.seats - core);
    winners.push(...rest.winners);
    scores.push(...rest.scores);
    rest.parts.forEach((parts, i) => {
      for (const [c, part] of parts) if (part.num > 0n) paid[i]!.set(c, ratMul(part, stakes[i]!));
    });
  }
  const edges: Edge[] = [];
  voters.forEach((v, i) => {
    let sum = RAT_ZERO;
    for (const p of paid[i]!.values()) sum = ratAdd(sum, p);
    if (sum.num === 0n) return;
    for (const [candidate, p] of paid[i]!)
      edges.push({ voter: v.index, candidate, weight: ratDiv(ratMul(stakes[i]!, p), sum) });
  });
  return { winners, scores, edges, core, budgetsLeft, arithmetic: 'exact' };
}

/** Least rho with sum of min(budget_i, rho * stake_i) = 1, or null when the approvers cannot pay one seat. */
function priceOf(fans: readonly number[], stakes: readonly Rational[], budget: readonly Rational[]): Rational | null {
  let money = RAT_ZERO;
  let stake = RAT_ZERO;
  for (const i of fans) {
    money = ratAdd(money, budget[i]!);
    stake = ratAdd(stake, stakes[i]!);
  }
  if (ratCmp(money, RAT_ONE) < 0) return null;
  const byRho = fans.map((i) => ({ i, at: ratDiv(budget[i]!, stakes[i]!) })).sort((a, b) => ratCmp(a.at, b.at));
  let missing = RAT_ONE;
  for (const { i, at } of byRho) {
    const rho = ratDiv(missing, stake);
    if (ratCmp(rho, at) <= 0) return rho;
    // This approver pays all it has.
    missing = ratSub(missing, budget[i]!);
    stake = ratSub(stake, stakes[i]!);
  }
  return null;
}
