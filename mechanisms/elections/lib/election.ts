/**
 * The common model of a stake-weighted committee election: voters with stakes approve candidates, a rule fills the seats and says
 * how much stake supports each winner. Candidates and voters are numbers here (positions in the lists); ties go to the candidate
 * that stands earlier in the list.
 *
 * Symbols (Brill et al. 2017; Cevallos and Stewart 2021): voter i with stake s_i and approval set A_i, committee C of k seats,
 * W = sum of s_i, edge weights w_ic >= 0 with w_ic > 0 only if c is in A_i and C, sum over c of w_ic <= s_i; the support of c is
 * the sum over i of w_ic.
 */
import { RAT_ZERO, type Rational, ratAdd, ratCmp, ratMul } from '../../../core/num/index.ts';

export interface Voter {
  readonly id: string;
  /** Smallest units of the token, >= 0. */
  readonly stake: bigint;
  /** Positions of approved candidates; no duplicates after `cleanVoters`. */
  readonly approvals: readonly number[];
}

export interface Election {
  readonly seats: number;
  readonly candidates: readonly string[];
  readonly voters: readonly Voter[];
}

/** Stake that a voter lends to a winner. */
export interface Edge {
  readonly voter: number;
  readonly candidate: number;
  readonly weight: Rational;
}

export interface Outcome {
  /** In order of election. */
  readonly winners: readonly number[];
  /** One per winner, in the same order; what each means is on the rule's page. */
  readonly scores: readonly Rational[];
  readonly edges: readonly Edge[];
  /** Arithmetic that decided: exact rationals, or doubles whose near ties were decided with 256 fractional bits. */
  readonly arithmetic: 'exact' | 'fixed-point';
}

export type ElectionFaultCode =
  | 'seats'
  | 'duplicate-candidate'
  | 'unknown-candidate'
  | 'negative-stake'
  | 'duplicate-voter';

/** An election that no rule can run. `voter` is a position where one is at fault, else -1. */
export class ElectionError extends Error {
  readonly code: ElectionFaultCode;
  readonly voter: number;
  constructor(code: ElectionFaultCode, voter: number, message: string) {
    super(message);
    this.name = 'ElectionError';
    this.code = code;
    this.voter = voter;
  }
}

/** Throws ElectionError for the first fault: seats below 1, a candidate or voter twice, a negative stake, an unknown candidate. */
export function checkElection(e: Election): void {
  if (!Number.isSafeInteger(e.seats) || e.seats < 1)
    throw new ElectionError('seats', -1, `seats is ${e.seats}; give at least 1`);
  const seen = new Set<string>();
  for (const c of e.candidates) {
    if (seen.has(c)) throw new ElectionError('duplicate-candidate', -1, `candidate ${c} stands twice; keep one`);
    seen.add(c);
  }
  if (e.seats > e.candidates.length)
    throw new ElectionError('seats', -1, `${e.seats} seats for ${e.candidates.length} candidates; lower the seats`);
  const voters = new Set<string>();
  e.voters.forEach((v, i) => {
    if (voters.has(v.id))
      throw new ElectionError('duplicate-voter', i, `voter ${v.id} votes twice; add up its ballots`);
    voters.add(v.id);
    if (v.stake < 0n)
      throw new ElectionError('negative-stake', i, `voter ${v.id} has stake ${v.stake}; give 0 or more`);
    for (const c of v.approvals)
      if (!(c >= 0 && c < e.candidates.length))
        throw new ElectionError(
          'unknown-candidate',
          i,
          `voter ${v.id} approves candidate number ${c}, which does not stand`,
        );
  });
}

/**
 * Hygiene as live chains do it: repeated targets count once, and voters without stake or without a known candidate have no say.
 * Voters keep their numbers.
 */
export function cleanVoters(e: Election): { index: number; stake: bigint; approvals: number[] }[] {
  const out: { index: number; stake: bigint; approvals: number[] }[] = [];
  e.voters.forEach((v, index) => {
    if (v.stake <= 0n) return;
    const approvals = [...new Set(v.approvals)];
    if (approvals.length > 0) out.push({ index, stake: v.stake, approvals });
  });
  return out;
}

export const totalStake = (e: Election): bigint => e.voters.reduce((sum, v) => sum + v.stake, 0n);

/** Stake that approves each candidate. */
export function approvalStake(e: Election): bigint[] {
  const sums = e.candidates.map(() => 0n);
  for (const v of cleanVoters(e)) for (const c of v.approvals) sums[c]! += v.stake;
  return sums;
}

/** Support of each winner, in the order of `winners`. */
export function supportsOf(winners: readonly number[], edges: readonly Edge[]): Rational[] {
  const at = new Map(winners.map((c, i) => [c, i]));
  const sums: Rational[] = winners.map(() => RAT_ZERO);
  for (const e of edges) {
    const i = at.get(e.candidate);
    if (i !== undefined) sums[i] = ratAdd(sums[i]!, e.weight);
  }
  return sums;
}

/** Lexicographic quality of a solution: least support up, sum of supports up, sum of squared supports down. */
export interface ElectionScore {
  readonly minSupport: Rational;
  readonly sumSupport: Rational;
  readonly sumSquares: Rational;
}

export function electionScore(supports: readonly Rational[]): ElectionScore {
  let min = supports[0] ?? RAT_ZERO;
  let sum = RAT_ZERO;
  let squares = RAT_ZERO;
  for (const s of supports) {
    if (ratCmp(s, min) < 0) min = s;
    sum = ratAdd(sum, s);
    squares = ratAdd(squares, ratMul(s, s));
  }
  return { minSupport: min, sumSupport: sum, sumSquares: squares };
}

/**
 * Strictly better by more than the share `epsilon` in the first component that differs by more than epsilon (Polkadot's rule for a
 * submitted solution): at 1 %, 1011 beats 1000, while 1010 and 1009 do not.
 */
export function strictlyBetter(a: ElectionScore, b: ElectionScore, epsilon: Rational): boolean {
  const components: [Rational, Rational, boolean][] = [
    [a.minSupport, b.minSupport, true],
    [a.sumSupport, b.sumSupport, true],
    [a.sumSquares, b.sumSquares, false],
  ];
  for (const [x, y, up] of components) {
    const margin = ratMul(y, epsilon);
    const above = ratCmp(x, ratAdd(y, margin)) > 0;
    const below = ratCmp(ratAdd(x, margin), y) < 0;
    if (above) return up;
    if (below) return !up;
  }
  return false;
}
