/** Committees under each rule, with the stake that stands behind every seat. */
import { ratToNumber } from '../../core/num/index.ts';
import {
  balance,
  balancedSupports,
  checkPjr,
  type Election,
  elect,
  standardThreshold,
} from '../../mechanisms/elections/index.ts';

export const rules = ['top-k', 'phragmen', 'phragmms', 'mes'] as const;

export interface Bloc {
  id: string;
  stake: number;
  approvals: string[];
}

export interface Committee {
  rule: string;
  winners: { candidate: string; support: number }[];
  /** Stake of each bloc, and how many of the winners it approves. */
  represented: { bloc: string; stake: number; seats: number }[];
  /** Proportional justified representation, by exhaustive search. */
  pjr: string;
}

export function committees(candidates: readonly string[], seats: number, blocs: readonly Bloc[]): Committee[] {
  const election: Election = {
    seats,
    candidates,
    voters: blocs.map((b) => ({
      id: b.id,
      stake: BigInt(Math.round(b.stake)),
      approvals: b.approvals.map((c) => candidates.indexOf(c)),
    })),
  };
  return rules.map((rule) => {
    const { winners } = elect(rule, election);
    const supports = balancedSupports(election, winners);
    const verdict = checkPjr(election, winners, balance(election, winners));
    return {
      rule,
      winners: winners.map((c, i) => ({ candidate: candidates[c]!, support: ratToNumber(supports[i]!) })),
      represented: blocs.map((b) => ({
        bloc: b.id,
        stake: b.stake,
        seats: winners.filter((c) => b.approvals.includes(candidates[c]!)).length,
      })),
      pjr: verdict.holds === true ? 'holds' : verdict.holds === false ? 'violated' : 'unknown',
    };
  });
}

export const threshold = (seats: number, blocs: readonly Bloc[]): number =>
  ratToNumber(
    standardThreshold({
      seats,
      candidates: [],
      voters: blocs.map((b) => ({ id: b.id, stake: BigInt(Math.round(b.stake)), approvals: [] })),
    }),
  );
