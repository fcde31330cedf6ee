/**
 * A scenario after loading: unit-free plain data, everything expanded, nothing optional. What a worker or a browser tab gets,
 * what is hashed as the canonical scenario, and all that the simulator reads.
 */
import type { JobSpec, MarketConfig, MechanismRef, TaskGroup, TimeUs } from '../core/types.ts';
import type { AdversarySpec } from './adversary-spec.ts';

export const SCENARIO_SCHEMA = 'janction.scenario/1';

export interface ResolvedScenario {
  schema: typeof SCENARIO_SCHEMA;
  name: string;
  question: string;
  seed: number;
  /** End of the run; NEVER (2^53 - 1) = until the demand is used up and every job is over. */
  horizonUs: TimeUs;
  /** Jobs submitted before this count in the books but not in waits and completion times. */
  warmupUs: TimeUs;
  /** Core's configuration without the chance key, which follows from the seed. */
  market: Omit<MarketConfig, 'key'>;
  /** One entry per node of `market.nodes`. */
  nodes: ResolvedNode[];
  demand: PersonaDemandSpec | TraceDemandSpec | ListDemandSpec;
  /** What users do with their accounts while the market runs, by number; absent = nothing. */
  payers?: PayerAct[];
  /** Who disputes charges and who answers; absent where none may be disputed. */
  disputers?: DisputersSpec;
  /** Behaviour of those who have stake; absent when stakes stand still. */
  stakers?: StakeWorldSpec;
  /** Hosts and the wires between them; absent = everything on one host, without delay. */
  network?: NetworkSpec;
  /** How the edge chooses a pool for a job; absent = the pool that the demand names. */
  routing?: RoutingSpec;
  /** Users who come back with jobs that came to nothing. */
  retries?: RetryRule[];
  /** Providers who come and go with what they earn. */
  entry?: EntrySpec[];
  /** Agents who do not play by the rules. */
  adversaries?: AdversarySpec;
  /** Machines that fail together, besides failing alone. */
  domains?: FailureDomain[];
  /** GPUs that fail alone. */
  cards?: CardFailures[];
  /** How long jobs of some personas take on which GPUs, what they fetch first, and who shares cards; absent = speeds alone tell. */
  performance?: PerformanceSpec;
  /** Private costs that are drawn per provider instead of given per group, by GPU class. */
  costs: { gpuClass: number; spread: Spread }[];
  /**
   * Times a simulated process takes to come up and to die; how jobs checkpoint (absent = not at all) and how they progress
   * (`sim/world/processes.ts`).
   */
  processes: {
    startUs: TimeUs;
    killUs: TimeUs;
    checkpoint?: { everyUs: TimeUs; writeUs?: TimeUs; saveUs: TimeUs; restoreUs: TimeUs };
    progress?: 'linear' | 'muri-artifact';
    endsWithinPpb?: number;
  };
}

/** A user pays in, falls silent or answers again. */
export interface PayerAct {
  atUs: TimeUs;
  user: string;
  currency: number;
  /** Micro-units as a decimal integer; '0' = it falls silent or answers again. */
  deposit: string;
  answers: boolean;
}

/** How those behave who may dispute charges; chances between 0 and 1. */
export interface DisputersSpec {
  /** By label of a job: its persona, or that of a trace. */
  filers: { label: string; notices: number; frivolous: number; afterUs: TimeUs }[];
  answers: { share: number; bluffs: number; afterUs: TimeUs };
  checks: { share: number; afterUs: TimeUs; detection: number; falseAlarm: number };
}

/** How those behave who have stake: voters, aggregators, providers under audit. Absent when stakes stand still. */
export interface StakeWorldSpec {
  voters: {
    staker: string;
    kind: 'retrospective' | 'commission-seeking' | 'apathetic' | 'bribed' | 'self-voting';
    /** Who bribes it, or its own; -1 = none. */
    pool: number;
    choices: number;
    turnout: number;
    noise: number;
    exits: { everyUs: TimeUs; shareBps: number } | null;
  }[];
  aggregators: {
    pool: number;
    floorBps: number;
    raisesBps: number;
    outages: { fromUs: TimeUs; toUs: TimeUs }[];
    /** Absent = running the pool costs nothing. */
    cost?: AggregatorCost;
  }[];
  verification: VerificationSpec | null;
  token: TokenSpec | null;
  /** Who asks for what is kept for it, and how often. */
  claims: { staker: string; everyUs: TimeUs }[];
}

