/**
 * Value types shared by every room. Plain data only: everything here survives a snapshot, a journal and a worker boundary.
 */

/** Integer microseconds since the scenario's origin. */
export type TimeUs = number;

/** A stamp that never comes (2^53 - 1 us, 285 years): plain data, unlike Infinity in JSON. */
export const NEVER: TimeUs = Number.MAX_SAFE_INTEGER;

/** One hour in microseconds. */
export const HOUR_US = 3_600_000_000;

/** Milli-GPU in a whole GPU. */
export const WHOLE_GPU = 1000;

/** A class of GPU that is priced as one good. */
export interface GpuClass {
  name: string;
  /** Memory of one GPU, MiB. */
  memoryMiB: number;
  /** Profiles of the instances that its GPUs can be divided into on demand; absent = they are not divided. */
  mig?: MigProfile[];
}

/** A kind of instance of a Multi-Instance GPU; see core/mig.ts. */
export interface MigProfile {
  /** As NVIDIA writes it, such as 1g.10gb. */
  name: string;
  /** What an instance counts for and is charged: its share of the card's compute slices in milli-GPU, rounded down. */
  milli: number;
  /** Memory slices it covers, and those at which it may begin. */
  width: number;
  starts: number[];
}

/** One machine of a provider. */
export interface NodeSpec {
  id: string;
  provider: string;
  /** Index of the pool that holds the node at the start. */
  pool: number;
  /** Index into `MarketConfig.classes`. */
  gpuClass: number;
  gpus: number;
  cpuMilli: number;
  ramMiB: number;
  /** Number of its rack in the fleet; absent = not known, and then no two nodes share one. */
  rack?: number;
  /** GPUs that one NVLink domain joins, by consecutive index; absent = 1, none joined. */
  island?: number;
  /** Room for images on its disk, MiB; absent = no images are known of. */
  diskMiB?: number;
  /** What its provider asks per GPU-hour in a supply auction, micro-units of currency 0; absent = it takes part in none. */
  askMicro?: number;
}

/** `tasks` equal tasks, each on one node. */
export interface TaskGroup {
  tasks: number;
  /** GPUs of one task. */
  gpus: number;
  /** Milli-GPU taken on each of those GPUs, 1..1000. */
  gpuMilli: number;
  /** Memory taken on each of those GPUs, MiB; 0 = none declared. */
  gpuMemoryMiB: number;
  cpuMilli: number;
  ramMiB: number;
  /** Elastic: an attempt may run with as few tasks as this, 1 .. tasks; only of a job's one group. Absent = all or nothing. */
  least?: number;
  /** What its machine must have on its disk before it works: the pool remembers where it has been sent. */
  image?: { name: string; mib: number };
  /** MIG profile: the task takes one instance of it, and `gpus` is 1, `gpuMilli` its share, `gpuMemoryMiB` 0. */
  mig?: string;
}

/** What a user submits. A job starts all its tasks together or none (a gang). */
export interface JobSpec {
  /** Unique in the run, 1 .. 2^40. */
  job: number;
  user: string;
  /** Persona, tenant or trace label: a name for reports, no meaning for core. */
  label: string;
  groups: TaskGroup[];
  /** Allowed GPU classes (indices, ascending); empty = any. */
  classes: number[];
  /** Highest price the user accepts, micro-units per GPU-hour, one per entry of `classes` (or of all classes); empty = any price. */
  bids: number[];
  /** Index into `MarketConfig.currencies`. */
  currency: number;
  /** Wall limit of one attempt, from its start. */
  limitUs: TimeUs;
  /** The user's own guess of the run time, for schedulers; at most `limitUs`. */
  estimateUs: TimeUs;
  /** Longest wait in a queue before the user gives up; NEVER = waits. */
  patienceUs: TimeUs;
  /** Attempts in all when nodes fail, at least 1 and at most 255. */
  maxAttempts: number;
  priority: number;
  /** When the user wants it done, counted from submission; absent = at any time. A wish that schedulers may follow. */
  deadlineUs?: TimeUs;
}

export interface Currency {
  code: string;
  /** Decimals of one unit: 6 means integer micro-units. */
  scale: number;
}

export interface MechanismRef {
  name: string;
  params: Record<string, unknown>;
}

export interface PoolSpec {
  id: string;
  /** Account party that receives the aggregator's share. */
  aggregator: string;
  queueing: MechanismRef;
  placement: MechanismRef;
  pricing: MechanismRef;
  /** It asks other pools for work when it is idle, and gives to those that ask; absent = neither. */
  stealing?: { everyUs: TimeUs; batch: number };
  /** Supply is bought in an auction every epoch; absent = every GPU that is up is sold, and charges are divided by shares. */
  supply?: SupplyRules;
}

