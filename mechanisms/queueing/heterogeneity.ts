import type {
  NodeSet,
  QueueingPolicy,
  RunningJob,
  SchedulerView,
  WaitingJob,
  WaitReason,
} from '../../core/interfaces.ts';
import type { JobSpec, TimeUs } from '../../core/types.ts';
import { fairestParts, type Kind } from './lib/allocation.ts';
import { gpusOf, remainingUs, spell } from './lib/work.ts';

export interface HeterogeneityParams {
  /** `max-min`: nobody's speed, relative to an equal share of every class, is less than it must be; `makespan`: all end soonest. */
  objective?: 'max-min' | 'makespan';
  /** Length of a round. Default 6 minutes. */
  roundUs?: TimeUs;
  /** Work per time by label of the job and GPU class (by index), in any unit per label; 0 = it does not run there. Default: all alike. */
  throughputs?: Readonly<Record<string, readonly number[]>>;
}

interface Memory {
  /** Rounds planned so far. */
  round: number;
  /** Round in which the plan was made, and the class each job is to run on in it, best first. */
  plan: [job: number, gpuClass: number][];
  /** Rounds that each job has been there for, and that it was given on each class. */
  had: [job: number, seen: number, given: number[]][];
}

/** Which GPU class runs whom for how much of the time, from a throughput table: a linear program per round. */
export class Heterogeneity implements QueueingPolicy {
  readonly name = 'heterogeneity';
  readonly preemptive = true;
  readonly #makespan: boolean;
  readonly #roundUs: TimeUs;
  readonly #throughputs: HeterogeneityParams['throughputs'];
  readonly #waiting = new Set<WaitingJob>();
  readonly #classes = new Map<string, readonly number[]>();
  #round = -1;
  readonly #plan = new Map<number, number>();
  readonly #had = new Map<number, { seen: number; given: number[] }>();

  constructor(params: HeterogeneityParams = {}) {
    this.#makespan = params.objective === 'makespan';
    this.#roundUs = params.roundUs ?? 360_000_000;
    this.#throughputs = params.throughputs;
  }

  /** Those where its row says more than 0. */
  classesFor(spec: JobSpec, may: readonly number[]): readonly number[] {
    const row = this.#rowOf(spec, 0);
    if (row === null || may.every((c) => row[c]! > 0)) return may;
    const key = `${may.join('.')} ${spec.label}`;
    let list = this.#classes.get(key);
    if (list === undefined) {
      list = may.filter((c) => row[c]! > 0);
      this.#classes.set(key, list);
    }
    return list;
  }

  add(job: WaitingJob): void {
    this.#waiting.add(job);
  }
  remove(job: WaitingJob): void {
    this.#waiting.delete(job);
  }