/** What running a pool costs its aggregator: micro-USD per hour while it has a seat, and per metered GPU-hour that it placed. */
export interface AggregatorCost {
  seatMicroPerHour: number;
  gpuMicroPerGpuHour: number;
}

/** How completed results are checked: mirrors the policies of mechanisms/verification/policies.ts. */
export type PolicySpec =
  | { name: 'spot-check'; rate: number }
  | { name: 'reputation'; rate: number; least: number }
  | { name: 'challenge'; rate: number; side: number; bits: number }
  | { name: 'quorum'; copies: number; quorum: number }
  | { name: 'adaptive' }
  | { name: 'consensus'; trust: number; most: number };

export interface VerificationSpec {
  policy: PolicySpec;
  /** Chances: that a made-up result is seen to be one when it is looked at, and that an honest one is called wrong. */
  detection: number;
  falseAlarm: number;
  delayUs: TimeUs;
  appealUs: TimeUs;
  /** Chance that an innocent provider wins its appeal. */
  appealSucceeds: number;
  /** Providers that cheat: a share of their results, or all of them while it pays. */
  cheats: { provider: string; share: number; rational: boolean; kind: 'lazy' | 'spoofing' | 'colluding' }[];
  /** Who checks, and what a check costs as a share of the work's own cost; never empty. */
  verifiers: { name: string; kind: 'diligent' | 'lazy' | 'rational'; cost: number }[];
  /** Share of checks with a planted wrong result beside them. */
  planted: number;
}

/** What a token is worth to those who decide, micro-USD; volatility and drift by the year. */
export interface TokenSpec {
  priceMicro: number;
  crash: { atUs: TimeUs; left: number } | null;
  volatility: number;
  drift: number;
  /** Prices that are followed instead, each from its stamp on, ascending. */
  trace: { atUs: TimeUs; priceMicro: number }[];
}

/** A time window in which two sets of hosts cannot reach each other. */
export interface Partition {
  name?: string;
  fromUs: TimeUs;
  toUs: TimeUs;
  /** Hosts on one side; all others are on the other. */
  side: readonly number[];
  /** Only what the side sends is cut off, or only what is sent to it; absent = both. */
  way?: 'out' | 'in';
  /** Labels of users on that side. */
  users?: readonly string[];
}

/** A host is down from one stamp to another: it forgets nothing that it had sent or written, and hears nothing. */
export interface Crash {
  host: number;
  fromUs: TimeUs;
  toUs: TimeUs;
}

/** Settlement is host 0, every pool has a host of its own, and the machines of a provider share one. */
export interface NetworkSpec {
  hosts: number;
  /** Host of every machine, by address: Settlement, pools, nodes. */
  hostOf: number[];
  links: { resendUs: TimeUs; resendMaxUs: TimeUs; window: number };
  minUs: TimeUs;
  delay: TimeFamily;
  regions: { of: number[]; farUs: TimeUs };
  loss: number;
  duplicate: number;
  reorder: number;
  reorderUs: TimeUs;
  partitions: Partition[];
  crashes: Crash[];
  /** How often machines tell their pool that they are there, and how long it counts on them. */
  heartbeat: { everyUs: TimeUs; ttlUs: TimeUs };
  /** After how long without a sign of a pool's host the chain hands its machines on, and to whom, in this order; null = never. */
  takeover: { afterUs: TimeUs; by: number[] } | null;
}

export interface RoutingSpec {
  policy: MechanismRef;
  /** How often pools tell the edge their load and prices. */
  advertiseUs: TimeUs;
  /** Pools each kind of user may go to, and its region; '' = any label. */
  users: { label: string; pools: number[]; region: number }[];
  /** Region of each pool; all 0 where none are named. */
  poolRegions: number[];
}

