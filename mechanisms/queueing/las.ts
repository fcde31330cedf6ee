import type { RunningJob, SchedulerView, WaitingJob } from '../../core/interfaces.ts';
import { NEVER, type TimeUs } from '../../core/types.ts';
import { type Alarm, Alarms } from './lib/alarms.ts';
import { followPlan } from './lib/plan.ts';
import { Ranked, type RankOptions } from './lib/ranked.ts';
import { attainedUs, gpusOf, spell } from './lib/work.ts';

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
  readonly #levels: Levels;
  #falls: TimeUs = NEVER;

  constructor({ limitsGpuUs = PUBLISHED, migrate = false, ...options }: LasParams = {}) {
    super(options, { preempt: true, skip: true });
    this.#limits = limitsGpuUs;
    this.#levels = new Levels(limitsGpuUs);
    this.#afresh = migrate ? new Afresh(limitsGpuUs.length) : null;
  }

  /** Its queue. */
  protected rank(job: WaitingJob, now: TimeUs): number {
    return queueOf(this.#limits, attainedUs(job, now) * gpusOf(job));
  }

  protected override standing(job: WaitingJob, now: TimeUs): string {
    return `queue ${this.rank(job, now) + 1} of ${this.#limits.length + 1}, ${spell(attainedUs(job, now))} had on ${gpusOf(job)} GPUs`;
  }

  protected override victimKey(): number {
    return 0;
  }
  /** Its queue. */
  protected override victimLine(job: RunningJob): number {
    return this.#levels.of(job);
  }

  override started(job: RunningJob): void {
    this.#levels.put(job);
    super.started(job);
    this.#afresh?.take(job, this.rank(job, 0));
  }
  override changed(job: RunningJob): void {
    this.#levels.put(job);
    super.changed(job);
  }
  override ended(job: RunningJob): void {
    this.#levels.drop(job);
    super.ended(job);
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
    for (const job of this.#levels.advance(now)) super.changed(job);
    if (this.#afresh === null) super.schedule(view);
    else this.#afresh.schedule(view, (job) => this.rank(job, now));
    this.#falls = this.#levels.nextFall(now);
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
    this.#levels.clear();
    this.#afresh?.reset();
  }
}

interface Fall extends Alarm {
  readonly job: RunningJob;
  readonly queue: number;
}

/** The queue of every running job, and when it falls to the next: a pass looks only at those that fall, not at all that run. */
class Levels {
  readonly #limits: readonly number[];
  /** Up and not told to end, by the fall that comes next; in the last queue none does. */
  readonly #up = new Map<RunningJob, { queue: number; startedUs: TimeUs; falls: Fall[] }>();
  readonly #comingUp = new Set<RunningJob>();
  /** When service reaches a limit, and when the policy asks to be woken for it. */
  readonly #falls = new Alarms<Fall>();
  readonly #wakes = new Alarms<Fall>();

  constructor(limits: readonly number[]) {
    this.#limits = limits;
  }

  of(job: RunningJob): number {
    return this.#up.get(job)!.queue;
  }

  put(job: RunningJob): void {
    // After a takeover the last part to be heard of says when the job came up.
    if (this.#up.get(job)?.startedUs === job.startedUs && !job.stopping) return;
    this.drop(job);
    if (job.stopping) return;
    if (job.startedUs < 0) this.#comingUp.add(job);
    else this.#enter(job, queueOf(this.#limits, job.servedUs * gpusOf(job)));
  }

  drop(job: RunningJob): void {
    this.#comingUp.delete(job);
    const at = this.#up.get(job);
    if (at === undefined) return;
    for (const f of at.falls) f.off = true;
    this.#up.delete(job);
  }

  #enter(job: RunningJob, queue: number): void {
    const falls: Fall[] = [];
    this.#up.set(job, { queue, startedUs: job.startedUs, falls });
    if (queue === this.#limits.length) return;
    const limit = this.#limits[queue]!;
    const gpus = gpusOf(job);
    const from = job.startedUs - job.servedUs;
    let needs = Math.ceil(limit / gpus);
    // By the very product that the rank compares.
    while (needs * gpus < limit) needs++;
    while (needs > 0 && (needs - 1) * gpus >= limit) needs--;
    const at: Fall = { job, queue, atUs: from + needs, off: false };
    const wake: Fall = { job, queue, atUs: from + wholeSeconds(limit, gpus), off: false };
    falls.push(at, wake);
    this.#falls.add(at);
    this.#wakes.add(wake);
  }

  /** Brings the queues up to date; answers who fell. */
  advance(now: TimeUs): RunningJob[] {
    const fallen: RunningJob[] = [];
    for (let f = this.#falls.first(); f !== undefined && f.atUs <= now; f = this.#falls.first()) {
      this.drop(f.job);
      this.#enter(f.job, f.queue + 1);
      fallen.push(f.job);
    }
    return fallen;
  }

  /** First stamp after now at which somebody falls, if whoever comes up does so at once. */
  nextFall(now: TimeUs): TimeUs {
    // Jobs without GPUs attain nothing and never fall.
    let next = Math.min(NEVER, this.#wakes.first()?.atUs ?? NEVER);
    for (const job of this.#comingUp) {
      const queue = queueOf(this.#limits, job.servedUs * gpusOf(job));
      if (queue === this.#limits.length) continue;
      next = Math.min(next, now + wholeSeconds(this.#limits[queue]!, gpusOf(job)) - job.servedUs);
    }
    return Math.max(now + 1, next);
  }

  clear(): void {
    this.#up.clear();
    this.#comingUp.clear();
    this.#falls.clear();
    this.#wakes.clear();
  }
}

function queueOf(limits: readonly number[], service: number): number {
  let q = 0;
  while (q < limits.length && service >= limits[q]!) q++;
  return q;
}

/** Run time to a limit, in whole seconds, as published. */
const wholeSeconds = (limit: number, gpus: number): TimeUs => Math.ceil(limit / gpus / SECOND) * SECOND;

/** The published form: lists whose order follows from all that happened before. */
class Afresh {
  /** Jobs by number. */
  #queues: number[][];
  readonly #jobs = new Map<number, { job: WaitingJob | null; queue: number }>();
  /** Jobs that neither wait nor run at the moment; those that have not come back by the next pass are forgotten. */
  readonly #gone = new Set<number>();

  constructor(limits: number) {
    this.#queues = Array.from({ length: limits + 1 }, () => []);
  }

  take(job: WaitingJob, queue: number): void {
    const number = job.spec.job;
    this.#gone.delete(number);
    const known = this.#jobs.get(number);
    if (known !== undefined) {
      known.job = job;
      return;
    }
    this.#jobs.set(number, { job, queue });
    this.#queues[queue]!.push(number);
  }
  drop(job: WaitingJob): void {
    this.#gone.add(job.spec.job);
  }

  schedule(view: SchedulerView, queueNow: (job: WaitingJob) => number): void {
    if (this.#gone.size > 0) {
      this.#queues = this.#queues.map((jobs) => jobs.filter((n) => !this.#gone.has(n)));
      for (const n of this.#gone) this.#jobs.delete(n);
      this.#gone.clear();
    }
    const jobOf = (n: number): WaitingJob => this.#jobs.get(n)!.job!;
    for (let q = 0; q + 1 < this.#queues.length; q++) {
      const falls = this.#queues[q]!.filter((n) => queueNow(jobOf(n)) > q);
      if (falls.length === 0) continue;
      this.#queues[q] = this.#queues[q]!.filter((n) => queueNow(jobOf(n)) <= q);
      // Those that fall together come in the order of their arrival, as published.
      for (const n of falls.sort((a, b) => jobOf(a).order - jobOf(b).order)) {
        this.#jobs.get(n)!.queue = q + 1;
        this.#queues[q + 1]!.push(n);
      }
    }
    if (!followPlan(view, this.#queues.flat().map(jobOf))) return;
    const running = new Set(view.running().flatMap((j) => (j.stopping ? [] : [j.spec.job])));
    this.#queues = this.#queues.map((jobs) => [
      ...jobs.filter((n) => running.has(n)),
      ...jobs.filter((n) => !running.has(n)),
    ]);
  }

  snapshot(): number[][] {
    return this.#queues.map((jobs) => [...jobs]);
  }

  /** Who waits or runs has been told before; the others may yet come back to their places. */
  restore(state: number[][]): void {
    const told = new Set(this.#jobs.keys());
    this.#queues = state.map((jobs) => [...jobs]);
    state.forEach((jobs, queue) => {
      for (const n of jobs) {
        if (!told.delete(n)) this.#gone.add(n);
        this.#jobs.set(n, { job: this.#jobs.get(n)?.job ?? null, queue });
      }
    });
    for (const n of told) this.#queues[this.#jobs.get(n)!.queue]!.push(n);
  }

  reset(): void {
    this.#queues = this.#queues.map(() => []);
    this.#jobs.clear();
    this.#gone.clear();
  }
}
