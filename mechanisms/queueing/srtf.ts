import type { RunningJob, SchedulerView, WaitingJob } from '../../core/interfaces.ts';
import type { TimeUs } from '../../core/types.ts';
import { followPlan } from './lib/plan.ts';
import { Ranked, type RankOptions } from './lib/ranked.ts';
import { remainingUs, spell } from './lib/work.ts';

export interface RemainingParams extends Partial<RankOptions> {
  /** At every decision place all jobs afresh, moving running ones, as published simulators do. */
  migrate?: boolean;
}

/** Shortest remaining time first. */
export class Srtf extends Ranked {
  readonly name: string = 'srtf';
  readonly #migrate: boolean;

  constructor({ migrate, ...options }: RemainingParams = {}) {
    super(options, { preempt: true, skip: true });
    this.#migrate = migrate === true;
  }

  protected rank(job: WaitingJob, now: TimeUs): number {
    return remainingUs(job, now);
  }

  /** What a job reports stays until it reports again; what is left of an estimate melts, for all that run at the same pace. */
  protected override victimKey(job: RunningJob): number {
    return job.remainingUs >= 0 ? job.remainingUs : job.spec.estimateUs - job.servedUs + job.startedUs;
  }
  protected override victimLine(job: RunningJob): number {
    return job.remainingUs >= 0 ? 1 : 0;
  }

  protected override standing(job: WaitingJob, now: TimeUs): string {
    return `${spell(remainingUs(job, now))} left to run`;
  }

  override schedule(view: SchedulerView): void {
    if (!this.#migrate) return super.schedule(view);
    const { now } = view;
    // Ranks are worked out once: sorting asks for them often.
    const all = [...view.running(), ...this.lines.inOrder()].map((job) => ({ job, rank: this.rank(job, now) }));
    all.sort((a, b) => a.rank - b.rank || a.job.order - b.job.order);
    followPlan(
      view,
      all.map((x) => x.job),
    );
  }
}
