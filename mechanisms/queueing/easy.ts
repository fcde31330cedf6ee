import type { QueueingPolicy, SchedulerView, WaitingJob } from '../../core/interfaces.ts';
import { ShapeQueue } from './lib/shape-queue.ts';

/**
 * EASY backfill: first in, first out, but a job may overtake when it cannot delay the head. The head gets a reservation from
 * the limits of what runs; an overtaker either ends by the reserved stamp or keeps off the reserved nodes.
 */
export class Easy implements QueueingPolicy {
  readonly name = 'easy';
  readonly #queues = new Map<number, ShapeQueue>();

  add(job: WaitingJob): void {
    let queue = this.#queues.get(job.shape.id);
    if (queue === undefined) {
      queue = new ShapeQueue(job.shape);
      this.#queues.set(job.shape.id, queue);
    }
    queue.add(job);
  }

  remove(job: WaitingJob): void {
    const queue = this.#queues.get(job.shape.id);
    queue?.remove(job);
    if (queue?.size === 0) this.#queues.delete(job.shape.id);
  }

  #head(): WaitingJob | null {
    let head: WaitingJob | null = null;
    for (const q of this.#queues.values()) {
      const h = q.head();
      if (h !== null && (head === null || h.order < head.order)) head = h;
    }
    return head;
  }

  schedule(view: SchedulerView): void {
    let head = this.#head();
    while (head !== null && view.start(head, null)) head = this.#head();
    if (head === null) return;
    // Demands that fit nowhere now, and those that fit only on the reserved nodes. The head's own is among the former.
    const blocked = new Set<number>([head.shape.id]);
    for (const q of this.#queues.values()) {
      if (!blocked.has(q.shape.id) && q.shape.groups.some((g) => !view.cluster.mayFit(g.shape)))
        blocked.add(q.shape.id);
    }
    if (blocked.size === this.#queues.size) return;
    const reservation = view.reserve(head);
    const window = reservation === null ? Infinity : reservation.startUs - view.now;
    const inside = new Set<number>();
    for (;;) {
      let next: WaitingJob | null = null;
      for (const q of this.#queues.values()) {
        if (blocked.has(q.shape.id)) continue;
        const job = q.firstWithin(inside.has(q.shape.id) ? window : Number.MAX_VALUE);
        if (job !== null && (next === null || job.order < next.order)) next = job;
      }
      if (next === null) return;
      if (next.spec.limitUs <= window) {
        if (!view.start(next, null)) blocked.add(next.shape.id);
      } else if (!view.start(next, reservation!.nodes)) inside.add(next.shape.id);
    }
  }

  reset(): void {
    this.#queues.clear();
  }
}
