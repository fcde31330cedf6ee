import type {
  NodeSet,
  QueueingPolicy,
  Reservation,
  SchedulerView,
  WaitingJob,
  WaitReason,
} from '../../core/interfaces.ts';
import { spell } from './lib/work.ts';

export interface ConservativeParams {
  /** Jobs that get a reservation; those behind may start only where they touch none. Default 64. */
  depth?: number;
}

/** Conservative backfill: every waiting job has a reservation, and nobody starts where it could delay one. */
export class Conservative implements QueueingPolicy {
  readonly name = 'conservative';
  readonly #depth: number;
  #jobs: WaitingJob[] = [];

  constructor(params: ConservativeParams = {}) {
    this.#depth = params.depth ?? 64;
  }

  add(job: WaitingJob): void {
    let at = this.#jobs.length;
    while (at > 0 && this.#jobs[at - 1]!.order > job.order) at--;
    this.#jobs.splice(at, 0, job);
  }

  remove(job: WaitingJob): void {
    this.#jobs.splice(this.#jobs.indexOf(job), 1);
  }

  reset(): void {
    this.#jobs = [];
  }

  explain(job: WaitingJob, view: SchedulerView): WaitReason {
    const ahead = this.#jobs.indexOf(job);
    const r = view.reserve(job);
    const alone =
      r === null ? 'no limit promises it room' : `by limits it would fit ${spell(r.startUs - view.now)} from now`;
    const code = ahead < this.#depth ? 'reserved' : 'beyond-depth';
    return {
      code,
      about: `${alone} at the latest if it were alone; ${ahead} jobs that came before have first call on machines`,
    };
  }

  schedule(view: SchedulerView): void {
    const reservations: Reservation[] = [];
    const reserved: NodeSet = { has: (node) => reservations.some((r) => r.nodes.has(node)) };
    // A demand that found no room on all machines finds none on fewer.
    const hopeless = new Set<number>();
    for (const job of [...this.#jobs]) {
      if (!hopeless.has(job.shape.id)) {
        const ends = view.now + job.spec.limitUs;
        const inTheWay = reservations.filter((r) => r.startUs < ends);
        const avoid = inTheWay.length === 0 ? null : { has: (node: number) => inTheWay.some((r) => r.nodes.has(node)) };
        if (view.start(job, avoid)) continue;
        if (avoid === null || job.shape.groups.some((g) => !view.cluster.mayFit(g.shape))) hopeless.add(job.shape.id);
      }
      if (reservations.length >= this.#depth) {
        if (hopeless.size > 0 && this.#jobs.every((j) => hopeless.has(j.shape.id))) return;
        continue;
      }
      const r = view.reserve(job, reservations.length === 0 ? null : reserved);
      if (r !== null) reservations.push(r);
      // Every machine it could use is promised: what comes later must not take what it will need.
      else reservations.push({ startUs: view.now, nodes: everyNodeFor(view, job) });
    }
  }
}

function everyNodeFor(view: SchedulerView, job: WaitingJob): NodeSet {
  const shapes = job.shape.groups.map((g) => g.shape);
  return { has: (node) => shapes.some((s) => s.allowed[view.cluster.classOf(node)] === 1) };
}
