/**
 * Every table that a run writes: one row per noun, one meaning per column, units last. The data dictionary is generated from
 * here. Names follow Batsim's jobs.csv where the meaning is the same; times are integer microseconds, money is integer
 * micro-units of the row's currency.
 */

/** `int` = safe integer; `big` = exact integer of up to 63 bits (money, or milli-GPU x us); `text` = a name drawn from few. */
export type ColumnType = 'int' | 'big' | 'text';

export interface Column {
  type: ColumnType;
  unit: string;
  about: string;
}

const int = (unit: string, about: string) => ({ type: 'int', unit, about }) as const;
const big = (unit: string, about: string) => ({ type: 'big', unit, about }) as const;
const money = (about: string) => big('micro-units of `currency`', about);
const text = (about: string) => ({ type: 'text', unit: 'name', about }) as const;

export const tables = {
  jobs: {
    job_id: int('number', 'unique in the run, in order of submission'),
    workload_name: text('persona or trace label'),
    user: text('who submitted and pays'),
    pool: text('pool that ended the job'),
    submission_time_us: int('us', 'when the job reached the pool'),
    requested_number_of_resources: int('GPUs', 'GPUs of the whole gang, fractions counted as one'),
    requested_milli_gpu: int('milli-GPU', 'milli-GPU of the whole gang'),
    requested_time_us: int('us', 'wall limit of one attempt'),
    final_state: text('completed, failed, rejected or cancelled'),
    reason: text('code that explains the final state; ok when completed'),
    starting_time_us: int('us', 'first start of any attempt; -1 when it never ran'),
    finish_time_us: int('us', 'end of the last attempt, or when the job was given up'),
    waiting_time_us: int('us', 'starting - submission; -1 when it never ran'),
    execution_time_us: int('us', 'length of the last attempt; 0 when it never ran'),
    turnaround_time_us: int('us', 'finish - submission'),
    attempts: int('count', 'attempts that started'),
    holds: int('count', 'holds taken for the job (attempts that started or were tried)'),
    quote_id: int('hash', 'hash of the terms the last attempt was sold under; 0 = none'),
    currency: text('currency of the amounts'),
    quoted_max_micro: money('amount reserved by the last quote: dearest class over the whole limit'),
    charged_micro: money('charged over all attempts'),
  },
  placements: {
    lease_id: int('number', 'lease of this part; the parts of an attempt have consecutive numbers'),
    job_id: int('number', 'see jobs'),
    attempt: int('count', 'hold attempt, from 1'),
    part: int('index', 'part of the gang, from 0'),
    parts: int('count', 'parts of the gang'),
    pool: text('pool that placed it and whose aggregator is paid'),
    node: text('machine'),
    provider: text('who owns the machine'),
    gpu_class: text('GPU class'),
    gpus: text('GPU indices on the node, joined by +'),
    gpu_milli: int('milli-GPU', 'taken on each of those GPUs'),
    award_id: int('number', 'award the lease was sold under'),
    supply_award_id: int('number', 'supply award its provider is paid under; 0 = by shares of the charge'),
    rate_micro_per_gpu_hour: int('micro-units/GPU-hour', 'contract rate of the class'),
    start_us: int('us', 'process reported up; -1 when it never ran'),
    end_us: int('us', 'end of metered use; -1 when it never ran'),
    outcome: text('completed, failed, limit, cancelled, aborted, node-failure, gpu-failure, not-started or preempted'),
    currency: text('currency of the amount'),
    charge_micro: money('share of the charge earned by this part before the split among parties'),
  },
  transfers: {
    transfer_id: int('number', 'in order of booking'),
    time_us: int('us', 'stamp of booking'),
    kind: text('single, pending, post or void'),
    debit: text('account the money leaves'),
    credit: text('account the money reaches'),
    currency: text('currency of the amount'),
    amount_micro: money('amount moved (single, post), reserved (pending) or let go (void)'),
    pending_id: int('number', 'the pending transfer that a post or void resolves; 0 otherwise'),
    job_id: int('number', 'job it belongs to; 0 when none'),
    attempt: int('count', 'hold attempt; 0 when none'),
    reason: text('why the money moved'),
  },
  prices: {
    epoch: int('number', 'pricing epoch'),
    time_us: int('us', 'stamp from which the price holds'),
    pool: text('pool'),
    gpu_class: text('GPU class'),
    award_id: int('number', 'award that quotes refer to'),
    rate_micro_per_gpu_hour: int('micro-units/GPU-hour', 'posted price; -1 = not sold'),
    capacity_milli: int('milli-GPU', 'capacity that is up'),
    waiting_milli: int('milli-GPU', 'asked for by jobs that wait and may use the class'),
    utilisation_bps: int('basis points', 'leased share of the capacity over the last epoch'),
  },
  supply: {
    epoch: int('number', 'pricing epoch'),
    time_us: int('us', 'stamp of the clearing'),
    pool: text('pool'),
    gpu_class: text('GPU class'),
    award_id: int('number', 'award; 0 = nothing of this machine was bought'),
    node: text('machine'),
    provider: text('supplier: owner of the machine'),
    ask_micro_per_gpu_hour: int('micro-units/GPU-hour', 'what the supplier asked'),
    offered_gpus: int('GPUs', 'idle GPUs of the machine'),
    awarded_gpus: int('GPUs', 'bought of this machine'),
    supplier_gpus: int('GPUs', 'bought of the supplier in this class'),
    pay_micro_per_hour: int('micro-units/hour', 'paid for all of the supplier’s GPUs together'),
    demand_gpus: int('GPUs', 'asked for in the class by waiting jobs with held money'),
  },
  samples: {
    time_us: int('us', 'stamp'),
    pool: text('pool'),
    waiting_jobs: int('count', 'jobs in the queue'),
    running_jobs: int('count', 'jobs with a live lease'),
    used_milli: int('milli-GPU', 'leased'),
    capacity_milli: int('milli-GPU', 'up'),
    waiting_milli: int('milli-GPU', 'asked for by waiting jobs'),
  },
  failures: {
    time_us: int('us', 'stamp'),
    kind: text(
      'node-down, node-up, notice (its owner says that it comes), gpu-dead, gpu-drain (takes nothing new), gpu-back or gpu-error (the card stays)',
    ),
    cause: text('failure, owner (took the machine back), ok (came up), or the Xid of a GPU'),
    node: text('machine'),
    provider: text('owner'),
    gpu: int('number', 'GPU of the machine; -1 = all of it'),
    leases_lost: int('count', 'leases that ended by it'),
    lost_milli_us: big('milli-GPU x us', 'metered use of those leases, whether or not a checkpoint kept their work'),
  },
  preemptions: {
    time_us: int('us', 'stamp of the order to end'),
    pool: text('pool'),
    job_id: int('number', 'job that gives way'),
    lease_id: int('number', 'first lease of the attempt that is ended'),
    by_job_id: int('number', 'job that it gives way to; 0 = to its queue, which takes turns'),
  },
  devices: {
    node: text('machine'),
    provider: text('owner'),
    pool: text('pool that holds it at the end'),
    gpu_class: text('GPU class'),
    gpus: int('GPUs', 'GPUs of the machine'),
    up_us: int('us', 'time up until the horizon'),
    gpu_out_us: int('us', 'of it, time that GPUs were out of service, summed over them'),
    busy_milli_us: big('milli-GPU x us', 'metered use, running leases included'),
    leases: int('count', 'leases that started'),
    failures: int('count', 'times it broke (an owner taking it back is no failure)'),
  },
  stakes: {
    time_us: int('us', 'stamp'),
    act: text(
      'bond, unbond, withdraw, jail, slash-bonded, slash-unbonding, slash-returned, slash-final, tombstone, nominate, commission, attest, claim, aggregator-down or aggregator-up',
    ),
    staker: text('whose stake; empty where the act is of a provider or a pool'),
    provider: text('provider whose GPUs are backed; empty = the position that votes'),
    pool: text('pool that is nominated or sets its commission; empty otherwise'),
    amount_micro: money('tokens that the act moves; basis points of a commission'),
    bonded_micro: money('bonded in the position after it'),
    unbonding_micro: money('in the position’s unbonding queue after it'),
    offence_id: int('number', 'offence that it belongs to; 0 = none'),
    code: text('ok, or why the act was refused'),
    currency: text('currency of the amounts'),
  },
  elections: {
    epoch: int('number', 'stake epoch that the election opens'),
    time_us: int('us', 'stamp'),
    occasion: text('epoch, or failure of an aggregator'),
    pool: text('pool; one whose aggregator does not answer is no candidate'),
    aggregator: text('who operates the pool'),
    voter: text('staker that lends the amount to the pool; empty = the pool’s own row, with the sum of its voters'),
    amount_micro: money('support'),
    approval_micro: money('stake of all who nominate the pool; 0 in rows of voters'),
    rank: int('number', 'place in the order of election, from 1; 0 = not elected or no candidate'),
    seat: int('index', 'seat it holds afterwards; -1 = none'),
    commission_bps: int('basis points', 'what the aggregator keeps of its share'),
    currency: text('currency of the amounts'),
  },
  quotes: {
    time_us: int('us', 'stamp at which the terms were taken'),
    job_id: int('number', 'see jobs'),
    attempt: int('count', 'hold attempt, from 1'),
    quote_id: int('hash', 'hash of the terms'),
    contract: text('hold, prepaid, escrow or notes'),
    user: text('who pays'),
    pool: text('pool that quoted'),
    epoch: int('number', 'pricing epoch of the awards'),
    limit_us: int('us', 'longest run that is covered'),
    dearest_micro_per_gpu_hour: int('micro-units/GPU-hour', 'rate of the dearest class'),
    currency: text('currency of the amounts'),
    reserved_micro: money('taken before the job waits'),
    most_micro: money('the most that the attempt can cost'),
  },
  meters: {
    time_us: int('us', 'stamp at which the chain took the reading'),
    lease_id: int('number', 'see placements'),
    job_id: int('number', 'see jobs'),
    attempt: int('count', 'hold attempt, from 1'),
    part: int('index', 'part of the gang, from 0'),
    pool: text('pool whose account is paid'),
    provider: text('who owns the machine'),
    gpu_class: text('GPU class'),
    milli_gpu: int('milli-GPU', 'taken by the part in all'),
    rate_micro_per_gpu_hour: int('micro-units/GPU-hour', 'contract rate of the class'),
    start_us: int('us', 'process reported up; -1 = it never ran'),
    until_us: int('us', 'it still ran at this stamp, or ended at it; -1 = it never ran'),
    reading: text(
      'running, or the last one, with which the attempt is settled: final, or unread where the machine never sent it',
    ),
    currency: text('currency of the amount'),
    due_micro: money('what the part had cost by then; its charge in the final reading'),
  },
  adjustments: {
    time_us: int('us', 'stamp'),
    job_id: int('number', 'see jobs'),
    attempt: int('count', 'hold attempt'),
    part: int('index', 'part of the gang that it is about'),
    kind: text(
      'unpaid (owed by the user when the attempt ended), debt-paid (of that, later), refund-short (paid for work that turned out free, and not got back), credit (from the provider for work it lost), credit-short (of that, not got)',
    ),
    user: text('user'),
    provider: text('provider'),
    currency: text('currency of the amount'),
    amount_micro: money('amount'),
  },
  network: {
    time_us: int('us', 'stamp'),
    event: text('partition, heal, crash, restart or takeover'),
    name: text('partition; empty otherwise'),
    pool: text('pool whose host goes down or comes back, or that is taken over; empty for partitions'),
    to_pool: text('who takes over, where the scenario names it; empty otherwise, and where stakers’ votes decide'),
    hosts: int('count', 'hosts on the partition’s side, or 1'),
  },
  views: {
    time_us: int('us', 'stamp'),
    pool: text('pool'),
    host: text('up, cut (off the chain by a partition) or down'),
    nodes: int('count', 'machines that the chain has given to the pool'),
    silent_nodes: int('count', 'of those, the ones that are up and that the pool does not count on'),
    ghost_milli: int('milli-GPU', 'free on machines that are up, and not offered by the pool'),
    phantom_milli: int('milli-GPU', 'offered by the pool, and taken or gone on the machine'),
    heartbeat_age_us: int('us', 'age of the oldest last heartbeat of those machines; -1 = it has none'),
  },
  disputes: {
    time_us: int('us', 'stamp'),
    lease_id: int('number', 'lease whose charge it is about'),
    job_id: int('number', 'see jobs; 0 = there is nothing to dispute'),
    attempt: int('count', 'hold attempt'),
    part: int('index', 'part of the gang'),
    pool: text('pool whose revenue account holds the amount'),
    user: text('user; empty where an answer is refused'),
    provider: text('provider; empty where filing is refused'),
    event: text('filed, file-refused, contested, answer-refused, upheld (the user is paid back) or rejected'),
    reason: text(
      'ok; why it is decided: no-answer, conceded, metered, not-metered, found-right, found-wrong, unproven; why refused: no-such-line, not-yours, not-billed-yet, window-over, owing, insufficient-funds',
    ),
    currency: text('currency of the amounts'),
    amount_micro: money('what the part was charged and is not yet divided'),
    bond_micro: money('what the user lodged; lost to the provider where the case is rejected'),
    provider_bond_micro: money('what the provider lodged; lost to the user where the case is upheld'),
    until_us: int('us', 'when it is decided unless something happens before; -1 = it is decided, or refused'),
  },
  contributions: {
    epoch: int('number', 'stake epoch that ends'),
    time_us: int('us', 'stamp of its end'),
    provider: text('provider'),
    used_milli_us: big('milli-GPU x us', 'metered use in leases that completed'),
    effective_milli_us: big('milli-GPU x us', 'the same times the speed of the machines'),
    uptime_bps: int('basis points', 'share of the epoch that its GPUs were up'),
    checked: int('count', 'results that verifiers attested'),
    wrong: int('count', 'of those, called wrong'),
    correct_bps: int('basis points', 'share of right results as remembered'),
    contribution_milli_us: big('milli-GPU x us', 'effective x uptime x correct: verified effective GPU time'),
  },
  accounts: {
    account: text('party, as in transfers'),
    currency: text('currency'),
    debits_pending_micro: money('reserved out of the account'),
    debits_posted_micro: money('paid out in all'),
    credits_pending_micro: money('reserved into the account'),
    credits_posted_micro: money('received in all'),
  },
} as const satisfies Record<string, Record<string, Column>>;

/** Tables that count in the fingerprint only once they have rows: runs that do not use them keep theirs. */
export const sparseTables: ReadonlySet<string> = new Set([
  'stakes',
  'elections',
  'contributions',
  'quotes',
  'meters',
  'adjustments',
  'disputes',
  'preemptions',
]);

/** Tables that the simulated world writes: what no machine of the market sees. A replay does not make them. */
export const worldTables: ReadonlySet<string> = new Set(['network', 'views']);

export type TableName = keyof typeof tables;
export const tableNames = Object.keys(tables) as TableName[];

type ValueOf<T extends ColumnType> = T extends 'big' ? bigint : T extends 'text' ? string : number;
export type Row<T extends TableName> = {
  [K in keyof (typeof tables)[T]]: ValueOf<((typeof tables)[T][K] & Column)['type']>;
};
