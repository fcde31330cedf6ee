import type { WaitingJob } from '../../core/interfaces.ts';
import { NEVER } from '../../core/types.ts';
import { Ranked, type RankOptions } from './lib/ranked.ts';

/** Earliest deadline first; jobs without a deadline come last, in order of arrival. */
export class Edf extends Ranked {
  readonly name = 'edf';

  constructor(params: Partial<RankOptions> = {}) {
    super(params, { preempt: false, skip: false });
  }

  protected rank(job: WaitingJob): number {
    const { deadlineUs } = job.spec;
    return deadlineUs === undefined ? NEVER : Math.min(NEVER, job.submittedUs + deadlineUs);
  }
}
