import type { RunningJob, WaitingJob } from '../../core/interfaces.ts';
import { NEVER, type TimeUs } from '../../core/types.ts';
import { Ranked, type RankOptions } from './lib/ranked.ts';
import { spell } from './lib/work.ts';

/** Earliest deadline first; jobs without a deadline come last, in order of arrival. */
export class Edf extends Ranked {
  readonly name = 'edf';

  constructor(params: Partial<RankOptions> = {}) {
    super(params, { preempt: false, skip: false });
  }

  protected override standing(job: WaitingJob, now: TimeUs): string {
    const { deadlineUs } = job.spec;
    if (deadlineUs === undefined) return 'no deadline';
    const left = job.submittedUs + deadlineUs - now;
    return left >= 0 ? `${spell(left)} to its deadline` : `${spell(-left)} past its deadline`;
  }

  protected rank(job: WaitingJob): number {
    const { deadlineUs } = job.spec;
    return deadlineUs === undefined ? NEVER : Math.min(NEVER, job.submittedUs + deadlineUs);
  }

  protected override victimKey(job: RunningJob): number {
    return this.rank(job);
  }
}
