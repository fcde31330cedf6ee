import type { QueueingPolicy, SchedulerView, WaitingJob, WaitReason } from '../../core/interfaces.ts';
import { ShapeQueue } from './lib/shape-queue.ts';
import { spell } from './lib/work.ts';

/** What a demand may still do in this pass. */
const Pass = { open: 0, inside: 1, blocked: 2 } as const;

/** The waiting jobs of one demand. */
interface Line {
  queue: ShapeQueue;
  pass: (typeof Pass)[keyof typeof Pass];
}

/**
 * EASY backfill: first in, first out, but a job may overtake when it cannot delay the head. The head gets a reservation from
 * the limits of what runs; an overtaker either ends by the reserved stamp or keeps off the reserved nodes.
 */
export class Easy implements QueueingPolicy {
  readonly name = 'easy';
  readonly #lines = new Map<number, Line>();
  /** The same lines, to scan. */
  #list: Line[] = [];
  /** Emptied lines, kept so that a market without a backlog does not make a new one per job. */
  readonly #spare: Line[] = [];
  static readonly #sparesKept = 16;

  add(job: WaitingJob): void {
    let line = this.#lines.get(job.shape.id);
    if (line === undefined) {
      line = this.#spare.pop() ?? { queue: new ShapeQueue(job.shape), pass: Pass.open };
      line.queue.open(job.shape);
      this.#lines.set(job.shape.id, line);
      this.#list.push(line);
    }
    line.queue.add(job);
  }

  remove(job: WaitingJob): void {
    const line = this.#lines.get(job.shape.id);
    if (line === undefined) return;
    line.queue.remove(job);
    if (line.queue.size > 0) return;
    this.#lines.delete(job.shape.id);
    this.#list.splice(this.#list.indexOf(line), 1);
    if (this.#spare.length < Easy.#sparesKept) this.#spare.push(line);
  }

  #head(): WaitingJob | null {
    let head: WaitingJob | null = null;
    const list = this.#list;
    for (let i = 0; i < list.length; i++) {
      const h = list[i]!.queue.head();
      if (h !== null && (head === null || h.order < head.order)) head = h;
    }
    return head;
  }

  schedule(view: SchedulerView): void {
    let head = this.#head();
    while (head !== null && view.start(head, null)) head = this.#head();
    if (head === null || !this.#open(view, head)) return;
    const reservation = view.reserve(head);
    const window = reservation === null ? Infinity : reservation.startUs - view.now;
    for (;;) {
      // The oldest job of any demand that may still start; one that must end inside the window looks past longer ones.
      let next: WaitingJob | null = null;
      let from: Line | null = null;
      const list = this.#list;
      for (let i = 0; i < list.length; i++) {
        const line = list[i]!;
        if (line.pass === Pass.blocked) continue;
        const job = line.pass === Pass.inside ? line.queue.firstWithin(window) : line.queue.head();
        if (job !== null && (next === null || job.order < next.order)) {
          next = job;
          from = line;
        }
      }
      if (next === null) return;
      if (next.spec.limitUs <= window) {
        if (!view.start(next, null)) from!.pass = Pass.blocked;
      } else if (!view.start(next, reservation!.nodes)) from!.pass = Pass.inside;
    }
  }

  explain(job: WaitingJob, view: SchedulerView): WaitReason | null {
    const head = this.#head();
    if (head === null) return null;
    const r = view.reserve(head);
    const at = r === null ? 'no stamp that limits promise' : `${spell(r.startUs - view.now)} from now at the latest`;
    if (head === job) return { code: 'head-of-line', about: `it is the head; its machines are free ${at}` };
    if (r !== null && view.now + job.spec.limitUs <= r.startUs)
      return {
        code: 'behind-head',
        about: `it ends before the head, job ${head.spec.job}, may start (${at}), but does not fit`,
      };
    return {
      code: 'would-delay-head',
      about: `job ${head.spec.job}, the head, starts ${at}; with a limit of ${spell(job.spec.limitUs)} it may only use machines that are not kept for that`,
    };
  }

  /** Blocks the demands that fit nowhere now, the head's own among them; false = nothing is left. */
  #open(view: SchedulerView, head: WaitingJob): boolean {
    let open = 0;
    const list = this.#list;
    for (let i = 0; i < list.length; i++) {
      const line = list[i]!;
      line.pass = line.queue.shape.id === head.shape.id || !mayFit(view, line.queue.shape) ? Pass.blocked : Pass.open;
      if (line.pass === Pass.open) open++;
    }
    return open > 0;
  }

  reset(): void {
    this.#lines.clear();
    this.#list = [];
    this.#spare.length = 0;
  }
}

function mayFit(view: SchedulerView, shape: WaitingJob['shape']): boolean {
  for (let i = 0; i < shape.groups.length; i++) if (!view.cluster.mayFit(shape.groups[i]!.shape)) return false;
  return true;
}