export interface ResolvedNode {
  /** Fleet group it came from: a name for reports. */
  group: string;
  /** Thousandths of the reference speed. */
  speedMilli: number;
  /** The provider's own cost of one GPU leased for an hour, micro-USD. */
  costMicroPerGpuHour: number;
  /** What of it is electricity, and the power of one leased GPU at the meter, W; absent = the scenario says nothing of energy. */
  energy?: { costMicroPerGpuHour: number; watts: number };
  /** What it asks in a supply auction, micro-USD per GPU-hour; absent = its cost. */
  askMicroPerGpuHour?: number;
  availability: Availability;
  /** How long before it takes a machine back its owner says so; absent = not at all. */
  noticeUs?: TimeUs;
  /** What its provider says of it and is not so; absent = nothing. */
  lies?: { speedFactorMilli: number; copies: number };
  /** Mean time between failures while up and mean repair, exponential; 0 = never fails, or as `failures` says. */
  mtbfUs: TimeUs;
  repairUs: TimeUs;
  /** A richer model of failures. */
  failures?: FailureModel;
  /** Failures that are replayed, in order of time; they may overlap. */
  outages?: Outage[];
}

/** When a machine is there for the market, apart from failures. */
export type Availability =
  | { kind: 'always' }
  /** Present from `fromUs` to `toUs` after midnight (wrapping), each end moved by a normal draw of up to `jitterUs`. */
  | { kind: 'daily'; fromUs: TimeUs; toUs: TimeUs; jitterUs: TimeUs }
  /** Present and away in turn, for independent times. */
  | { kind: 'sessions'; up: TimeFamily; down: TimeFamily };

/** What users of a persona do with a job that came to nothing. */
export interface RetryRule {
  persona: string;
  on: ('refused' | 'gave-up' | 'failed')[];
  times: number;
  /** Mean wait before the first retry, and by what each further one is longer. */
  afterUs: TimeUs;
  backoff: number;
}

/** How providers of a group decide each epoch whether to be in the market. */
export interface EntrySpec {
  group: string;
  everyUs: TimeUs;
  /** What an hour of one of their GPUs is worth elsewhere, drawn per provider. */
  outside: Spread;
  /** Share of providers who are in at the start. */
  inside: number;
  /** Weight of the last epoch in what is expected, and the chance that a provider looks at all. */
  weight: number;
  attention: number;
}

/** What machines hang on: when it fails they go down together. */
export interface FailureDomain {
  /** For its streams: unique. */
  name: string;
  nodes: number[];
  failures: FailureModel;
}

export interface FailureModel {
  /** Time up until the next failure. */
  between: TimeFamily;
  /** Kinds of failure with their weights, each with its own repair. */
  causes: { name: string; weight: number; repair: TimeFamily }[];
}

/** Single GPUs of some machines that fail while these stay. */
export interface CardFailures {
  nodes: number[];
  errors: CardError[];
}

/** One kind of Xid error (scenarios/xids.ts) on each GPU. */
export interface CardError {
  xid: number;
  card: 'stays' | 'drain' | 'dead';
  ends: 'one' | 'all' | 'none';
  /** Time of the card in service until the next. */
  between: TimeFamily;
  /** Of the reset or repair. */
  repair: TimeFamily;
  /** How often the card is replaced instead, and how long that takes. */
  replaced?: { share: number; after: TimeFamily } | undefined;
}

/** Measured rates of errors of cards, by name. */
export const cardPresetNames = ['delta-a100', 'delta-h100'] as const;
export type CardPreset = (typeof cardPresetNames)[number];

/** Published failure models, by name. */
export const failurePresetNames = ['llama3-405b', 'meta-rsc1', 'meta-rsc2', 'infinitehbd'] as const;
export type FailurePreset = (typeof failurePresetNames)[number];

export interface Outage {
  fromUs: TimeUs;
  /** NEVER = it does not come back. */
  toUs: TimeUs;
  cause: string;
}

export interface PersonaDemandSpec {
  kind: 'personas';
  personas: Persona[];
}

