/**
 * What a mechanism sees and what it may propose. Mechanisms are synchronous functions of state, configuration and chance;
 * core checks every proposal and refuses with a named code (contract, rule 11). A mechanism may keep caches, but `reset`
 * may be called at any moment and must not change a decision (rule 12).
 */
import type { JobSpec, TaskGroup, TimeUs } from './types.ts';

/** Read-only view of one pool's machines. Node numbers are local to the pool: 0 .. nodeCount-1. */
export interface ClusterView {
  readonly nodeCount: number;
  readonly classCount: number;
  /** Grows whenever capacity comes back (a release, a node up): a placement that failed at this stamp still fails. */
  readonly freedVersion: number;
  /** `freeMilli` and `freeWholeGpus` of every node, to scan without a call per node; never written to. */
  readonly freeMilliByNode: Int32Array;
  readonly freeWholeByNode: Int32Array;
  classOf(node: number): number;
  gpusOf(node: number): number;
  /** Those of them that are in service: the others take nothing new. */
  gpusInService(node: number): number;
  /** GPUs of the node with all of their milli-GPU and memory free. */
  freeWholeGpus(node: number): number;
  /** Free milli-GPU summed over the node. */
  freeMilli(node: number): number;
  freeMilliOf(node: number, gpu: number): number;
  freeCpuMilli(node: number): number;
  freeRamMiB(node: number): number;
  isUp(node: number): boolean;
  /** One task of the shape fits on the node now. */
  fits(node: number, shape: TaskShape): boolean;
  /** False when certainly no node can take one task of the shape now: cheap, never wrong when it says false. */
  mayFit(shape: TaskShape): boolean;
  freeMemoryOf(node: number, gpu: number): number;
  /** The GPU can take its part of one task of the shape now. */
  gpuFits(node: number, gpu: number, shape: TaskShape): boolean;
  /** Memory slices of the GPU that MIG instances have, as bits; 0 = it is not divided. */
  slicesOf(node: number, gpu: number): number;
  /** What stands on the node now, in order of grant. */
  allocationsOf(node: number): readonly NodeAllocation[];
  /** As far as the pool knows, the image lies on the node's disk; and what room there is for another, MiB. */
  holdsImage(node: number, image: string): boolean;
  diskRoomMiB(node: number): number;
  /** How often the node went away since the pool has held it. */
  lossesOf(node: number): number;
  /** What the nodes that are up have in all. */
  capacity(): { readonly milli: number; readonly cpu: number; readonly ram: number };
  /** Racks are numbered over the whole fleet; nodes that name none each stand alone (-1). */
  rackOf(node: number): number;
  /** GPUs of one NVLink island: GPU g belongs to island floor(g / islandOf). */
  islandOf(node: number): number;
  /**
   * Changes of nodes so far, and the node of change i. Only the last `changesKept` are remembered: a cache that has missed
   * more starts again.
   */
  readonly changeCount: number;
  readonly changesKept: number;
  changedNode(change: number): number;
}

/** A part of a lease as a placement policy may see it. */
export interface NodeAllocation {
  readonly gpus: readonly number[];
  readonly gpuMilli: number;
  readonly cpuMilli: number;
  readonly ramMiB: number;
}

/** Demand of one task, with the classes it may run on. Interned: equal demands share one object. */
export interface TaskShape {
  readonly id: number;
  readonly gpus: number;
  readonly gpuMilli: number;
  readonly gpuMemoryMiB: number;
  readonly cpuMilli: number;
  readonly ramMiB: number;
  /** What its machine must have on its disk; absent = nothing. */
  readonly image?: { readonly name: string; readonly mib: number };
  /** MIG profile of the instance it takes; absent = none. */
  readonly mig?: string;
  /** allowed[class] = 1 when the class may be used. */
  readonly allowed: Uint8Array;
}

/** A gang's demand: groups of equal tasks. Interned: jobs with equal demand share it, so a policy may reason per shape. */
export interface GangShape {
  readonly id: number;
  readonly groups: readonly { readonly tasks: number; readonly shape: TaskShape }[];
  /** Elastic: fewest tasks of its one group that will do; absent = all. */
  readonly least?: number;
  /** Milli-GPU of the whole gang. */
  readonly totalMilli: number;
}

/** A job that waits with its money held. */
export interface WaitingJob {
  readonly spec: JobSpec;
  readonly shape: GangShape;
  /** Order of arrival in this pool; a retried job keeps its place. */
  readonly order: number;
  /** Stamp at which it first waited. */
  readonly sinceUs: TimeUs;
  readonly submittedUs: TimeUs;
  /** Run time of its former attempts. */
  readonly servedUs: TimeUs;
  /** Run time it still needs by its own last report; -1 = it has not reported. */
  readonly remainingUs: TimeUs;
  /** Preempted jobs that are on their way out for it: while there are any, no more room need be made. */
  readonly pledged: number;
}