  schedule(view: SchedulerView): void {
    const round = Math.floor(view.now / this.#roundUs);
    const running = view.running();
    if (round > this.#round) {
      this.#round = round;
      this.#newPlan(view, running);
      for (const r of running) {
        const want = this.#plan.get(r.spec.job);
        const there = view.nodesOf(r).every((n) => view.cluster.classOf(n) === want);
        if (!there && r.startedUs >= 0 && r.startedUs < view.now && !r.stopping) view.preempt(r, null);
      }
    }
    const waiting = [...this.#waiting].sort((a, b) => a.order - b.order);
    const byJob = new Map(waiting.map((j) => [j.spec.job, j]));
    for (const [job, gpuClass] of this.#plan) {
      const j = byJob.get(job);
      const other: NodeSet = { has: (node) => view.cluster.classOf(node) !== gpuClass };
      if (j !== undefined && view.start(j, other)) byJob.delete(job);
    }
    // While somebody is on the way out, or comes up to move, the room is the plan's.
    if (view.running().some((r) => r.stopping)) return;
    for (const j of waiting) {
      if (!byJob.has(j.spec.job)) continue;
      const rates = this.#rates(j, view.cluster.classCount);
      const idle: NodeSet | null = rates.every((t) => t > 0)
        ? null
        : { has: (node) => !(rates[view.cluster.classOf(node)]! > 0) };
      view.start(j, idle);
    }
  }

  explain(job: WaitingJob, view: SchedulerView): WaitReason {
    const next = spell((Math.floor(view.now / this.#roundUs) + 1) * this.#roundUs - view.now);
    const c = this.#plan.get(job.spec.job);
    if (c !== undefined)
      return {
        code: 'planned',
        about: `this round it has class ${c + 1} of ${view.cluster.classCount}, where it does not fit yet`,
      };
    const had = this.#had.get(job.spec.job);
    const given = had?.given.reduce((a, b) => a + b, 0) ?? 0;
    return {
      code: 'round',
      about: `not in this round’s plan (it had ${given} of ${had?.seen ?? 0} rounds); the next is made in ${next}`,
    };
  }

  /** Where nothing runs, whoever waits has been tried everywhere: a round would find nothing new. */
  nextWakeup(view: SchedulerView): TimeUs {
    return view.running().length > 0
      ? (Math.floor(view.now / this.#roundUs) + 1) * this.#roundUs
      : Number.MAX_SAFE_INTEGER;
  }

  #rates(job: WaitingJob, classes: number): readonly number[] {
    const row = this.#rowOf(job.spec, classes) ?? Array.from({ length: classes }, () => 1);
    return row.map((t, c) => (job.shape.groups.every((g) => g.shape.allowed[c] === 1) ? t : 0));
  }

  /** Its row of the table, of so many classes at least; null = there is no table. */
  #rowOf({ label }: JobSpec, classes: number): readonly number[] | null {
    if (this.#throughputs === undefined) return null;
    const row = this.#throughputs[label] ?? this.#throughputs['*'];
    if (row === undefined || row.length < classes)
      throw new Error(`heterogeneity: the throughput table does not know jobs labelled "${label}"`);
    return row;
  }

  #newPlan(view: SchedulerView, running: readonly RunningJob[]): void {
    const { cluster, now } = view;
    const capacity = Array.from({ length: cluster.classCount }, () => 0);
    for (let n = 0; n < cluster.nodeCount; n++)
      if (cluster.isUp(n)) capacity[cluster.classOf(n)]! += cluster.gpusInService(n);
    const all = capacity.reduce((a, b) => a + b, 0);
    const jobs = [...running, ...this.#waiting].sort((a, b) => a.order - b.order);
    const kinds = new Map<string, Kind & { members: WaitingJob[]; at: number }>();
    for (const job of jobs) {
      const rates = this.#rates(job, capacity.length);
      const equal = all === 0 ? 0 : rates.reduce((sum, t, c) => sum + (t * capacity[c]!) / all, 0);
      const left = Math.max(1, remainingUs(job, now));
      const over = this.#makespan ? left * Math.max(...rates, 1e-9) : equal / Math.max(1, gpusOf(job));
      const worth = rates.map((t) => (over > 0 ? t / over : 0));
      const key = `${gpusOf(job)} ${worth.join(' ')}`;
      const kind = kinds.get(key) ?? { jobs: 0, gpus: gpusOf(job), worth, members: [], at: kinds.size };
      kinds.set(key, kind);
      kind.jobs++;
      kind.members.push(job);
    }
    const list = [...kinds.values()];
    const parts = fairestParts(list, capacity);
    const here = new Set(jobs.map((j) => j.spec.job));
    for (const job of this.#had.keys()) if (!here.has(job)) this.#had.delete(job);
    // Whoever has had least of what it should have had goes first.
    const claims = list.flatMap((kind) =>
      kind.members.flatMap((job) => {
        const had = this.#had.get(job.spec.job) ?? { seen: 0, given: capacity.map(() => 0) };
        this.#had.set(job.spec.job, had);
        had.seen++;
        return parts[kind.at]!.flatMap((x, c) =>
          x <= 0 ? [] : [{ job, c, claim: (x * had.seen) / Math.max(had.given[c]!, 1e-9) }],
        );
      }),
    );
    claims.sort((a, b) => b.claim - a.claim || a.job.order - b.job.order || a.c - b.c);
    this.#plan.clear();
    // In whole thousandths of a GPU: tenths do not add up to one in binary.
    const room = capacity.map((n) => n * 1000);
    for (const { job, c } of claims) {
      const { totalMilli } = job.shape;
      if (this.#plan.has(job.spec.job) || room[c]! < totalMilli) continue;
      room[c]! -= totalMilli;
      this.#plan.set(job.spec.job, c);
      this.#had.get(job.spec.job)!.given[c]!++;
    }
  }

  snapshot(): Memory {
    return {
      round: this.#round,
      plan: [...this.#plan],
      had: [...this.#had].map(([job, h]) => [job, h.seen, [...h.given]]),
    };
  }
  restore(m: Memory): void {
    this.#round = m.round;
    for (const [job, c] of m.plan) this.#plan.set(job, c);
    for (const [job, seen, given] of m.had) this.#had.set(job, { seen, given: [...given] });
  }
  reset(): void {
    this.#waiting.clear();
    this.#plan.clear();
    this.#had.clear();
    this.#round = -1;
  }
}
