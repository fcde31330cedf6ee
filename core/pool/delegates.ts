/** Stand-ins that pass everything on, for those who watch a scheduler at work (explanations, tests). */
import type { QueueingPolicy, SchedulerView } from '../interfaces.ts';

/** The view with some of its parts replaced. */
export function viewOver(view: SchedulerView, over: Partial<SchedulerView>): SchedulerView {
  return {
    now: view.now,
    cluster: view.cluster,
    start: (job, avoid, most) => view.start(job, avoid, most),
    reserve: (job, avoid) => view.reserve(job, avoid),
    running: () => view.running(),
    victims: (job, eviction) => view.victims(job, eviction),
    preempt: (job, inFavourOf) => view.preempt(job, inFavourOf),
    layout: (jobs) => view.layout(jobs),
    nodesOf: (job) => view.nodesOf(job),
    ...over,
  };
}

/** The policy as core would see it; subclasses look on. */
export class WatchedQueueing implements QueueingPolicy {
  readonly name: string;
  readonly preemptive: boolean;
  readonly inner: QueueingPolicy;

  constructor(inner: QueueingPolicy) {
    this.inner = inner;
    this.name = inner.name;
    this.preemptive = inner.preemptive === true;
  }
  add(...args: Parameters<QueueingPolicy['add']>): void {
    this.inner.add(...args);
  }
  remove(...args: Parameters<QueueingPolicy['remove']>): void {
    this.inner.remove(...args);
  }
  started(...args: Parameters<NonNullable<QueueingPolicy['started']>>): void {
    this.inner.started?.(...args);
  }
  ended(...args: Parameters<NonNullable<QueueingPolicy['ended']>>): void {
    this.inner.ended?.(...args);
  }
  changed(...args: Parameters<NonNullable<QueueingPolicy['changed']>>): void {
    this.inner.changed?.(...args);
  }
  classesFor(...args: Parameters<NonNullable<QueueingPolicy['classesFor']>>): readonly number[] {
    return this.inner.classesFor?.(...args) ?? args[1];
  }
  schedule(view: SchedulerView): void {
    this.inner.schedule(view);
  }
  nextWakeup(view: SchedulerView): number {
    return this.inner.nextWakeup?.(view) ?? Number.MAX_SAFE_INTEGER;
  }
  explain(
    ...args: Parameters<NonNullable<QueueingPolicy['explain']>>
  ): ReturnType<NonNullable<QueueingPolicy['explain']>> {
    return this.inner.explain?.(...args) ?? null;
  }
  snapshot(): unknown {
    return this.inner.snapshot?.() ?? null;
  }
  restore(state: unknown): void {
    this.inner.restore?.(state);
  }
  reset(): void {
    this.inner.reset();
  }
}
