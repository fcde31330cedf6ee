import type { QueueingPolicy, RunningJob, SchedulerView, WaitingJob, WaitReason } from '../../../core/interfaces.ts';
import { NEVER, type TimeUs } from '../../../core/types.ts';
import { SortedLines } from './sorted-lines.ts';
import { VictimLines } from './victim-lines.ts';

export interface RankOptions {
  /** Running jobs of lower rank make room. */
  preempt: boolean;
  /** An attempt is left alone for this long after it came up. */
  minRunUs: TimeUs;
  /** Pass over a job that does not fit instead of holding up everybody behind it. */
  skip: boolean;
}

/**
 * Jobs in order of a rank, lower first, ties to the earlier arrival. With `preempt` a job that does not fit may have running
 * jobs of lower rank stopped for it: the least set, lowest rank first, on one node where that suffices.
 */
export abstract class Ranked implements QueueingPolicy {
  abstract readonly name: string;
  readonly preemptive: boolean;
  protected readonly options: RankOptions;
  protected readonly lines = new SortedLines();
  /** Who is up and may be pushed out; a policy that says no `victimKey` keeps its own. */
  protected readonly victims = new VictimLines();
  /** Waiting jobs for which room was being made when last looked at. */
  readonly #awaited = new Set<WaitingJob>();
  #wakeUs: TimeUs = NEVER;

  constructor(options: Partial<RankOptions>, standard: Pick<RankOptions, 'preempt' | 'skip'>) {
    this.options = { minRunUs: 0, ...standard, ...options };
    this.preemptive = this.options.preempt;
  }

  /** Must not change while the job waits. */
  protected abstract rank(job: WaitingJob, now: TimeUs): number;

  /** May `job` ever push `other` out? Called only where the rank allows it. */
  protected outranks(_job: WaitingJob, _other: RunningJob): boolean {
    return true;
  }

  /** No room can be made for a job: then neither for one of equal demand behind it. */
  protected get blocksAlike(): boolean {
    return true;
  }

  /** Which of two running jobs goes first when room is made: below 0 = `a`. */
  protected victimOrder(a: RunningJob, b: RunningJob, now: TimeUs): number {
    return this.rank(b, now) - this.rank(a, now) || b.order - a.order;
  }

  /**
   * A running job's place for `VictimLines`: of two of one line the one with the higher key (at equal keys the later arrival) goes
   * first by `victimOrder`, at any time until `changed` is called for it.
   */
  protected victimKey?(job: RunningJob): number;
  protected victimLine(_job: RunningJob): number {
    return 0;
  }

  /** Running jobs that `job` may push out, in the order of `victimOrder`. */
  protected *candidates(job: WaitingJob, now: TimeUs): Generator<RunningJob> {
    const mine = this.rank(job, now);
    for (const other of this.victims.inOrder((a, b) => this.victimOrder(a, b, now))) {
      if (this.rank(other, now) <= mine) return;
      yield other;
    }
  }

  started(job: RunningJob): void {
    this.#stand(job);
  }
  changed(job: RunningJob): void {
    this.#stand(job);
  }
  ended(job: RunningJob): void {
    this.victims.drop(job);
  }

  #stand(job: RunningJob): void {
    if (!this.preemptive || this.victimKey === undefined) return;
    if (job.startedUs < 0 || job.stopping) this.victims.drop(job);
    else this.victims.put(job, this.victimLine(job), this.victimKey(job));
  }

  add(job: WaitingJob): void {
    this.lines.add(job, this.rank(job, 0));
    if (job.pledged > 0) this.#awaited.add(job);
  }
  remove(job: WaitingJob): void {
    this.lines.remove(job, this.rank(job, 0));
    this.#awaited.delete(job);
  }
  reset(): void {
    this.lines.clear();
    this.#awaited.clear();
    this.victims.clear();
  }

  schedule(view: SchedulerView): void {
    this.#wakeUs = NEVER;
    // Once somebody's room is being made, those behind may have more made but take none.
    let holding = false;
    /** First in line of those whose room is being made but whose demand is blocked: the pass will not come to it. */
    let passed: WaitingJob | null = null;
    this.lines.open();
    for (let job = this.lines.next(); job !== null; job = this.lines.next()) {
      if (passed !== null && this.#goesBefore(passed, job)) holding = true;
      if (!holding && view.start(job, null)) continue;
      if (!this.options.preempt) {
        if (!this.options.skip) return;
        this.lines.block(job);
      } else if (job.pledged > 0 || this.#makeRoom(view, job)) {
        holding = true;
        this.lines.passOver(job);
      } else if (!this.options.skip) return;
      else if (this.blocksAlike) {
        this.lines.block(job);
        if (!holding) passed = this.#firstAwaited(job.shape.id, passed);
      } else this.lines.passOver(job);
    }
  }

  #goesBefore(a: WaitingJob, b: WaitingJob): boolean {
    const [x, y] = [this.rank(a, 0), this.rank(b, 0)];
    return x < y || (x === y && a.order < b.order);
  }

  /** `first`, or whoever of the demand goes before it and has room made for it. */
  #firstAwaited(shape: number, first: WaitingJob | null): WaitingJob | null {
    for (const job of this.#awaited) {
      if (job.pledged === 0) this.#awaited.delete(job);
      else if (job.shape.id === shape && (first === null || this.#goesBefore(job, first))) first = job;
    }
    return first;
  }

  #makeRoom(view: SchedulerView, job: WaitingJob): boolean {
    const { now } = view;
    const mine = this.rank(job, now);
    const { minRunUs } = this.options;
    let soonest: TimeUs = NEVER;
    const victims = view.victims(job, {
      may: (other) => {
        if (this.rank(other, now) <= mine || !this.outranks(job, other)) return false;
        const from = other.startedUs + minRunUs;
        if (from > now && from < soonest) soonest = from;
        return from <= now;
      },
      order: (a, b) => this.victimOrder(a, b, now),
      candidates: () => this.candidates(job, now),
    });
    if (victims === null) {
      // Once somebody's least run is over there may be room to make.
      if (soonest < this.#wakeUs) this.#wakeUs = soonest;
      return false;
    }
    for (const v of victims) view.preempt(v, job);
    if (victims.length > 0) this.#awaited.add(job);
    return true;
  }

  /** What its rank is made of, for `explain`. */
  protected standing?(job: WaitingJob, now: TimeUs): string;

  /** Waiting jobs that go before it. */
  protected ahead(job: WaitingJob): number {
    return this.lines.ahead(job, this.rank(job, 0));
  }

  explain(job: WaitingJob, view: SchedulerView): WaitReason {
    const its = this.standing?.(job, view.now) ?? `arrival ${job.order}`;
    if (job.pledged > 0)
      return { code: 'room-being-made', about: `${job.pledged} running jobs are on their way out for it (${its})` };
    const ahead = this.ahead(job);
    if (ahead === 0) return { code: 'first-in-line', about: `nobody goes before it (${its}); it does not fit` };
    const skips = this.options.skip ? 'those that fit are not held up' : 'nobody overtakes one that does not fit';
    return { code: 'rank', about: `${ahead} waiting jobs go before it (${its}); ${skips}` };
  }

  nextWakeup(): TimeUs {
    return this.#wakeUs;
  }

  snapshot?(): unknown;
  restore?(state: unknown): void;
}
