/** Door of the election rules: one call by name. */
import { checkElection, type Election, type Outcome } from './lib/election.ts';
import { equalShares } from './mes.ts';
import { phragmen } from './phragmen.ts';
import { phragmms } from './phragmms.ts';
import { type RankedBallot, type StvOutcome, stv } from './stv.ts';
import { topK } from './top-k.ts';

export * from './lib/attacks.ts';
export { balance, balancedSupports } from './lib/balance.ts';
export * from './lib/election.ts';
export * from './lib/pjr.ts';
export { equalShares, phragmen, phragmms, type RankedBallot, type StvOutcome, stv, topK };

export const electionRules = ['top-k', 'phragmen', 'phragmms', 'mes', 'stv'] as const;
export type ApprovalRule = Exclude<(typeof electionRules)[number], 'stv'>;

const rules: Record<ApprovalRule, (e: Election) => Outcome> = {
  'top-k': topK,
  phragmen: (e) => phragmen(e),
  phragmms,
  mes: equalShares,
};

/** Runs an approval election. Throws ElectionError for an election that no rule can run. */
export function elect(rule: ApprovalRule, e: Election): Outcome {
  checkElection(e);
  return rules[rule](e);
}
