import type { GangShape, QueueingPolicy, SchedulerView, WaitingJob, WaitReason } from '../../core/interfaces.ts';
import { spell } from './lib/work.ts';

const before = (a: WaitingJob, b: WaitingJob): boolean =>
  a.spec.estimateUs < b.spec.estimateUs || (a.spec.estimateUs === b.spec.estimateUs && a.order < b.order);

/** Binary heap of one demand's jobs by (estimate, arrival); removed jobs are dropped when they surface. */
class EstimateHeap {
  readonly shape: GangShape;
  readonly #heap: WaitingJob[] = [];
  readonly #gone = new Set<WaitingJob>();

  constructor(shape: GangShape) {
    this.shape = shape;
  }

  push(job: WaitingJob): void {
    // One that left from the middle and comes back is still where it was: its key does not change.
    if (this.#gone.delete(job)) return;
    let i = this.#heap.length;
    this.#heap.push(job);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(job, this.#heap[parent]!)) break;
      this.#heap[i] = this.#heap[parent]!;
      i = parent;
    }
    this.#heap[i] = job;
  }

  drop(job: WaitingJob): void {
    if (this.#heap[0] === job) this.#pop();
    else this.#gone.add(job);
  }

  head(): WaitingJob | null {
    while (this.#heap.length > 0 && this.#gone.has(this.#heap[0]!)) {
      this.#gone.delete(this.#heap[0]!);
      this.#pop();
    }
    return this.#heap[0] ?? null;
  }

  /** Jobs of the heap that come before another. */
  before(job: WaitingJob): number {
    return this.#heap.filter((j) => !this.#gone.has(j) && before(j, job)).length;
  }

  #pop(): void {
    const last = this.#heap.pop()!;
    const n = this.#heap.length;
    if (n === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && before(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      if (!before(this.#heap[child]!, last)) break;
      this.#heap[i] = this.#heap[child]!;
      i = child;
    }
    this.#heap[i] = last;
  }
}

/**
 * Shortest job first, by the user's estimate. With `skip` the walk goes on past a job that does not fit (a later, longer
 * job may start); without it the shortest job blocks the rest.
 */
export class Sjf implements QueueingPolicy {
  readonly name = 'sjf';
  readonly #skip: boolean;
  readonly #heaps = new Map<number, EstimateHeap>();

  constructor(skip: boolean) {
    this.#skip = skip;
  }

  add(job: WaitingJob): void {
    let heap = this.#heaps.get(job.shape.id);
    if (heap === undefined) {
      heap = new EstimateHeap(job.shape);
      this.#heaps.set(job.shape.id, heap);
    }
    heap.push(job);
  }

  remove(job: WaitingJob): void {
    const heap = this.#heaps.get(job.shape.id);
    heap?.drop(job);
    if (heap?.head() === null) this.#heaps.delete(job.shape.id);
  }

  schedule(view: SchedulerView): void {
    // Capacity only shrinks while we start jobs, so a demand that failed once fails for the rest of this pass.
    const blocked = new Set<number>();
    for (;;) {
      let next: WaitingJob | null = null;
      for (const heap of this.#heaps.values()) {
        if (blocked.has(heap.shape.id)) continue;
        const head = heap.head();
        if (head !== null && (next === null || before(head, next))) next = head;
      }
      if (next === null) return;
      if (!view.start(next, null)) {
        if (!this.#skip) return;
        blocked.add(next.shape.id);
      }
    }
  }

  explain(job: WaitingJob): WaitReason {
    let ahead = 0;
    for (const heap of this.#heaps.values()) ahead += heap.before(job);
    const its = `${spell(job.spec.estimateUs)} by its estimate`;
    if (ahead === 0) return { code: 'first-in-line', about: `nobody is shorter (${its}); it does not fit` };
    const skips = this.#skip ? 'those that fit are not held up' : 'nobody overtakes one that does not fit';
    return { code: 'rank', about: `${ahead} waiting jobs are shorter (${its}); ${skips}` };
  }

  reset(): void {
    this.#heaps.clear();
  }
}