/** A job with a lease. */
export interface RunningJob extends WaitingJob {
  /** Number of its lease: of two jobs of a pool the one that was granted later has the higher. */
  readonly lease: number;
  /** Stamp at which all its parts were up; -1 while it comes up. */
  readonly startedUs: TimeUs;
  /** It has been told to end. */
  readonly stopping: boolean;
}

/** Which running jobs may go, and which of them first. */
export interface Eviction {
  may(job: RunningJob): boolean;
  /** Below 0 when `a` goes before `b`; 0 only for the same job. */
  order(a: RunningJob, b: RunningJob): number;
  /** Those that may go, first ones first, as far as they are asked for; absent = all that run are sorted. */
  candidates?(): Iterable<RunningJob>;
}

/** Nodes a placement must not touch. */
export interface NodeSet {
  has(node: number): boolean;
}

export interface Reservation {
  /** Earliest stamp at which the gang fits if every running lease ends at its limit. */
  startUs: TimeUs;
  /** Nodes it would take then. */
  nodes: NodeSet;
}

export interface SchedulerView {
  readonly now: TimeUs;
  readonly cluster: ClusterView;
  /**
   * Place and lease the job now; false = it does not fit (outside `avoid`). An elastic job gets as many of its tasks as find room, at most
   * `most`.
   */
  start(job: WaitingJob, avoid: NodeSet | null, most?: number): boolean;
  /**
   * When the job will fit at the latest, by the limits of what runs, outside `avoid`; null when no release ever makes room.
   */
  reserve(job: WaitingJob, avoid?: NodeSet | null): Reservation | null;
  /** Jobs with a lease, in order of arrival. */
  running(): readonly RunningJob[];
  /**
   * A least set of running jobs whose going would let the job start: no member can be left out, and none is needed when it fits as it is.
   * Null when none would do.
   */
  victims(job: WaitingJob, eviction: Eviction): RunningJob[] | null;
  /**
   * Ends the present attempt of a job that came up at an earlier stamp: its use is charged, it keeps what it has checkpointed and waits again. The
   * room is meant for `inFavourOf` (null = for nobody in particular).
   */
  preempt(job: RunningJob, inFavourOf: WaitingJob | null): void;
  /**
   * Where the jobs would stand if they were placed in this order on the machines that are up, all empty: nodes of the tasks, or
   * null for a job that does not fit.
   */
  layout(jobs: Iterable<WaitingJob>): (readonly number[] | null)[];
  /** Nodes of a running job's tasks. */
  nodesOf(job: RunningJob): readonly number[];
}

/** Why a job waits: a code that stays the same in every version, and a sentence with its figures. */
export interface WaitReason {
  code: string;
  about: string;
}

/** Order of the queue and who may overtake. */
export interface QueueingPolicy {
  readonly name: string;
  add(job: WaitingJob): void;
  /** The job left the queue (started, cancelled, gave up). */
  remove(job: WaitingJob): void;
  schedule(view: SchedulerView): void;
  /**
   * Why a job that is still waiting after a pass was not started, in the policy's own words; null = nothing to add to what the
   * free machines say. Asked only by `explain`, never by core, and must change nothing.
   */
  explain?(job: WaitingJob, view: SchedulerView): WaitReason | null;
  /** Forget everything; core adds the waiting jobs again in order of arrival, and then gives `restore` what `snapshot` said. */
  reset(): void;
  /**
   * The policy moves jobs that run: it is also called when nothing waits, and within a stamp only once every job that asked
   * for money in it has its answer.
   */
  readonly preemptive?: boolean;
  /**
   * Of the classes that a job may use (by index, ascending) those on which the policy would ever start it: it is quoted and judged
   * by these alone, and rejected if they cannot hold it. The same lists for alike jobs; absent = all.
   */
  classesFor?(spec: JobSpec, may: readonly number[]): readonly number[];
  /** A policy that asks for it hears of every job that gets a lease and of every one whose attempt is over. */
  started?(job: RunningJob): void;
  ended?(job: RunningJob): void;
  /** A job it has heard of by `started` came up, reported what it still needs, or was told to end. */
  changed?(job: RunningJob): void;
  /** After `schedule`: the next stamp at which it must be called though nothing has happened; later than now. */
  nextWakeup?(view: SchedulerView): TimeUs;
  /** What it must remember and cannot read off the jobs, as plain data. */
  snapshot?(): unknown;
  restore?(state: unknown): void;
}

