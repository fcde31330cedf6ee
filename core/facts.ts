/**
 * What the world tells core (facts) and what core asks of the world (actions). A driver stamps facts; core never reads a clock.
 *
 * A fact carries `phase` implicitly by its kind: release < failure < message < arrival (contract, rule 3). Inside a phase
 * facts are ordered by `source` (a stable scenario identity, compared by code units) and then `seq`.
 */

import type { Packet } from './link/link.ts';
import type { JobSpec, Outcome, TimeUs } from './types.ts';

export const FactKind = {
  started: 1,
  exited: 2,
  released: 3,
  nodeDown: 4,
  nodeUp: 5,
  packet: 6,
  contact: 7,
  submit: 8,
  cancel: 9,
  deposit: 10,
  takeover: 11,
  settle: 12,
  progress: 13,
  stake: 14,
  payer: 15,
  dispute: 16,
  gpu: 17,
  leaving: 18,
} as const;

/** A card of a machine that is up: in service, taking nothing new until it is reset, or lost. */
export const CardState = { fine: 0, draining: 1, dead: 2 } as const;
export type CardState = (typeof CardState)[keyof typeof CardState];

/** Why a machine left: it broke, or its owner took it back. */
export const DownCause = { failure: 0, owner: 1 } as const;
export type DownCause = (typeof DownCause)[keyof typeof DownCause];
export const downCauseNames = ['failure', 'owner'] as const;

/** A process of lease `lease` runs on node `node`. */
export interface StartedFact {
  kind: typeof FactKind.started;
  node: number;
  lease: number;
  fence: number;
}

/** The process ended; `clean` = its GPUs are already confirmed free. */
export interface ExitedFact {
  kind: typeof FactKind.exited;
  node: number;
  lease: number;
  fence: number;
  outcome: Outcome;
  clean: boolean;
}

/** The GPUs of a lease are confirmed free (answer to a release action). */
export interface ReleasedFact {
  kind: typeof FactKind.released;
  node: number;
  lease: number;
  fence: number;
}

export interface NodeDownFact {
  kind: typeof FactKind.nodeDown;
  node: number;
  cause: DownCause;
}

/**
 * The driver of a machine that stays up says something of one GPU. `state` is what the card is from now on; an error that leaves it as it was
 * is only noted. `xid` is NVIDIA's number of the error, 0 = another reason.
 */
export interface GpuFact {
  kind: typeof FactKind.gpu;
  node: number;
  gpu: number;
  state: CardState;
  xid: number;
}

export interface NodeUpFact {
  kind: typeof FactKind.nodeUp;
  node: number;
}

/** The machine's owner has said that it takes it back soon. What runs is told to end at `stopUs`, in time to be saved; NEVER = it is not. */
export interface LeavingFact {
  kind: typeof FactKind.leaving;
  node: number;
  stopUs: TimeUs;
}

/** The process reports how much run time it still needs on these GPUs: schedulers may use it, bills do not. */
export interface ProgressFact {
  kind: typeof FactKind.progress;
  node: number;
  lease: number;
  fence: number;
  remainingUs: TimeUs;
}

/** A packet of a peer host arrived. */
export interface PacketFact {
  kind: typeof FactKind.packet;
  packet: Packet;
}

/** Pool `pool` has heard of node `node` and may count on it until `until`. */
export interface ContactFact {
  kind: typeof FactKind.contact;
  pool: number;
  node: number;
  until: TimeUs;
}

export interface SubmitFact {
  kind: typeof FactKind.submit;
  pool: number;
  spec: JobSpec;
}

export interface CancelFact {
  kind: typeof FactKind.cancel;
  pool: number;
  job: number;
}

/** Money from outside; the amount is a decimal integer string of micro-units. */
export interface DepositFact {
  kind: typeof FactKind.deposit;
  user: string;
  currency: number;
  amount: string;
  seq: number;
}

/** Pool `to` takes over every node of pool `from` (an election's result, or an operator's act). */
export interface TakeoverFact {
  kind: typeof FactKind.takeover;
  from: number;
  to: number;
  seq: number;
}

