import type { RunningJob, WaitingJob } from '../../core/interfaces.ts';
import type { TimeUs } from '../../core/types.ts';
import { Ranked, type RankOptions } from './lib/ranked.ts';
import { spell } from './lib/work.ts';

export interface PriorityParams extends Partial<RankOptions> {
  /** Waiting for this long is worth one step of priority; 0 = waiting is worth nothing. */
  ageingUs?: TimeUs;
}

/** Higher priority first; with ageing everybody's turn comes. */
export class Priority extends Ranked {
  readonly name = 'priority';
  readonly #ageingUs: TimeUs;
  /** Running jobs by priority, in order of start; null where one has gone. */
  readonly #levels = new Map<number, (RunningJob | null)[]>();
  readonly #slots = new Map<RunningJob, number>();

  constructor({ ageingUs, ...options }: PriorityParams = {}) {
    super(options, { preempt: false, skip: false });
    this.#ageingUs = ageingUs ?? 0;
  }

  /** Constant over a job's life: everybody ages alike, so the order of two jobs never changes. */
  protected rank(job: WaitingJob): number {
    return this.#ageingUs === 0 ? -job.spec.priority : job.sinceUs - job.spec.priority * this.#ageingUs;
  }

  protected override standing(job: WaitingJob, now: TimeUs): string {
    const aged = this.#ageingUs === 0 ? '' : `, ${spell(now - job.sinceUs)} of age`;
    return `priority ${job.spec.priority}${aged}`;
  }

  /** Age alone pushes nobody out. */
  protected override outranks(job: WaitingJob, other: RunningJob): boolean {
    return other.spec.priority < job.spec.priority;
  }

  override started(job: RunningJob): void {
    const level = this.#levels.get(job.spec.priority) ?? [];
    this.#levels.set(job.spec.priority, level);
    const last = level.length > 0 ? level[level.length - 1]! : null;
    this.#slots.set(job, level.push(job) - 1);
    // Only after a takeover do jobs become known out of order.
    if (last !== null && last.lease > job.lease) this.#compact(job.spec.priority, level);
  }

  override ended(job: RunningJob): void {
    const slot = this.#slots.get(job);
    if (slot === undefined) return;
    this.#slots.delete(job);
    const level = this.#levels.get(job.spec.priority)!;
    level[slot] = null;
    while (level.length > 0 && level[level.length - 1] === null) level.pop();
    if (level.length > 64 && level.length > 2 * this.#slots.size) this.#compact(job.spec.priority, level);
  }

  #compact(priority: number, level: readonly (RunningJob | null)[]): void {
    const kept = level.filter((j): j is RunningJob => j !== null).sort((a, b) => a.lease - b.lease);
    this.#levels.set(priority, kept);
    kept.forEach((j, i) => {
      this.#slots.set(j, i);
    });
  }

  /** With ageing a job of higher priority may stand behind one of lower. */
  protected override get blocksAlike(): boolean {
    return this.#ageingUs === 0;
  }

  /** Lowest priority first, within it the latest start: least is lost. */
  protected override victimOrder(a: RunningJob, b: RunningJob): number {
    return a.spec.priority - b.spec.priority || b.lease - a.lease;
  }

  protected override *candidates(job: WaitingJob): Generator<RunningJob> {
    const levels = [...this.#levels.keys()].filter((l) => l < job.spec.priority).sort((a, b) => a - b);
    for (const l of levels) {
      const jobs = this.#levels.get(l)!;
      for (let i = jobs.length - 1; i >= 0; i--) if (jobs[i]) yield jobs[i]!;
    }
  }

  override reset(): void {
    super.reset();
    this.#levels.clear();
    this.#slots.clear();
  }
}
