/**
 * Proportional and extended justified representation, for a solution (committee and edges) and for a committee alone. Checkers answer
 * with the group that is wronged, not with false.
 *
 * t-PJR (Sánchez-Fernández et al. 2017; Cevallos and Stewart 2021): no group N of voters and r >= 1 with stake(N) >= r t, at least r
 * candidates approved by all of N, and fewer than r winners approved by any of N. Standard PJR is t = W / k.
 */
import {
  RAT_ONE,
  RAT_ZERO,
  type Rational,
  rat,
  ratAdd,
  ratCmp,
  ratDiv,
  ratMul,
  ratSub,
} from '../../../core/num/index.ts';
import { cleanVoters, type Edge, type Election, supportsOf, totalStake } from './election.ts';

export interface PjrViolation {
  /** Winners the group is owed. */
  readonly r: number;
  /** r candidates that all of the group approve. */
  readonly candidates: readonly number[];
  /** Voters of the group, by position. */
  readonly group: readonly number[];
  /** Winners approved by anybody of the group; fewer than r where PJR fails, fewer than r for each of them where EJR does. */
  readonly winners: readonly number[];
}

export type PjrVerdict =
  | { readonly holds: true; readonly counterexample: null }
  | { readonly holds: false; readonly counterexample: PjrViolation }
  | { readonly holds: 'unknown'; readonly counterexample: null };

/** Stake that a voter could still move at threshold t: its own less what its winners need to keep t. */
export function slack(
  stake: Rational,
  lent: readonly { weight: Rational; support: Rational }[],
  t: Rational,
): Rational {
  let out = stake;
  for (const l of lent) {
    const share = ratCmp(t, l.support) >= 0 ? RAT_ONE : ratDiv(t, l.support);
    out = ratSub(out, ratMul(l.weight, share));
  }
  return out;
}

/** Support that an unelected candidate could be given at threshold t. */
export function prescores(
  e: Election,
  winners: readonly number[],
  edges: readonly Edge[],
  t: Rational,
): Map<number, Rational> {
  const supports = supportsOf(winners, edges);
  const supportOf = new Map(winners.map((c, i) => [c, supports[i]!]));
  const lent = new Map<number, { weight: Rational; support: Rational }[]>();
  for (const edge of edges) {
    const support = supportOf.get(edge.candidate);
    if (support === undefined) continue;
    const list = lent.get(edge.voter) ?? [];
    list.push({ weight: edge.weight, support });
    lent.set(edge.voter, list);
  }
  const out = new Map<number, Rational>();
  e.candidates.forEach((_, c) => {
    if (!supportOf.has(c)) out.set(c, RAT_ZERO);
  });
  for (const v of cleanVoters(e)) {
    const mine = slack(rat(v.stake), lent.get(v.index) ?? [], t);
    for (const c of v.approvals) {
      const sum = out.get(c);
      if (sum !== undefined) out.set(c, ratAdd(sum, mine));
    }
  }
  return out;
}

/**
 * The linear-time check of a solution: every unelected candidate's prescore below t proves t-PJR. Only sufficient: a candidate that
 * reaches t is a reason to look closer. Answers that candidate, or null when the proof holds.
 */
export function localPjrChallenge(
  e: Election,
  winners: readonly number[],
  edges: readonly Edge[],
  t: Rational,
): number | null {
  for (const [c, score] of prescores(e, winners, edges, t)) if (ratCmp(score, t) >= 0) return c;
  return null;
}

export const standardThreshold = (e: Election): Rational => rat(totalStake(e), BigInt(e.seats));

/** Pairs of subsets the exhaustive search may look at: about a second. */
const SEARCH_LIMIT = 400_000;
/** Voters it may look at for EJR: about a second. */
const VISIT_LIMIT = 10_000_000;

/** Local proof first; when it does not decide, the definition by exhaustive search, if that is small enough. */
export function checkPjr(
  e: Election,
  winners: readonly number[],
  edges: readonly Edge[],
  t = standardThreshold(e),
): PjrVerdict {
  if (localPjrChallenge(e, winners, edges, t) === null) return { holds: true, counterexample: null };
  return searchPjr(e, winners, t);
}

/**
 * By the definition: for every r, every r candidates with a common following and every r - 1 winners, the followers whose winners are
 * all among those r - 1 are the largest group that could be wronged.
 */
