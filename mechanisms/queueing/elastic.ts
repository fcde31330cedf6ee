import type { QueueingPolicy, RunningJob, SchedulerView, WaitingJob, WaitReason } from '../../core/interfaces.ts';
import { NEVER, type TimeUs } from '../../core/types.ts';
import { spell } from './lib/work.ts';

export interface ElasticParams {
  /** An attempt is left alone for this long after it came up before it grows or shrinks. Default 10 minutes. */
  settleUs?: TimeUs;
}

const SECOND = 1_000_000;

/** First in, first out, with jobs that shrink when somebody waits and grow when nobody does. */
export class Elastic implements QueueingPolicy {
  readonly name = 'elastic';
  readonly preemptive = true;
  readonly #settleUs: TimeUs;
  readonly #waiting = new Set<WaitingJob>();
  #wakeUs: TimeUs = NEVER;

  constructor(params: ElasticParams = {}) {
    this.#settleUs = Math.max(SECOND, params.settleUs ?? 600_000_000);
  }

  add(job: WaitingJob): void {
    this.#waiting.add(job);
  }
  remove(job: WaitingJob): void {
    this.#waiting.delete(job);
  }
  reset(): void {
    this.#waiting.clear();
    this.#wakeUs = NEVER;
  }

  schedule(view: SchedulerView): void {
    this.#pass(view);
    // Whoever settles is looked at then, also one that this pass had no reason to look at: by then it may have one.
    this.#wakeUs = NEVER;
    for (const j of view.running()) if (j.shape.least !== undefined) this.#settled(j, view.now);
  }

  #pass(view: SchedulerView): void {
    const line = [...this.#waiting].sort((a, b) => a.order - b.order);
    for (let i = 0; i < line.length; i++) {
      // Whoever leaves others waiting takes the least it can do with.
      const least = line.length - i > 1 ? line[i]!.shape.least : undefined;
      if (!view.start(line[i]!, null, least)) return this.#shrink(view, line[i]!);
    }
    this.#grow(view);
  }

  /** Left alone for long enough; otherwise the policy asks to be woken when it will have been. */
  #settled(job: RunningJob, now: TimeUs): boolean {
    if (job.stopping) return false;
    // One that comes up is asked again when it may have been up for long enough; how long it takes to come up nobody says.
    const from = (job.startedUs < 0 ? now : job.startedUs) + this.#settleUs;
    if (from > now) this.#wakeUs = Math.min(this.#wakeUs, from);
    return from <= now;
  }

  /** Jobs above their least make room for the head; they wait again, in their old place, and start smaller. */
  #shrink(view: SchedulerView, head: WaitingJob): void {
    if (head.pledged > 0) return;
    const above = (j: RunningJob): number => view.nodesOf(j).length - (j.shape.least ?? Number.MAX_SAFE_INTEGER);
    const victims = view.victims(head, {
      may: (j) => above(j) > 0 && this.#settled(j, view.now),
      order: (a, b) => above(b) - above(a) || b.order - a.order,
    });
    for (const v of victims ?? []) view.preempt(v, head);
  }

  /** Nobody waits: the job furthest below its most goes back in line, alone, if there is room for one more of its tasks. */
  #grow(view: SchedulerView): void {
    const { cluster } = view;
    const running = view.running();
    if (running.some((j) => j.stopping)) return;
    let best: RunningJob | null = null;
    let least = 1;
    for (const j of running) {
      if (j.shape.least === undefined) continue;
      const { tasks, shape } = j.shape.groups[0]!;
      const part = view.nodesOf(j).length / tasks;
      if (part >= 1 || part >= least || !cluster.mayFit(shape)) continue;
      let room = false;
      for (let n = 0; n < cluster.nodeCount && !room; n++) room = cluster.fits(n, shape);
      if (!room || !this.#settled(j, view.now)) continue;
      best = j;
      least = part;
    }
    if (best !== null) view.preempt(best, null);
  }

  nextWakeup(): TimeUs {
    return this.#wakeUs;
  }

  explain(job: WaitingJob, view: SchedulerView): WaitReason {
    if (job.pledged > 0) return { code: 'room-being-made', about: `${job.pledged} larger jobs shrink for it` };
    let ahead = 0;
    for (const j of this.#waiting) if (j.order < job.order) ahead++;
    if (ahead > 0) return { code: 'behind-head', about: `${ahead} waiting jobs came before it and nobody overtakes` };
    const next = this.#wakeUs >= NEVER ? '' : `; the next may in ${spell(Math.max(0, this.#wakeUs - view.now))}`;
    return { code: 'head-of-line', about: `it is the head and no job that may shrink makes room for it${next}` };
  }
}