/** What a placement may look at besides the machines: the gang it is part of, its terms and its chance. */
export interface PlacementContext {
  /** Nodes already given to tasks of the same gang, in order. */
  readonly chosen: readonly number[];
  /** Micro-units per GPU-hour of the class under the job's quote; 0 while there is none. */
  rateOf(gpuClass: number): number;
  /** Uniform on 0 .. n-1, a function of the journal's key, the attempt, the task and the purpose. */
  draw(purpose: string, n: number): number;
}

/** Which node, and optionally which of its GPUs, takes a task. */
export interface PlacementPolicy {
  readonly name: string;
  /** A node for which `cluster.fits(node, shape)` holds and that is not in `avoid`, or -1. */
  choose(cluster: ClusterView, shape: TaskShape, avoid: NodeSet | null, context: PlacementContext): number;
  /**
   * GPUs of the node for the task, written to `out`; absent = core's rule (whole GPUs: first idle by index; a fraction:
   * least free that fits, lowest index).
   */
  pickGpus?(cluster: ClusterView, node: number, shape: TaskShape, out: number[], context: PlacementContext): void;
  /** Score of the node for a task of the shape, higher is better; null where it does not fit. Asked only by `explain`. */
  explain?(cluster: ClusterView, node: number, shape: TaskShape): number | null;
  reset(): void;
}

/** State of one GPU class at an epoch's boundary. */
export interface ClassMarket {
  readonly gpuClass: number;
  readonly name: string;
  /** Milli-GPU of nodes that are up. */
  readonly capacityMilli: number;
  /** Milli-GPU x us leased during the last epoch. */
  readonly usedMilliUs: number;
  /** Milli-GPU asked for by jobs that wait now and may use the class. */
  readonly waitingMilli: number;
  /** Price of the last epoch, micro-units per GPU-hour; -1 before the first. */
  readonly lastRateMicro: number;
}

export interface PricingInput {
  readonly epoch: number;
  readonly now: TimeUs;
  readonly epochUs: TimeUs;
  readonly classes: readonly ClassMarket[];
}

/** Sets the terms of the coming epoch. */
export interface PricingMechanism {
  readonly name: string;
  /** One rate per class, integer micro-units per GPU-hour, >= 0; -1 = the class is not sold this epoch. */
  clear(input: PricingInput): number[];
  /** Buys supply of one class for the epoch; absent = the mechanism prices demand only. */
  award?(market: SupplyMarket): SupplyResult;
}

/** Idle GPUs of machines of a class that are up, offered at one ask for the coming epoch. A supplier that asks differently for others has several. */
export interface SupplyOffer {
  readonly supplier: string;
  readonly gpus: number;
  /** Micro-units per GPU-hour. */
  readonly askMicro: number;
  /** Effective GPU-hours in an hour of its GPUs, thousandths, 1 to 1000; absent = 1000. */
  readonly qualityMilli?: number;
}

export interface SupplyMarket {
  readonly gpuClass: number;
  readonly name: string;
  /** GPUs asked for by waiting jobs whose money is held, by the rate they are quoted (micro-units per GPU-hour), dearest first. */
  readonly demand: readonly { readonly rateMicro: number; readonly gpus: number }[];
  readonly offers: readonly SupplyOffer[];
}

/** Parallel to the offers: whole GPUs bought, and micro-units per hour paid for all GPUs of the offer together. */
export interface SupplyResult {
  gpus: number[];
  payMicro: number[];
}

/** One election: voters' stakes are whole micro-tokens above 0, approvals are positions of candidates. */
export interface CommitteeElection {
  readonly seats: number;
  readonly candidates: readonly string[];
  readonly voters: readonly { readonly id: string; readonly stake: bigint; readonly approvals: readonly number[] }[];
}

/** Winners in order, and the stake each voter lends to each winner: for a voter at most its stake in all. */
export interface Committee {
  winners: number[];
  edges: { voter: number; candidate: number; amount: bigint }[];
}

/** Who holds the seats. */
export interface ElectionRule {
  readonly name: string;
  elect(e: CommitteeElection): Committee;
}

/** How stake counts in revenue: a whole number up to a common scale, never less for more stake. `lockUs` = time left to unlock. */
export interface StakeWeight {
  readonly name: string;
  weight(stake: bigint, lockUs: TimeUs): bigint;
}

