/** The jobs a pool has not finished with, how long their users still wait for them, and what became of the others. */
import { Deadlines } from '../deadlines.ts';
import { IdMap } from '../id-map.ts';
import type { GangShape } from '../interfaces.ts';
import type { Port } from '../machine.ts';
import type { TimeUs } from '../types.ts';
import { type Code, type JobSpec, type JobStatus, jobOfHold, type MarketConfig, NEVER, statusNames } from '../types.ts';
import { jobRow, noCounts, type PoolCounts, PoolJob } from './job.ts';

export class JobBook {
  readonly counts: PoolCounts = noCounts();
  readonly #jobs = new IdMap<PoolJob>();
  readonly #patience: Deadlines;
  readonly #config: MarketConfig;
  readonly #pool: string;
  readonly #port: Port;
  /** Order of arrival of the next job. */
  nextOrder = 1;

  constructor(config: MarketConfig, pool: string, port: Port) {
    this.#config = config;
    this.#pool = pool;
    this.#port = port;
    this.#patience = new Deadlines((job, at) => this.#jobs.get(job)?.givesUpUs === at);
  }

  /** A job that has come, with its place in the order; it is not in the book until it is put there. */
  come(spec: JobSpec, submittedUs: TimeUs, shape: GangShape): PoolJob {
    return new PoolJob(spec, submittedUs, shape, this.nextOrder++);
  }
  put(job: PoolJob): void {
    this.#jobs.set(job.spec.job, job);
  }
  drop(job: PoolJob): void {
    this.#jobs.delete(job.spec.job);
  }
  get(job: number): PoolJob | undefined {
    return this.#jobs.get(job);
  }
  /** The job whose present attempt has the hold. */
  byHold(hold: number): PoolJob | undefined {
    const job = this.#jobs.get(jobOfHold(hold));
    return job !== undefined && job.hold === hold ? job : undefined;
  }
  get size(): number {
    return this.#jobs.size;
  }
  all(): PoolJob[] {
    return this.#jobs.values();
  }

  /** Patience counts from submission until the job first runs. */
  setPatience(job: PoolJob): void {
    job.givesUpUs =
      job.runs > 0 || job.spec.patienceUs >= NEVER ? NEVER : Math.min(NEVER, job.submittedUs + job.spec.patienceUs);
    this.watchPatience(job);
  }
  watchPatience(job: PoolJob): void {
    this.#patience.add(job.spec.job, job.givesUpUs);
  }
  nextWakeup(): TimeUs {
    return this.#patience.next();
  }
  /** A job whose user has lost patience by now, or undefined. */
  takeImpatient(now: TimeUs): PoolJob | undefined {
    const id = this.#patience.take(now);
    if (id < 0) return undefined;
    const job = this.#jobs.get(id)!;
    job.givesUpUs = NEVER;
    return job;
  }

  /** The job is over: its row, and one more of its kind. */
  close(now: TimeUs, job: PoolJob, status: JobStatus, code: Code): void {
    this.counts[statusNames[status]]++;
    this.#port.decide(job.spec.job, status, code);
    const currency = this.#config.currencies[job.spec.currency]?.code ?? 'unknown';
    this.#port.row('jobs', jobRow(now, job, this.#pool, currency, status, code));
  }
}