/** A kind of user: arrivals are a Poisson process whose rate follows the hour of the day. */
export interface Persona {
  name: string;
  /** Users named NAME-1 .. NAME-n; each job draws one. */
  users: number;
  currency: number;
  /** Opening deposit of each user, micro-units, decimal integer; postpaid users may owe. */
  deposit: string;
  postpaid: boolean;
  /** Mean jobs per hour over a day, all users together. */
  jobsPerHour: number;
  /** Rate = mean x (1 + swing cos(2 pi (t - peak) / day)), swing in 0..1, x hour x day x burst. */
  swing: number;
  peakUs: TimeUs;
  /** Weights of the hours of a day (24, from midnight) and of the days of a week (7, the run begins on the first); mean 1; empty = even. */
  hours: number[];
  days: number[];
  /** Mean jobs that are submitted at once, geometric; 1 = one by one. */
  batchMean: number;
  /** Spells of `factor` times the rate, exponential with mean `lastUs`, between spells exponential with mean `gapUs`; null = none. */
  bursts: { gapUs: TimeUs; lastUs: TimeUs; factor: number } | null;
  /** Demands with their weights. */
  shapes: { weight: number; groups: TaskGroup[] }[];
  /** Work at speed 1, cut to min..max. */
  work: TimeFamily;
  workMinUs: TimeUs;
  workMaxUs: TimeUs;
  /** Wall limit = work / slowest allowed speed x this; at least 1. */
  limitFactor: number;
  /** Worth of one GPU-hour at speed 1, micro-USD: lognormal. */
  valueMedianMicro: number;
  valueSigma: number;
  urgency: Urgency;
  patienceUs: TimeUs;
  /** Allowed GPU classes, ascending; empty = any. */
  classes: number[];
  /** Pools its users may enter; each user keeps to one. */
  pools: number[];
  /** Chance that a job's own command fails. */
  failChance: number;
  maxAttempts: number;
  priority: number;
  /** A user's module that bids for its jobs; absent = true bids. */
  bidder?: MechanismRef;
  /** From submission; absent = none. */
  deadlineUs?: TimeUs;
  /** Its entry of `performance.models`; absent = the speed of a GPU alone tells how long its jobs take. */
  model?: number;
}

/** How well tenants of one card are kept apart, weakest first. */
export const isolationLevels = ['time-slice', 'mps', 'mig', 'whole'] as const;
export type Isolation = (typeof isolationLevels)[number];

export interface PerformanceSpec {
  /** One per GPU class; rates in kB (1000 bytes) per second. */
  classes: { speedMilli: number; linkKBps: number; isolation: Isolation; interferenceMilli: number }[];
  /** By fleet group. */
  groups: Record<string, { fabricKBps: number; downloadKBps: number; cacheMiB: number }>;
  models: PerformanceModel[];
}

/** How jobs of one kind run. */
export interface PerformanceModel {
  /** Of one GPU, by class, in thousandths of a GPU of speed 1; 0 = they do not run there. */
  speedMilli: number[];
  /** How they spread over GPUs; null = their work is that of the whole gang already. */
  scaling: Scaling | null;
  /** What a machine must have fetched before it works; null = nothing. */
  image: { name: string; mib: number } | null;
}

export interface Scaling {
  /** Share of the work that spreads over GPUs, 0..1. */
  parallel: number;
  /** Time of one step on one GPU of speed 1, and what its GPUs exchange at its end. */
  stepUs: TimeUs;
  syncMiB: number;
}

/** A family of run times with its parameters. */
export type TimeFamily =
  | { family: 'exponential'; meanUs: number }
  | { family: 'lognormal'; medianUs: number; sigma: number }
  | { family: 'weibull'; scaleUs: number; shape: number }
  | { family: 'gamma'; meanUs: number; shape: number }
  | { family: 'pareto'; leastUs: number; shape: number }
  | { family: 'hyperexponential'; phases: { share: number; meanUs: number }[] };

export interface TraceDemandSpec {
  kind: 'trace';
  /** `detect` until the lab has opened the file. */
  format: TraceFormat | 'detect';
  /** As given by the user; opened by the lab, never by this room. */
  path: string;
  /** The one file of an archive that is taken; empty = every file of it that is a trace. */
  member: string;
  /** GPUs of one node: a larger job becomes a gang of full nodes and a rest. */
  gpusPerNode: number;
  user: string;
  currency: number;
  pools: number[];
  classes: number[];
  limitFactor: number;
  maxAttempts: number;
  /** Take only the first n rows; 0 = all. */
  firstRows: number;
  impute: TraceImputation;
  /** Worth of one GPU-hour at speed 1 to each job; null = the jobs pay any price and have no worth. */
  values: Spread | null;
}

