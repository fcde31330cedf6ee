import type { SchedulerView, WaitingJob, WaitReason } from '../../core/interfaces.ts';
import type { TimeUs } from '../../core/types.ts';
import { Ranked } from './lib/ranked.ts';
import { spell } from './lib/work.ts';

export interface FifoSkipParams {
  /** A job that has waited this long is not passed over any more. Default 1 hour. */
  holdUs?: TimeUs;
}

/** First in, first out, passing over what does not fit, but nobody for longer than the hold. */
export class FifoSkip extends Ranked {
  readonly name = 'fifo-skip';
  readonly #holdUs: TimeUs;

  constructor(params: FifoSkipParams = {}) {
    super({}, { preempt: false, skip: true });
    this.#holdUs = params.holdUs ?? 3_600_000_000;
  }

  protected rank(job: WaitingJob): number {
    return job.order;
  }

  override explain(job: WaitingJob, view: SchedulerView): WaitReason {
    const waited = view.now - job.sinceUs;
    if (waited >= this.#holdUs)
      return { code: 'holds-up', about: `it has waited ${spell(waited)}: nobody behind it starts before it` };
    return {
      code: 'passed-over',
      about: `${this.ahead(job)} waiting jobs came before it; until it has waited ${spell(this.#holdUs)} others may pass it`,
    };
  }

  override schedule(view: SchedulerView): void {
    this.lines.open();
    for (let job = this.lines.next(); job !== null; job = this.lines.next()) {
      if (view.start(job, null)) continue;
      if (view.now - job.sinceUs >= this.#holdUs) return;
      this.lines.block(job);
    }
  }
}
