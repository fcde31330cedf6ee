/** Top-k approval (delegated proof of stake): the k candidates whom most stake approves. Page: top-k.md. */
import { rat } from '../../core/num/index.ts';
import { approvalStake, cleanVoters, type Edge, type Election, type Outcome } from './lib/election.ts';

/** Scores are approval stakes. A voter's stake is divided evenly over its winners, so that supports never exceed the stake. */
export function topK(e: Election): Outcome {
  const sums = approvalStake(e);
  const order = e.candidates
    .map((_, c) => c)
    .sort((a, b) => (sums[a]! === sums[b]! ? a - b : sums[a]! > sums[b]! ? -1 : 1));
  const winners = order.slice(0, e.seats);
  const won = new Set(winners);
  const edges: Edge[] = [];
  for (const v of cleanVoters(e)) {
    const mine = v.approvals.filter((c) => won.has(c));
    for (const candidate of mine) edges.push({ voter: v.index, candidate, weight: rat(v.stake, BigInt(mine.length)) });
  }
  return { winners, scores: winners.map((c) => rat(sums[c]!)), edges, arithmetic: 'exact' };
}
