import type { RunningJob, WaitingJob } from '../../core/interfaces.ts';
import type { TimeUs } from '../../core/types.ts';
import { gpusOf } from './lib/work.ts';
import { Srtf } from './srtf.ts';

/** Shortest remaining service first: remaining time times GPUs. */
export class Srsf extends Srtf {
  override readonly name = 'srsf';

  protected override rank(job: WaitingJob, now: TimeUs): number {
    return super.rank(job, now) * gpusOf(job);
  }

  /** Only among jobs of one size does time change nothing. */
  protected override victimLine(job: RunningJob): number {
    return 2 * job.shape.totalMilli + super.victimLine(job);
  }
}