/** What a fee on bought supply is reckoned on: which of them keep truth stands in docs/models/billing.md. */
export const feeBases = ['gross', 'surplus', 'residual', 'leave-one-out', 'price', 'gross-up'] as const;
export type FeeBase = (typeof feeBases)[number];

/** How awarded suppliers are paid. Amounts are in currency 0. */
export interface SupplyRules {
  /** `use`: for metered use that was charged; `availability`: for awarded GPUs while their machine is up in the epoch. */
  pay: 'use' | 'availability';
  /** Opening balance of the pool's subsidy account, micro-units as a decimal integer: what availability may cost beyond income. */
  subsidy: string;
  /** What the treasury takes, basis points of `feeBase`. */
  feeBps: number;
  /** Absent = `gross`. Under `residual` the aggregator has the rest of it, under all others the treasury. */
  feeBase?: FeeBase;
}

export interface UserSpec {
  id: string;
  currency: number;
  /** Opening deposit in micro-units, a decimal integer string. */
  deposit: string;
  /** Postpaid users may owe; prepaid users may never fall below zero. */
  postpaid: boolean;
  /** Absent = it may spend what it has. */
  budget?: BudgetRules;
}

/** What a user may spend, in micro-units of its currency as decimal integers (core/settlement/budgets.ts). */
export interface BudgetRules {
  amount: string;
  /** Periods from stamp 0; 0 = the whole run. */
  periodUs: TimeUs;
  /** Most that one job may cost over its attempts; '0' = the budget alone limits it. */
  perJob: string;
  /** An attempt that does not fit is refused, or its limit shortened, but not below `leastUs`. */
  over: 'refuse' | 'shorten';
  leastUs: TimeUs;
  /** Shares of the budget at whose spending an alert is given, basis points, ascending. */
  alertsBps: number[];
}

/** How a posted charge is divided, basis points of the gross; must sum to 10,000. */
export interface RevenueShares {
  providerBps: number;
  stakerBps: number;
  aggregatorBps: number;
  verifierBps: number;
  treasuryBps: number;
}

/** Stake on a provider's GPUs: its weight in that provider's staker share (linear). */
export interface ResourceStake {
  staker: string;
  provider: string;
  /** Integer micro-JCT as a string. */
  amount: string;
  /** Under `staking`: not to be unbonded before this stamp; absent = 0. */
  lockedUntilUs?: TimeUs;
}

/** Stake as the market runs it; absent = `stakes` stand still and divide each provider's staker share in proportion. */
export interface StakeRules {
  /** Length of a stake epoch: at its end pots are divided and the committee is elected. */
  epochUs: TimeUs;
  /** Stake that is leaving stays slashable for this long. */
  unbondingUs: TimeUs;
  /** Least stake that may remain bonded in one position, micro-tokens. */
  minBond: string;
  /** Most entries of one position's unbonding queue, and most pools one staker may nominate. */
  maxUnbonding: number;
  maxNominations: number;
  /** How bonded stake counts in a provider's staker share. */
  weight: MechanismRef;
  election: {
    rule: MechanismRef;
    /** Pools that hold machines; at the start these are the ones the configuration gives machines to. */
    seats: number;
    /** A pool elected with less support than this is not seated, micro-tokens. */
    minSupport: string;
  };
  slashing: {
    /** Share of the stake that backed an offence. */
    fractionBps: number;
    /** Share of a final slash paid to whoever reported it; the rest goes to the slash pot. */
    bountyBps: number;
    /** How long a slash lies in escrow, where an appeal can still reverse it. */
    appealUs: TimeUs;
    /** For this long after an offence a provider's stakers earn nothing and nobody may stake on it. */
    jailUs: TimeUs;
    /** From this many final offences on the jail is for ever; 0 = never. */
    tombstoneAfter: number;
  };
  /** Opening tokens of each staker, what of them it bonds to vote with, and the pools it nominates. */
  stakers: StakerSpec[];
  /** What each pool's aggregator keeps of its share at the start; its nominators get the rest. */
  commissionBps: number[];
  /** Speed of each machine, thousandths of the reference: its quality as a contribution. Absent = 1000 each. */
  qualityMilli?: number[];
  /** Who may attest results, beside the providers. */
  verifiers?: string[];
  /** Part of the verifiers' pot for those who exposed planted wrong results, basis points; the rest goes by work. */
  jackpotBps?: number;
  /** How a provider's pot reaches those who staked on it: at every epoch's end (absent), or kept for them until they change or end. */
  payout?: 'epoch' | 'f1';
  /** All providers' pots are one, and a provider with more than 1/pools of all stake earns no more; pledges raise what it earns. */
  saturation?: { pools: number; influence: string };
  emission?: EmissionRules;
  /** Supply auctions buy effective GPU-hours: a supplier's count by its machines' speed, uptime and share of right results. */
  quality?: boolean;
  /** Where supply is bought in an auction: what stakers are paid from, and their share of it. Absent = nothing. */
  pot?: { base: 'gross' | 'surplus' | 'residual' | 'leave-one-out'; shareBps: number };
}

