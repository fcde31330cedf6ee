import type { GangShape, WaitingJob } from '../interfaces.ts';
import type { History, Quote } from '../messages.ts';
import { type Numbered, numbers } from '../numbered.ts';
import type { Row } from '../record/schema.ts';
import { demandOf } from '../settlement/demand.ts';
import { attemptOfHold, Code, codeNames, type JobSpec, JobStatus, NEVER, statusNames, type TimeUs } from '../types.ts';
import type { Cluster } from './cluster.ts';

export const JobState = { quoting: 0, reserving: 1, waiting: 2, leased: 3, resolving: 4 } as const;
export type JobState = (typeof JobState)[keyof typeof JobState];

/** A job the pool has not finished with. */
export class PoolJob implements Numbered, WaitingJob {
  static readonly names = numbers(
    PoolJob.prototype,
    'sinceUs',
    'submittedUs',
    'hold',
    'lease',
    'givesUpUs',
    'firstStartUs',
    'lastStartUs',
    'lastEndUs',
    'servedUs',
    'startedUs',
    'remainingUs',
  );
  cells: number[];
  at = 0;
  declare sinceUs: TimeUs;
  declare submittedUs: TimeUs;
  declare hold: number;
  declare lease: number;
  /** When its user loses patience; NEVER once it has run. */
  declare givesUpUs: TimeUs;
  declare firstStartUs: TimeUs;
  declare lastStartUs: TimeUs;
  declare lastEndUs: TimeUs;
  declare servedUs: TimeUs;
  declare startedUs: TimeUs;
  declare remainingUs: TimeUs;
  spec: JobSpec;
  shape: GangShape;
  readonly order: number;
  state: JobState = JobState.quoting;
  attempt = 1;
  quote: Quote | null = null;
  /** Why the job is being given up (ok = it is not): its end does not depend on the attempt any more. */
  closing: Code = Code.ok;
  /** The attempt is resolved and another will follow once no part of it can still be running. */
  retry = false;
  /** A part of the present attempt is over without having completed: the others are stopped as they become known. */
  broken = false;
  runs = 0;
  preemptions = 0;
  stopping = false;
  /** A node has said that a part of the present attempt is over; Settlement has not yet said how it ended. */
  over = false;
  /** Jobs that were told to make room for this one and have not gone yet. */
  pledged = 0;
  /** The job that this one makes room for; 0 = none. */
  yieldsTo = 0;
  charged = 0n;
  /** Its place in the scheduler's list of jobs with a lease; -1 = it is not in it. Worked out anew by `rebuild`. */
  slot = -1;

  /** Policies may keep jobs that are over for a while: so the numbers are the job's own. */
  constructor(spec: JobSpec, submittedUs: TimeUs, shape: GangShape, order: number) {
    this.cells = [submittedUs, submittedUs, 0, 0, NEVER, -1, -1, -1, 0, -1, -1];
    this.spec = spec;
    this.shape = shape;
    this.order = order;
  }
}

/** What most jobs have behind them, once. */
const nothingYet: History = {
  runs: 0,
  firstStartUs: -1,
  lastStartUs: -1,
  lastEndUs: -1,
  servedUs: 0,
  preemptions: 0,
  charged: 0n,
};

export const historyOf = (j: PoolJob): History =>
  j.runs === 0
    ? nothingYet
    : {
        runs: j.runs,
        firstStartUs: j.firstStartUs,
        lastStartUs: j.lastStartUs,
        lastEndUs: j.lastEndUs,
        servedUs: j.servedUs,
        preemptions: j.preemptions,
        charged: j.charged,
      };

/** Jobs through a pool since it opened. */
export interface PoolCounts {
  submitted: number;
  completed: number;
  failed: number;
  rejected: number;
  cancelled: number;
  inherited: number;
  handedOver: number;
  restarts: number;
  preemptions: number;
  /** Of those handed over, the ones that an idle pool asked for. */
  stolen: number;
}

export const noCounts = (): PoolCounts => ({
  submitted: 0,
  completed: 0,
  failed: 0,
  rejected: 0,
  cancelled: 0,
  inherited: 0,
  handedOver: 0,
  restarts: 0,
  preemptions: 0,
  stolen: 0,
});

/** The job's row once it is over; `now` is when the pool learnt it. */
export function jobRow(
  now: TimeUs,
  job: PoolJob,
  pool: string,
  currency: string,
  status: JobStatus,
  code: Code,
): Row<'jobs'> {
  const { gpus, totalMilli } = demandOf(job.spec);
  const ran = job.firstStartUs >= 0;
  const finish = ran && status !== JobStatus.cancelled ? job.lastEndUs : now;
  return {
    job_id: job.spec.job,
    workload_name: job.spec.label,
    user: job.spec.user,
    pool,
    submission_time_us: job.submittedUs,
    requested_number_of_resources: gpus,
    requested_milli_gpu: totalMilli,
    requested_time_us: job.spec.limitUs,
    final_state: statusNames[status],
    reason: codeNames[code],
    starting_time_us: job.firstStartUs,
    finish_time_us: finish,
    waiting_time_us: ran ? job.firstStartUs - job.submittedUs : -1,
    execution_time_us: ran ? job.lastEndUs - job.lastStartUs : 0,
    turnaround_time_us: finish - job.submittedUs,
    attempts: job.runs,
    holds: job.hold === 0 ? 0 : attemptOfHold(job.hold),
    quote_id: job.quote?.id ?? 0,
    currency,
    quoted_max_micro: job.quote?.maxCharge ?? 0n,
    charged_micro: job.charged,
  };
}

/** The pool at a glance. */
export function sampleRow(
  now: TimeUs,
  pool: string,
  cluster: Cluster,
  waiting: number,
  waitingMilli: number,
  running: number,
): Row<'samples'> {
  let used = 0;
  let capacity = 0;
  for (let c = 0; c < cluster.classCount; c++) {
    used += cluster.usedMilli[c]!;
    capacity += cluster.capacityMilli[c]!;
  }
  return {
    time_us: now,
    pool,
    waiting_jobs: waiting,
    running_jobs: running,
    used_milli: used,
    capacity_milli: capacity,
    waiting_milli: waitingMilli,
  };
}

/** The job is to be quoted again. */
export function reopen(job: PoolJob): void {
  job.attempt++;
  job.state = JobState.quoting;
  job.retry = false;
  job.broken = false;
  job.over = false;
  job.lease = 0;
}

/** Its budget has not more left than an attempt with this limit can cost. */
export function shorten(job: PoolJob, limitUs: TimeUs): void {
  job.spec = { ...job.spec, limitUs, estimateUs: Math.min(job.spec.estimateUs, limitUs) };
}
