/**
 * The protocol between the three machines (contract, rule 7). Every message is plain data. Kinds continue the numbers of
 * facts so that one inbox can hold both.
 */
import type { SupplyMarket } from './interfaces.ts';
import type { Code, JobSpec, Outcome, TimeUs } from './types.ts';

export const MessageKind = {
  reserve: 32,
  held: 33,
  refused: 34,
  release: 35,
  resolved: 36,
  lease: 37,
  stop: 38,
  claim: 39,
  claimed: 40,
  denied: 41,
  declined: 42,
  running: 43,
  reading: 44,
  ended: 45,
  freed: 46,
  awards: 47,
  awarded: 48,
  assign: 49,
  adopt: 50,
  inventory: 51,
  health: 52,
  inherit: 53,
  supersede: 54,
  withdraw: 55,
  broken: 56,
  progress: 57,
  metered: 58,
  steal: 59,
  give: 60,
  given: 61,
  card: 62,
} as const;

/** The terms a job is sold under; stored by Settlement with the hold and binding for the bill. */
export interface Quote {
  /** Hash of everything below and the job's demand. */
  id: number;
  epoch: number;
  currency: number;
  /** GPU classes the quote covers, ascending. */
  classes: number[];
  /** Award of each class. */
  awards: number[];
  /** Micro-units per GPU-hour of each class. */
  rates: number[];
  /** The hold: the dearest class over the whole limit. */
  maxCharge: bigint;
}

/** Pool -> Settlement: take the money before anything else. */
export interface Reserve {
  kind: typeof MessageKind.reserve;
  hold: number;
  spec: JobSpec;
  quote: Quote;
  submittedUs: TimeUs;
  history: History;
  /** Term under which the pool speaks: what it said before it was taken over is not taken for what it says now. */
  term: number;
}
/** What became of a job's former attempts; it travels with the terms, so that a successor counts on. */
export interface History {
  /** Attempts that ran. */
  runs: number;
  /** -1 while it has not run. */
  firstStartUs: TimeUs;
  lastStartUs: TimeUs;
  lastEndUs: TimeUs;
  /** Run time of those attempts. */
  servedUs: TimeUs;
  /** Of those attempts, the ones that made room for others: they do not count towards `maxAttempts`. */
  preemptions: number;
  /** What those attempts were charged. */
  charged: bigint;
}
export interface Held {
  kind: typeof MessageKind.held;
  hold: number;
  expiresUs: TimeUs;
}
export interface Refused {
  kind: typeof MessageKind.refused;
  hold: number;
  code: Code;
  /** overBudget: an attempt with this limit would fit; absent = none would. */
  limitUs?: TimeUs;
}
/** Pool -> Settlement: this attempt is over for me; void the hold unless a node has claimed it. */
export interface Release {
  kind: typeof MessageKind.release;
  hold: number;
  /** Why the job is given up: no further attempt will use the terms. ok = another may follow. */
  closing: Code;
  term: number;
}
/**
 * Pool -> Settlement -> Pool: the job is given up by its user or by a pool that was taken over. Settlement alone knows who has
 * the job now and passes it on.
 */
export interface Withdraw {
  kind: typeof MessageKind.withdraw;
  job: number;
  code: Code;
}
/** Node -> Pool: what the job itself says it still has to do, as run time here. */
export interface Progress {
  kind: typeof MessageKind.progress;
  lease: number;
  part: number;
  remainingUs: TimeUs;
}
/** Settlement -> Pool: a part of the gang is over without having completed; its node may have told a former pool. */
export interface Broken {
  kind: typeof MessageKind.broken;
  hold: number;
}
/**
 * Settlement -> Pool: the hold ended, once and for all. The job's fate follows from this message alone, so that a
 * successor that never saw the attempt's own messages decides as its predecessor would have.
 */