export function searchPjr(e: Election, winners: readonly number[], t: Rational): PjrVerdict {
  const voters = cleanVoters(e);
  const won = new Set(winners);
  const supporters = (c: number) => voters.filter((v) => v.approvals.includes(c));
  let looked = 0;
  for (let r = 1; r <= Math.min(e.seats, winners.length); r++) {
    const owed = ratMul(t, rat(r));
    // A group needs stake r t behind each of its r candidates.
    const able = e.candidates
      .map((_, c) => c)
      .filter((c) => ratCmp(rat(supporters(c).reduce((s, v) => s + v.stake, 0n)), owed) >= 0);
    for (const wanted of combinations(able, r)) {
      const followers = voters.filter((v) => wanted.every((c) => v.approvals.includes(c)));
      if (ratCmp(rat(followers.reduce((s, v) => s + v.stake, 0n)), owed) < 0) {
        if (++looked > SEARCH_LIMIT) return { holds: 'unknown', counterexample: null };
        continue;
      }
      const theirs = [...new Set(followers.flatMap((v) => v.approvals.filter((c) => won.has(c))))].sort(
        (a, b) => a - b,
      );
      for (const allowed of combinations(theirs, Math.min(r - 1, theirs.length))) {
        if (++looked > SEARCH_LIMIT) return { holds: 'unknown', counterexample: null };
        const group = followers.filter((v) => v.approvals.every((c) => !won.has(c) || allowed.includes(c)));
        if (ratCmp(rat(group.reduce((s, v) => s + v.stake, 0n)), owed) < 0) continue;
        return {
          holds: false,
          counterexample: { r, candidates: wanted, group: group.map((v) => v.index), winners: allowed },
        };
      }
    }
  }
  return { holds: true, counterexample: null };
}

/**
 * Extended justified representation (Aziz et al. 2017), by the definition: no group N and r >= 1 with stake(N) >= r t and at least r
 * candidates approved by all of N, where nobody of N approves r winners. Stronger than PJR: some single voter must have its r. For
 * every r candidates the group to look at is their common followers with fewer than r winners each.
 */
export function checkEjr(e: Election, winners: readonly number[], t = standardThreshold(e)): PjrVerdict {
  const voters = cleanVoters(e);
  const won = new Set(winners);
  const has = voters.map((v) => v.approvals.filter((c) => won.has(c)));
  const following = (list: typeof voters): bigint[] => {
    const sums = e.candidates.map(() => 0n);
    for (const v of list) for (const c of v.approvals) sums[c]! += v.stake;
    return sums;
  };
  const largest = following(voters).reduce((a, b) => (a > b ? a : b), 0n);
  let looked = 0;
  for (let r = 1; r <= e.seats; r++) {
    const owed = ratMul(t, rat(r));
    const reaches = (stake: bigint): boolean => ratCmp(rat(stake), owed) >= 0;
    if (!reaches(largest)) break;
    const poor = voters.filter((_, i) => has[i]!.length < r);
    const stakes = following(poor);
    const able = e.candidates.map((_, c) => c).filter((c) => reaches(stakes[c]!));
    for (const wanted of combinations(able, r)) {
      looked += poor.length;
      if (looked > VISIT_LIMIT) return { holds: 'unknown', counterexample: null };
      const group = poor.filter((v) => wanted.every((c) => v.approvals.includes(c)));
      if (!reaches(group.reduce((s, v) => s + v.stake, 0n))) continue;
      const theirs = [...new Set(group.flatMap((v) => v.approvals.filter((c) => won.has(c))))].sort((a, b) => a - b);
      return {
        holds: false,
        counterexample: { r, candidates: wanted, group: group.map((v) => v.index), winners: theirs },
      };
    }
  }
  return { holds: true, counterexample: null };
}

/** All subsets of the given size, in lexicographic order of positions. */
export function* combinations(items: readonly number[], size: number): Generator<number[]> {
  if (size > items.length) return;
  const at = Array.from({ length: size }, (_, i) => i);
  for (;;) {
    yield at.map((i) => items[i]!);
    let k = size - 1;
    while (k >= 0 && at[k] === items.length - size + k) k--;
    if (k < 0) return;
    at[k]!++;
    for (let j = k + 1; j < size; j++) at[j] = at[j - 1]! + 1;
  }
}
