/** What Settlement keeps of a job from its first hold on: what was asked for, what was quoted, and how far the present attempt is. */
import type { History, Quote, Reading } from '../messages.ts';
import type { Code, JobSpec, TimeUs } from '../types.ts';
import { Outcome } from '../types.ts';
import type { ClaimedPart } from './placement-row.ts';

export const ContractState = { held: 0, claimed: 1, dormant: 2 } as const;
export type ContractState = (typeof ContractState)[keyof typeof ContractState];

/** One job's terms, from its first hold until its end or the end of its quote. */
export interface Contract {
  job: number;
  hold: number;
  /** Who runs it now; a takeover changes it. */
  pool: number;
  /** Pool whose revenue account the hold pays into. */
  pot: number;
  spec: JobSpec;
  quote: Quote;
  submittedUs: TimeUs;
  history: History;
  state: ContractState;
  pending: number;
  /** End of the quote while held, of the hold once claimed; NEVER while dormant. */
  expiresUs: TimeUs;
  quoteEndUs: TimeUs;
  /** Number of the attempt's first part; 0 until a node has claimed. */
  lease: number;
  parts: number;
  claimUntilUs: TimeUs;
  claims: ClaimedPart[];
  /** Why the pool has given the job up: forget the terms with the hold. ok = it has not. */
  closing: Code;
}

/** A contract's history after an attempt that ran. */
export const historyAfter = (
  h: History,
  a: { outcome: Outcome; startUs: TimeUs; endUs: TimeUs; charge: bigint },
): History => ({
  runs: h.runs + 1,
  firstStartUs: h.firstStartUs < 0 ? a.startUs : h.firstStartUs,
  lastStartUs: a.startUs,
  lastEndUs: a.endUs,
  servedUs: h.servedUs + a.endUs - a.startUs,
  preemptions: a.outcome === Outcome.preempted ? h.preemptions + 1 : h.preemptions,
  charged: h.charged + a.charge,
});

/** Nothing ran, or something did for at most the job's limit: so a charge never exceeds its hold. */
export const isPossible = (m: Reading, spec: JobSpec): boolean =>
  m.startUs < 0
    ? m.endUs < 0 && m.outcome !== Outcome.completed
    : m.endUs >= m.startUs && m.endUs - m.startUs <= spec.limitUs;