export interface Resolved {
  kind: typeof MessageKind.resolved;
  hold: number;
  posted: boolean;
  charge: bigint;
  outcome: Outcome;
  /** ok = the terms wait for another attempt; else why there will be none. */
  closing: Code;
  /** Earliest start and latest end over the gang; -1 when nothing ran. */
  startUs: TimeUs;
  endUs: TimeUs;
}
/** Pool -> Node: run part `part` of `parts` on these GPUs. Parts of one attempt have consecutive lease numbers. */
export interface LeaseMsg {
  kind: typeof MessageKind.lease;
  lease: number;
  hold: number;
  award: number;
  term: number;
  seq: number;
  startByUs: TimeUs;
  limitUs: TimeUs;
  part: number;
  parts: number;
  gpus: number[];
  gpuMilli: number;
  gpuMemoryMiB: number;
  cpuMilli: number;
  ramMiB: number;
  /** MIG: memory slices of the instance on its GPU, as bits. */
  slices?: number;
}
/** Pool -> Node: end the lease; `reason` is the outcome to record. */
export interface Stop {
  kind: typeof MessageKind.stop;
  lease: number;
  reason: Outcome;
}
/** Node -> Settlement: is this attempt the paid one? */
export interface Claim {
  kind: typeof MessageKind.claim;
  hold: number;
  lease: number;
  node: number;
  part: number;
  parts: number;
  award: number;
  gpus: number[];
  gpuMilli: number;
  /** Upper end of every deadline of this lease at node and pool; the hold must outlast it. */
  untilUs: TimeUs;
}
export interface Claimed {
  kind: typeof MessageKind.claimed;
  hold: number;
  lease: number;
}
export interface Denied {
  kind: typeof MessageKind.denied;
  hold: number;
  lease: number;
  code: Code;
}
/** Node -> Pool: the lease will not run here. */
export interface Declined {
  kind: typeof MessageKind.declined;
  lease: number;
  node: number;
  part: number;
  code: Code;
}
/** Node -> Pool: the process is up; its limit counts from `startedUs`. */
export interface Running {
  kind: typeof MessageKind.running;
  lease: number;
  node: number;
  part: number;
  startedUs: TimeUs;
}
/** Node -> Settlement: what was used; both stamps are -1 when the lease never ran. */
export interface Reading {
  kind: typeof MessageKind.reading;
  hold: number;
  lease: number;
  node: number;
  part: number;
  startUs: TimeUs;
  endUs: TimeUs;
  outcome: Outcome;
}
/** Node -> Settlement: the lease has run since `startUs` and still runs at `untilUs`; what contracts that pay as they go are paid by. */
export interface Metered {
  kind: typeof MessageKind.metered;
  hold: number;
  node: number;
  part: number;
  startUs: TimeUs;
  untilUs: TimeUs;
}
export interface Ended {
  kind: typeof MessageKind.ended;
  lease: number;
  node: number;
  part: number;
  startUs: TimeUs;
  endUs: TimeUs;
  outcome: Outcome;
}
/** Node -> Pool: the GPUs of the lease are free again. */
export interface Freed {
  kind: typeof MessageKind.freed;
  lease: number;
  node: number;
  part: number;
}
/** One clearing's result for a class. `rateMicro` per GPU-hour: a posted price is an award with linear payment. */
export interface Award {
  award: number;
  gpuClass: number;
  rateMicro: number;
}
/** Pool -> Settlement: the outcome of a clearing, to be checked and booked. */
export interface Awards {
  kind: typeof MessageKind.awards;
  epoch: number;
  awards: Award[];
  /** Result of the supply auction, where the pool holds one: machines that are not named sell nothing this epoch. */
  supply?: SupplyAward[];
  /** What was cleared, one per class, where the chain works out what would have been left without some of the suppliers. */
  markets?: SupplyMarket[];
}
/** `gpus` GPUs of a machine are bought for an epoch: its provider is paid `payMicro` per hour for `of` such GPUs in all. */
export interface SupplyAward {
  award: number;
  node: number;
  gpus: number;
  of: number;
  payMicro: number;
  /** Charged for the treasury beside what is paid, per hour for `of` GPUs; absent = nothing, as it must be but under `leave-one-out`. */
  feeMicro?: number;
}
/** Settlement -> Pool: booked (`code` ok) or refused. */
export interface Awarded {
  kind: typeof MessageKind.awarded;
  epoch: number;
  code: Code;
  /** Uptime x correctness of providers in the last stake epoch, basis points, where auctions count by it; not named = 10,000. */
  quality?: [string, number][];
}
/** Settlement -> Pool: these nodes are yours from this term on. */
export interface Assign {
  kind: typeof MessageKind.assign;
  term: number;
  nodes: number[];
}
/** Pool -> Node: I hold term `term` over you. */
export interface Adopt {
  kind: typeof MessageKind.adopt;
  term: number;
}
/** Node -> Pool: what stands here now. */
export interface Inventory {
  kind: typeof MessageKind.inventory;
  node: number;
  term: number;
  up: boolean;
  /** GPUs that are out of service, ascending; absent = none. */
  out?: number[];
  leases: InventoryLease[];
}
export interface InventoryLease {
  lease: number;
  hold: number;
  part: number;
  parts: number;
  gpus: number[];
  gpuMilli: number;
  gpuMemoryMiB: number;
  cpuMilli: number;
  ramMiB: number;
  slices?: number;
  limitUs: TimeUs;
  /** -1 while it has not started. */
  startedUs: TimeUs;
  /** Latest stamp at which the node itself ends it. */
  untilUs: TimeUs;
}
/** Node -> Pool: the machine came up or went down. */
export interface Health {
  kind: typeof MessageKind.health;
  node: number;
  up: boolean;
}
/** Node -> Pool: one GPU of the machine takes no new work from now on, or is in service again. */
export interface Card {
  kind: typeof MessageKind.card;
  node: number;
  gpu: number;
  out: boolean;
}
/** Settlement -> successor Pool: an unfinished contract of the pool you took over. */
export interface Inherit {
  kind: typeof MessageKind.inherit;
  hold: number;
  spec: JobSpec;
  /** Still binding: the successor sells under the same terms. */
  quote: Quote;
  submittedUs: TimeUs;
  history: History;
  /** True when a node has claimed it: wait for `resolved`; false: start a new attempt. */
  claimed: boolean;
  /** A part of the claimed gang is over without having completed. */
  broken: boolean;
}
/** Settlement -> old Pool: you no longer hold your nodes. */
export interface Supersede {
  kind: typeof MessageKind.supersede;
  by: number;
  /** Jobs handed to the successor. Whatever else the pool still has, nobody else knows: it must end it itself. */
  jobs: number[];
}

/** What a machine of an idle pool has free. */
export interface Slot {
  gpuClass: number;
  gpus: number;
  cpuMilli: number;
  ramMiB: number;
}
/** Pool -> Pool: I have nothing to do and this room; give me what waits with you. */
export interface Steal {
  kind: typeof MessageKind.steal;
  thief: number;
  slots: Slot[];
}
/** Pool -> Settlement: hand the job whose hold this is, and which no node has claimed, on to pool `to`. */
export interface Give {
  kind: typeof MessageKind.give;
  hold: number;
  to: number;
  term: number;
}
/** Settlement -> giving Pool: another has the job now. */
export interface Given {
  kind: typeof MessageKind.given;
  hold: number;
}

export type Message =
  | Steal
  | Give
  | Given
  | Reserve
  | Held
  | Refused
  | Release
  | Resolved
  | LeaseMsg
  | Stop
  | Claim
  | Claimed
  | Denied
  | Declined
  | Running
  | Reading
  | Ended
  | Freed
  | Awards
  | Awarded
  | Assign
  | Adopt
  | Inventory
  | Health
  | Inherit
  | Supersede
  | Withdraw
  | Broken
  | Card
  | Progress
  | Metered;
