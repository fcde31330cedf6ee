/** PhragMMS: each seat goes to the candidate that can be given the largest support without taking others below it. Page: phragmms.md. */
import { RAT_ONE, RAT_ZERO, type Rational, rat, ratAdd, ratCmp, ratDiv, ratMul, ratSub } from '../../core/num/index.ts';
import { balance } from './lib/balance.ts';
import { cleanVoters, type Edge, type Election, type Outcome, supportsOf } from './lib/election.ts';
import { fansOf } from './phragmen.ts';

/** Exact; the solution is balanced after every seat, so scores and edges depend on the winners alone. */
export function phragmms(e: Election): Outcome {
  const voters = cleanVoters(e);
  const fans = fansOf(e, voters);
  const open = new Set(e.candidates.map((_, c) => c));
  const winners: number[] = [];
  const scores: Rational[] = [];
  let edges: Edge[] = [];
  while (winners.length < e.seats) {
    const supports = supportsOf(winners, edges);
    const supportOf = new Map(winners.map((c, i) => [c, supports[i]!]));
    const held: Map<number, Edge[]> = new Map();
    for (const edge of edges) {
      const list = held.get(edge.voter);
      if (list === undefined) held.set(edge.voter, [edge]);
      else list.push(edge);
    }
    let best = -1;
    let bestScore = RAT_ZERO;
    for (const c of open) {
      let stake = 0n;
      // Sum over the candidate's approvers of what each lends to d: what could be moved from d.
      const lent = new Map<number, Rational>();
      for (const i of fans[c]!) {
        stake += voters[i]!.stake;
        for (const edge of held.get(voters[i]!.index) ?? [])
          lent.set(edge.candidate, ratAdd(lent.get(edge.candidate) ?? RAT_ZERO, edge.weight));
      }
      const score = scoreOf(rat(stake), lent, supportOf);
      if (best < 0 || ratCmp(score, bestScore) > 0) {
        best = c;
        bestScore = score;
      }
    }
    open.delete(best);
    winners.push(best);
    scores.push(bestScore);
    edges = balance(e, winners);
  }
  return { winners, scores, edges, arithmetic: 'exact' };
}

/**
 * Greatest t with prescore(t) >= t, where prescore(t) = stake - sum over d of lent_d * min(1, t / support_d). Piecewise linear and
 * falling, so the answer is the root on the first segment (between sorted supports) that holds one.
 */
function scoreOf(
  stake: Rational,
  lent: ReadonlyMap<number, Rational>,
  supportOf: ReadonlyMap<number, Rational>,
): Rational {
  const steps = [...lent].map(([d, weight]) => ({ weight, support: supportOf.get(d)! }));
  steps.sort((a, b) => ratCmp(a.support, b.support));
  let fixed = stake;
  let slope = RAT_ONE;
  for (const s of steps) slope = ratAdd(slope, ratDiv(s.weight, s.support));
  for (const s of steps) {
    const t = ratDiv(fixed, slope);
    if (ratCmp(t, s.support) <= 0) return t;
    // Beyond this support its lenders have given all they can.
    fixed = ratSub(fixed, s.weight);
    slope = ratSub(slope, ratDiv(s.weight, s.support));
  }
  return ratDiv(ratMul(fixed, RAT_ONE), slope);
}