export interface StakerSpec {
  id: string;
  tokens: string;
  bonded: string;
  nominates: number[];
  /** What it earns in tokens on a position is bonded there at once. */
  compounds?: boolean;
  /** Tokens beside the opening ones that come free evenly over a time, at the ends of stake epochs. */
  vesting?: { amount: string; fromUs: TimeUs; untilUs: TimeUs };
}

/** New tokens at the end of every stake epoch. Parts in basis points; the rest is the treasury's. */
export interface EmissionRules {
  /** Micro-tokens per epoch at first. */
  perEpoch: string;
  /** Halved after every such time; 0 = never. */
  halvingUs: TimeUs;
  /** To providers by contribution, to verifiers by work, to stakes on providers by weight. */
  providerBps: number;
  verifierBps: number;
  stakerBps: number;
  /** The stakers' part goes to one of them, drawn by weight, instead of to all. */
  lottery: boolean;
}

/** Who pays for lost work (core/settlement/losses.ts). */
export const lossRules = ['provider-bears', 'fault-bears', 'whole-periods', 'user-pays'] as const;
export type LossRule = (typeof lossRules)[number];

export const contractKinds = ['hold', 'prepaid', 'escrow', 'notes'] as const;

/**
 * The contract under which jobs are sold, beyond the rate. `hold`: the dearest course is reserved and the use posted in the end. `prepaid`: it
 * is paid into escrow at the start, released period by period, the rest refunded. `escrow`: a deposit is drained block by block and topped up.
 * `notes`: nothing is reserved; the provider sends a debit note each period, and an invoice in the end.
 */
export interface ContractRules {
  kind: (typeof contractKinds)[number];
  /** Time between two meter readings of a running job, counted from stamp 0; unused by `hold`. */
  periodUs: TimeUs;
  /** `escrow`: length of a block, use that the deposit and each top-up cover, and who is paid when it does not suffice. */
  blockUs: TimeUs;
  depositUs: TimeUs;
  shortage: 'first-come' | 'pro-rata';
  topUp: boolean;
  /** `notes`: how long a note may go unaccepted, and how long a buyer that answers takes to do so. */
  acceptUs: TimeUs;
  answerUs: TimeUs;
  loss: LossRule;
  /** Credit to the user for an attempt that its provider failed: share of what its use would have cost, basis points. */
  creditBps: number;
  /** What each provider lodges in currency 0 at the start, micro-units as a decimal integer: refunds and credits may seize it. */
  providerDeposit: string;
}

/** By what a contested charge is judged (core/settlement/disputes.ts). */
export const disputeRules = ['metered', 'checked', 'proven'] as const;

/** Users may dispute charges. Absent = a charge is final when it is booked. */
export interface DisputeRules {
  rule: (typeof disputeRules)[number];
  /** For this long after an attempt is settled its user may dispute what it was charged; until then it is not divided. */
  windowUs: TimeUs;
  /** How long the provider has to answer, and how long after its answer the case waits for a check. */
  answerUs: TimeUs;
  decideUs: TimeUs;
  /** What each side lodges, as a share of the disputed amount; who is wrong loses it to the other. Basis points. */
  bondBps: number;
  /** Whose checks count, reported here or attested under `staking`; never in a case about the arbiter's own work or charge. */
  arbiters: string[];
}

/** Named graces of the deadline ladder (all >= 1 us): node limit < pool lease end < hold expiry. */
export interface Graces {
  /** A lease may be started until this long after it was granted. */
  startWindowUs: TimeUs;
  /** A started process must report within this after the last allowed start. */
  startAllowanceUs: TimeUs;
  /** Pool lease end minus node limit. */
  poolUs: TimeUs;
  /** Hold expiry minus the latest possible pool lease end. */
  holdUs: TimeUs;
  /** How long a quote (an unclaimed hold) stays valid. */
  quoteUs: TimeUs;
}