/** What a pool last told the edge of itself: it may be stale. */
export interface PoolAdvert {
  /** Index of the pool. */
  readonly pool: number;
  /** Stamp of what it says; -1 = it has never been heard. */
  readonly atUs: TimeUs;
  /** Milli-GPU of machines that are up, leased, and asked for by jobs that wait. */
  readonly capacityMilli: number;
  readonly usedMilli: number;
  readonly waitingMilli: number;
  /** Price of each class, micro-units per GPU-hour; -1 = not sold. */
  readonly rateMicro: readonly number[];
  /** In the user's own region. */
  readonly near: boolean;
}

export interface RoutingContext {
  readonly now: TimeUs;
  /** Uniform on 0 .. n-1, a function of the journal's key, the job and the purpose. */
  draw(purpose: string, n: number): number;
}

/** Which pool a job enters. Chosen once, at the edge, from what pools have told; core never moves a job by it. */
export interface RoutingPolicy {
  readonly name: string;
  /** Position in `adverts`, which holds one entry per pool that the user may go to, in order of pools, and is never empty. */
  choose(job: JobSpec, adverts: readonly PoolAdvert[], context: RoutingContext): number;
}

/** Rewards of those who delegated to one provider, in O(1) an operation. Amounts are whole. */
export interface DelegationBook {
  /** Sets a delegator's stake from here on; answers what it is paid for the time before. */
  change(delegator: string, stake: bigint): bigint;
  allocate(amount: bigint): void;
  /** Plain data. */
  snapshot(): unknown;
}

/** What a provider has behind it, and its share of what was earned, both of all providers. */
export interface Backed {
  stake: bigint;
  /** The provider's own stake on itself. */
  pledge: bigint;
  /** Earned by it in the epoch, before stake is looked at. */
  earned: bigint;
}

/** Divides what all providers' stakers earned among the providers; sums to at most the total. */
export interface PotRule {
  divide(total: bigint, providers: readonly Backed[]): bigint[];
}

/** Builds the mechanisms that a configuration names; throws a plain Error with a clear message when it cannot. */
export interface MechanismRegistry {
  queueing(name: string, params: Record<string, unknown>): QueueingPolicy;
  placement(name: string, params: Record<string, unknown>): PlacementPolicy;
  pricing(name: string, params: Record<string, unknown>, classes: readonly string[]): PricingMechanism;
  election?(name: string, params: Record<string, unknown>): ElectionRule;
  stakeWeight?(name: string, params: Record<string, unknown>): StakeWeight;
  routing?(name: string, params: Record<string, unknown>): RoutingPolicy;
  delegation?(state?: unknown): DelegationBook;
  saturation?(params: { pools: number; influence: string }): PotRule;
}

export type { JobSpec, TaskGroup, TimeUs };

/**
 * What a researcher's own file exports by default: one mechanism, built from the parameters that a scenario gives it. Its file is
 * its name in a scenario; `janction check-module FILE` holds it against the laws of its kind.
 */
export interface QueueingModule {
  readonly kind: 'queueing';
  readonly name: string;
  create(params: Record<string, unknown>): Omit<QueueingPolicy, 'name'>;
}
export interface PlacementModule {
  readonly kind: 'placement';
  readonly name: string;
  create(params: Record<string, unknown>): Omit<PlacementPolicy, 'name'>;
}
export interface PricingModule {
  readonly kind: 'pricing';
  readonly name: string;
  create(params: Record<string, unknown>, classes: readonly string[]): Omit<PricingMechanism, 'name'>;
}

/** A job as its user's agent sees it before it is submitted. */
export interface BidRequest {
  readonly now: TimeUs;
  readonly persona: string;
  readonly user: string;
  /** Allowed GPU classes with what an hour of one GPU is worth to the user, micro-USD: the truthful bids. */
  readonly worth: readonly { readonly gpuClass: number; readonly name: string; readonly microPerGpuHour: number }[];
  /** Milli-GPU of the whole gang. */
  readonly totalMilli: number;
  readonly limitUs: TimeUs;
  readonly patienceUs: TimeUs;
  /** Uniform on 0 .. n-1, a function of the run's seed, the job and the purpose. */
  draw(purpose: string, n: number): number;
}

/** What the agent makes of it: whole micro-units per GPU-hour, one per class, and how long it will wait. */
export interface Bid {
  readonly bids: readonly number[];
  readonly patienceUs?: TimeUs;
}

/** A user's agent: decides what to bid, or to stay away (null). A function of the request. */
export interface Bidder {
  bid(job: BidRequest): Bid | null;
}
export interface BidderModule {
  readonly kind: 'bidder';
  readonly name: string;
  create(params: Record<string, unknown>): Bidder;
}
export type MechanismModule = QueueingModule | PlacementModule | PricingModule | BidderModule;
