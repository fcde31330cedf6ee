import type { WaitingJob } from '../../core/interfaces.ts';
import type { TimeUs } from '../../core/types.ts';
import { gpusOf } from './lib/work.ts';
import { Srtf } from './srtf.ts';

/** Shortest remaining service first: remaining time times GPUs. */
export class Srsf extends Srtf {
  override readonly name = 'srsf';

  protected override rank(job: WaitingJob, now: TimeUs): number {
    return super.rank(job, now) * gpusOf(job);
  }
}