/** Everything a core needs to be built again: it stands in the journal's header. */
export interface MarketConfig {
  schema: 'janction.core/1';
  /** Key of every chance draw in core (two 32-bit words). */
  key: [number, number];
  /** Length of a pricing and distribution epoch. */
  epochUs: TimeUs;
  /** Interval of the samples table; 0 = none. */
  sampleUs: TimeUs;
  currencies: Currency[];
  classes: GpuClass[];
  pools: PoolSpec[];
  nodes: NodeSpec[];
  users: UserSpec[];
  /** Micro-USD per whole JCT, for users who pay in the second currency; 0 when unused. */
  tokenPriceMicro: number;
  shares: RevenueShares;
  stakes: ResourceStake[];
  staking?: StakeRules;
  /** Absent = `hold`, where the provider bears its own failures. */
  contract?: ContractRules;
  disputes?: DisputeRules;
  graces: Graces;
}

/** Final states of a job. */
export const JobStatus = { completed: 0, failed: 1, rejected: 2, cancelled: 3 } as const;
export type JobStatus = (typeof JobStatus)[keyof typeof JobStatus];

/** How one attempt (or one part of a gang) ended. */
export const Outcome = {
  completed: 0,
  /** The job's own command failed. */
  failed: 1,
  /** Killed at its wall limit. */
  limit: 2,
  /** Stopped by its user. */
  cancelled: 3,
  /** Stopped by the pool: a partner of the gang was lost, or the pool was superseded. */
  aborted: 4,
  /** The machine under it was lost. */
  nodeFailure: 5,
  /** Never started: late, refused or denied. */
  notStarted: 6,
  /** Stopped by the pool to make room; its use is charged and the job waits again. */
  preempted: 7,
  /** A GPU under it was lost while its machine stayed up. */
  gpuFailure: 8,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

export const outcomeNames = [
  'completed',
  'failed',
  'limit',
  'cancelled',
  'aborted',
  'node-failure',
  'not-started',
  'preempted',
  'gpu-failure',
] as const;
export const statusNames = ['completed', 'failed', 'rejected', 'cancelled'] as const;

/** Reason codes: the same in simulation and execution, in tables and in `explain`. */
export const Code = {
  ok: 0,
  neverFits: 1,
  priceAboveBid: 2,
  insufficientFunds: 3,
  unknownUser: 4,
  awardUnknown: 5,
  quoteMismatch: 6,
  duplicateJob: 7,
  holdOpen: 8,
  superseded: 9,
  staleFence: 10,
  late: 11,
  nodeDown: 12,
  noCapacity: 13,
  denied: 14,
  holdUnknown: 15,
  holdExpired: 16,
  patience: 17,
  byUser: 18,
  attemptsSpent: 19,
  amountOverflow: 20,
  startTimeout: 21,
  gangLost: 22,
  invalidSpec: 23,
  jobFailed: 24,
  limit: 25,
  /** The user did not pay: its escrow ran dry, or a debit note went unaccepted. */
  unpaid: 26,
  /** A GPU that was leased is out of service. */
  gpuFailed: 27,
  /** The user's budget does not cover what an attempt can cost. */
  overBudget: 28,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

export const codeNames = [
  'ok',
  'never-fits',
  'price-above-bid',
  'insufficient-funds',
  'unknown-user',
  'award-unknown',
  'quote-mismatch',
  'duplicate-job',
  'hold-open',
  'superseded',
  'stale-fence',
  'late',
  'node-down',
  'no-capacity',
  'denied',
  'hold-unknown',
  'hold-expired',
  'patience',
  'by-user',
  'attempts-spent',
  'amount-overflow',
  'start-timeout',
  'gang-lost',
  'invalid-spec',
  'job-failed',
  'limit',
  'unpaid',
  'gpu-failed',
  'over-budget',
] as const;

/** Attempts of one job share its number: hold = job * 4096 + attempt, and attempts count from 1. */
export const LAST_ATTEMPT = 4095;
export const holdOf = (job: number, attempt: number): number => job * (LAST_ATTEMPT + 1) + attempt;
export const jobOfHold = (hold: number): number => Math.floor(hold / (LAST_ATTEMPT + 1));
export const attemptOfHold = (hold: number): number => hold % (LAST_ATTEMPT + 1);
