import type { RunningJob, SchedulerView, WaitingJob } from '../../core/interfaces.ts';
import { NEVER, type TimeUs } from '../../core/types.ts';
import { followPlan } from './lib/plan.ts';
import { Ranked, type RankOptions } from './lib/ranked.ts';
import { attainedUs, gpusOf, isRunning, spell } from './lib/work.ts';

export interface LasParams extends Partial<RankOptions> {
  /** GPU-time at which a job falls to the next queue, GPU x us, ascending; beyond the last there is no limit. */
  limitsGpuUs?: readonly number[];
  /** At every decision place all jobs afresh, queue by queue and running before waiting ones, as the published simulator does. */
  migrate?: boolean;
}

/** GPU-seconds of the published configuration: 3,250 and 7,200. */
const PUBLISHED = [3_250_000_000, 7_200_000_000];
const SECOND = 1_000_000;

/** Least attained service in discrete queues (Tiresias-L): who has had little goes first, and gives way once it has had more. */
export class Las extends Ranked {
  readonly name = 'las';
  readonly #limits: readonly number[];
  readonly #afresh: Afresh | null;
  readonly #running = new Set<RunningJob>();
  #falls: TimeUs = NEVER;

  constructor({ limitsGpuUs = PUBLISHED, migrate = false, ...options }: LasParams = {}) {
    super(options, { preempt: true, skip: true });
    this.#limits = limitsGpuUs;
    this.#afresh = migrate ? new Afresh(limitsGpuUs.length) : null;
  }

  /** Its queue. */
  protected rank(job: WaitingJob, now: TimeUs): number {
    const service = attainedUs(job, now) * gpusOf(job);
    let q = 0;
    while (q < this.#limits.length && service >= this.#limits[q]!) q++;
    return q;
  }

  protected override standing(job: WaitingJob, now: TimeUs): string {
    return `queue ${this.rank(job, now) + 1} of ${this.#limits.length + 1}, ${spell(attainedUs(job, now))} had on ${gpusOf(job)} GPUs`;
  }

  started(job: RunningJob): void {
    this.#running.add(job);
    this.#afresh?.take(job, this.rank(job, 0));
  }
  ended(job: RunningJob): void {
    this.#running.delete(job);
    this.#afresh?.drop(job);
  }
  override add(job: WaitingJob): void {
    super.add(job);
    this.#afresh?.take(job, this.rank(job, 0));
  }
  override remove(job: WaitingJob): void {
    super.remove(job);
    this.#afresh?.drop(job);
  }

  override schedule(view: SchedulerView): void {
    const { now } = view;
    if (this.#afresh === null) super.schedule(view);
    else this.#afresh.schedule(view, (job) => this.rank(job, now));
    this.#falls = NEVER;
    for (const job of this.#running) {
      const q = this.rank(job, now);
      if (q === this.#limits.length || job.stopping) continue;
      // In whole seconds of run time, as published.
      const needs = Math.ceil(this.#limits[q]! / gpusOf(job) / SECOND) * SECOND;
      const at = (isRunning(job) ? job.startedUs : now) + needs - job.servedUs;
      this.#falls = Math.min(this.#falls, Math.max(now + 1, at));
    }
  }

  override nextWakeup(): TimeUs {
    return Math.min(super.nextWakeup(), this.#falls);
  }

  override snapshot(): number[][] | null {
    return this.#afresh?.snapshot() ?? null;
  }
  override restore(state: number[][]): void {
    this.#afresh?.restore(state);
  }
  override reset(): void {
    super.reset();
    this.#running.clear();
    this.#afresh?.reset();
  }
}

/** The published form: lists whose order follows from all that happened before. */
class Afresh {
  #queues: WaitingJob[][];
  readonly #queueOf = new Map<WaitingJob, number>();
  /** Jobs that neither wait nor run at the moment; those that have not come back by the next pass are forgotten. */
  readonly #gone = new Set<WaitingJob>();

  constructor(limits: number) {
    this.#queues = Array.from({ length: limits + 1 }, () => []);
  }

  take(job: WaitingJob, queue: number): void {
    this.#gone.delete(job);
    if (this.#queueOf.has(job)) return;
    this.#queueOf.set(job, queue);
    this.#queues[queue]!.push(job);
  }
  drop(job: WaitingJob): void {
    this.#gone.add(job);
  }

  schedule(view: SchedulerView, queueNow: (job: WaitingJob) => number): void {
    if (this.#gone.size > 0) {
      this.#queues = this.#queues.map((jobs) => jobs.filter((j) => !this.#gone.has(j)));
      for (const j of this.#gone) this.#queueOf.delete(j);
      this.#gone.clear();
    }
    for (let q = 0; q + 1 < this.#queues.length; q++) {
      const stay: WaitingJob[] = [];
      for (const job of this.#queues[q]!) {
        if (queueNow(job) <= q) stay.push(job);
        else {
          this.#queueOf.set(job, q + 1);
          this.#queues[q + 1]!.push(job);
        }
      }
      this.#queues[q] = stay;
    }
    if (!followPlan(view, this.#queues.flat())) return;
    const running = new Set<WaitingJob>(view.running().filter((j) => !j.stopping));
    this.#queues = this.#queues.map((jobs) => [
      ...jobs.filter((j) => running.has(j)),
      ...jobs.filter((j) => !running.has(j)),
    ]);
  }

  snapshot(): number[][] {
    return this.#queues.map((jobs) => jobs.filter((j) => !this.#gone.has(j)).map((j) => j.spec.job));
  }

  restore(state: number[][]): void {
    const known = new Map([...this.#queueOf.keys()].map((j) => [j.spec.job, j]));
    this.#queues = state.map(() => []);
    state.forEach((jobs, q) => {
      for (const number of jobs) {
        const job = known.get(number);
        if (job === undefined) continue;
        known.delete(number);
        this.#queues[q]!.push(job);
        this.#queueOf.set(job, q);
      }
    });
    for (const job of known.values()) this.#queues[this.#queueOf.get(job)!]!.push(job);
  }

  reset(): void {
    this.#queues = this.#queues.map(() => []);
    this.#queueOf.clear();
    this.#gone.clear();
  }
}