/** Distribute what has been charged now, not only at the next epoch (the end of a run). */
export interface SettleFact {
  kind: typeof FactKind.settle;
  seq: number;
}

/**
 * What stakers, aggregators and verifiers ask of the chain. Amounts are decimal integers of micro-tokens; provider '' = the position
 * that votes. Pools are numbers.
 */
export type StakeAct =
  | { do: 'bond'; staker: string; provider: string; amount: string; lockUs: TimeUs }
  | { do: 'unbond'; staker: string; provider: string; amount: string }
  | { do: 'nominate'; staker: string; pools: number[] }
  | { do: 'commission'; pool: number; bps: number }
  /** Proof of a wrong result that the provider handed in at `atUs`; the bounty is the verifier's, if it names itself. */
  | { do: 'offence'; offence: number; provider: string; atUs: TimeUs; verifier?: string }
  /** A verifier's word on a result; `work` = milli-GPU x us of its lease, decimal. A planted one is the chain's own and wrong. */
  | { do: 'attest'; verifier: string; provider: string; lease: number; good: boolean; work: string; planted: boolean }
  /** Pays what the staker has earned on the provider so far, where it is kept for it. */
  | { do: 'claim'; staker: string; provider: string }
  /** Verdict on an appeal: `reversed` = the provider was right. */
  | { do: 'appeal'; offence: number; reversed: boolean }
  /** The aggregator of a pool has stopped answering, or is back. */
  | { do: 'aggregator'; pool: number; up: boolean };

export interface StakeFact {
  kind: typeof FactKind.stake;
  seq: number;
  act: StakeAct;
}

/** What is said about the charge of one lease, by a user, a provider or an arbiter (core/settlement/disputes.ts). */
export type DisputeAct =
  | { do: 'file' | 'contest' | 'concede'; lease: number; by: string }
  /** The result was computed again: it is right, or not. */
  | { do: 'check'; lease: number; by: string; good: boolean };

/** `seq` grows with the acts of one party. */
export interface DisputeFact {
  kind: typeof FactKind.dispute;
  seq: number;
  act: DisputeAct;
}

/** A user stops answering debit notes, or answers again. Its standing orders (top-ups) go on. */
export interface PayerFact {
  kind: typeof FactKind.payer;
  user: string;
  answers: boolean;
  seq: number;
}

export type Fact =
  | StartedFact
  | ExitedFact
  | ReleasedFact
  | NodeDownFact
  | NodeUpFact
  | PacketFact
  | ContactFact
  | SubmitFact
  | CancelFact
  | DepositFact
  | TakeoverFact
  | SettleFact
  | ProgressFact
  | StakeFact
  | PayerFact
  | DisputeFact
  | GpuFact
  | LeavingFact;

/** Phase of each kind: release 0, failure 1, message 2, arrival 3; a cancel comes after the arrivals it may speak of. Indexed by kind. */
export const phaseOfKind = [0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 3, 3, 3, 2, 3, 3, 3, 1, 1] as const;

export const ActionKind = { start: 1, kill: 2, release: 3 } as const;

/** Run the job on these GPUs. Idempotent by (lease, fence). Answers: started, then exited. */
export interface StartAction {
  kind: typeof ActionKind.start;
  node: number;
  lease: number;
  fence: number;
  job: number;
  attempt: number;
  /** Index of this part of the gang and their number. */
  part: number;
  parts: number;
  gpus: number[];
  gpuMilli: number;
  limitUs: TimeUs;
}

/** End the process. Answer: exited. */
export interface KillAction {
  kind: typeof ActionKind.kill;
  node: number;
  lease: number;
  fence: number;
}

/** Make the lease's GPUs free and say so. Answer: released. */
export interface ReleaseAction {
  kind: typeof ActionKind.release;
  node: number;
  lease: number;
  fence: number;
}

export type Action = StartAction | KillAction | ReleaseAction;
