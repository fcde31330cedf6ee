/** Single transferable vote on weighted ranked ballots: weighted inclusive Gregory, Droop quota. Page: stv.md. */
import { RAT_ZERO, type Rational, rat, ratAdd, ratCmp, ratDiv, ratMul, ratSub } from '../../core/num/index.ts';

export interface RankedBallot {
  readonly stake: bigint;
  /** Positions of candidates, most preferred first, each at most once. */
  readonly ranking: readonly number[];
}

export interface StvOutcome {
  readonly winners: readonly number[];
  readonly quota: bigint;
  /** Votes of every continuing candidate before each election or exclusion, by candidate. */
  readonly rounds: readonly ReadonlyMap<number, Rational>[];
  /** Votes of each winner when it was elected, before its surplus moved on. */
  readonly supports: readonly Rational[];
}

/** One surplus per round, the largest first; of equals, the later in the list is excluded first and the earlier elected first. */
export function stv(seats: number, candidates: readonly string[], ballots: readonly RankedBallot[]): StvOutcome {
  const total = ballots.reduce((sum, b) => sum + b.stake, 0n);
  const quota = total / BigInt(seats + 1) + 1n;
  const weights: Rational[] = ballots.map((b) => rat(b.stake));
  const open = new Set(candidates.map((_, c) => c));
  const winners: number[] = [];
  const supports: Rational[] = [];
  const rounds: Map<number, Rational>[] = [];
  const topOf = (b: RankedBallot): number => b.ranking.find((c) => open.has(c)) ?? -1;
  while (winners.length < seats && open.size > 0) {
    const votes = new Map<number, Rational>([...open].map((c) => [c, RAT_ZERO]));
    const tops = ballots.map(topOf);
    tops.forEach((c, i) => {
      if (c >= 0) votes.set(c, ratAdd(votes.get(c)!, weights[i]!));
    });
    if (open.size <= seats - winners.length) {
      // As many left as seats: all are in, by their votes.
      const rest = [...open].sort((a, b) => ratCmp(votes.get(b)!, votes.get(a)!) || a - b);
      for (const c of rest) {
        winners.push(c);
        supports.push(votes.get(c)!);
      }
      break;
    }
    rounds.push(votes);
    let first = -1;
    let last = -1;
    for (const [c, v] of votes) {
      if (first < 0 || ratCmp(v, votes.get(first)!) > 0) first = c;
      if (last < 0 || ratCmp(v, votes.get(last)!) <= 0) last = c;
    }
    const most = votes.get(first)!;
    if (ratCmp(most, rat(quota)) < 0) {
      open.delete(last);
      continue;
    }
    winners.push(first);
    supports.push(most);
    open.delete(first);
    const keep = ratDiv(ratSub(most, rat(quota)), most);
    tops.forEach((c, i) => {
      if (c === first) weights[i] = ratMul(weights[i]!, keep);
    });
  }
  return { winners, quota, rounds, supports };
}