/** Jobs one by one, in order of time: what a program builds that knows its jobs (a published study, a notebook). */
export interface ListDemandSpec {
  kind: 'list';
  arrivals: ListedArrival[];
}

export interface ListedArrival {
  timeUs: TimeUs;
  pool: number;
  spec: JobSpec;
  /** Run time on a GPU of speed 1. */
  workUs: TimeUs;
  fails: boolean;
  /** Worth to its user, micro-USD; -1 = not known. */
  valueMicro: number;
  /** Run time that each attempt loses at its start. */
  overheadUs?: TimeUs;
  /** How that worth is lost by waiting; absent = not at all. */
  urgency?: Urgency;
  /** Entry of `performance.models`; absent = none. */
  model?: number;
  /** What an execution runs; absent = the built-in workload. A simulation never looks. */
  command?: string[];
  /** Side of the matrices of the proof-of-contribution challenge that an execution runs instead. */
  challenge?: number;
}

export interface Urgency {
  /** A job that ends later than this after its submission is worth nothing; 0 = never too late. */
  deadlineUs: TimeUs;
  /** Time of waiting in which the worth halves; 0 = it keeps. */
  halfLifeUs: TimeUs;
}

/** What stands in for what a trace does not say; each rule is named in the result of a run that used it. */
export interface TraceImputation {
  /** Mean gap between arrivals, exponential, where a trace has no times. */
  gapUs: TimeUs;
  /** Run times that are not known: lognormal. */
  durationMedianUs: TimeUs;
  durationSigma: number;
  /** LLM requests: run time = input / prefill + output / decode tokens per second, on this share of so many GPUs. */
  prefillPerSecond: number;
  decodePerSecond: number;
  requestGpus: number;
  requestGpuMilli: number;
  /** > 0: requests become replicas, held for windows of this length, enough to be busy at most `replicaLoad`. */
  replicaWindowUs: TimeUs;
  replicaLoad: number;
}

/** The rules where a scenario sets none. */
export const standardImputation: TraceImputation = {
  gapUs: 60_000_000,
  durationMedianUs: 3_600_000_000,
  durationSigma: 1.5,
  prefillPerSecond: 8000,
  decodePerSecond: 40,
  requestGpus: 1,
  requestGpuMilli: 50,
  replicaWindowUs: 0,
  replicaLoad: 1,
};

/** A distribution of prices, micro-USD per GPU-hour; every draw takes one uniform number. */
export type Spread =
  | { kind: 'fixed'; micro: number }
  | { kind: 'uniform'; minMicro: number; maxMicro: number }
  | { kind: 'lognormal'; medianMicro: number; sigma: number }
  | { kind: 'exponential'; meanMicro: number };

/** Formats of job lists, each with a reader of its name in `readers/`. */
export const traceFormats = [
  'philly',
  'openb-pods',
  'microsoft-itp',
  'muri',
  'tiresias',
  'gavel',
  'shockwave',
  'azure-llm',
  'mooncake',
  'swf',
  'acme',
  'helios',
  'csv',
] as const;
export type TraceFormat = (typeof traceFormats)[number];

/** Formats of machine lists. */
export const fleetFormats = ['openb-nodes', 'cluster-spec'] as const;
export type FleetFormat = (typeof fleetFormats)[number];

/** One row of any job trace, before it becomes a job. */
export interface TraceJob {
  /** The trace's own name for it. */
  id: string;
  /** -1 = the trace has no times. */
  submitUs: TimeUs;
  gpus: number;
  /** Share of each of the GPUs, 1..1000. */
  gpuMilli: number;
  /** CPU and memory of the whole job; 0 = not said. */
  cpuMilli: number;
  ramMiB: number;
  /** Allowed GPU models joined by `|`; empty = any. */
  models: string;
  /** -1 = not known. */
  durationUs: TimeUs;
  /** The wall limit its user asked for; 0 = not said. */
  limitUs: TimeUs;
  /** Tokens of an LLM request; 0 = none. */
  inputTokens: number;
  outputTokens: number;
  /** Empty when the trace does not say. */
  user: string;
  fails: boolean;
}
