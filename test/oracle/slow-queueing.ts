/**
 * The queueing rules the slow obvious way: the waiting jobs are one list, sorted anew in every pass, and what core keeps to be quick
 * (forecasts, trial placements, indices of victims) is worked out afresh on a copy of the machines. Written from the rules' pages.
 */
import type {
  Eviction,
  NodeSet,
  PlacementPolicy,
  QueueingPolicy,
  Reservation,
  RunningJob,
  SchedulerView,
  TaskShape,
  WaitingJob,
} from '../../core/interfaces.ts';
import { type Allocation, Cluster } from '../../core/pool/cluster.ts';
import { viewOver } from '../../core/pool/delegates.ts';
import { GangContext, placeGang } from '../../core/pool/gang-placement.ts';
import { JobState, type PoolJob } from '../../core/pool/job.ts';
import { Code, type JobSpec, jobOfHold, type MarketConfig, NEVER, type NodeSpec } from '../../core/types.ts';
import { type Cards, fitsIn, freeOf, instances } from './slow-placement.ts';

export type Params = Record<string, unknown>;
/** Lower goes first; ties to the earlier arrival. */
type Rank = (job: WaitingJob, now: number) => number;

export const running = (j: WaitingJob): j is RunningJob => ((j as RunningJob).startedUs ?? -1) >= 0;
export const attained = (j: WaitingJob, now: number): number => j.servedUs + (running(j) ? now - j.startedUs : 0);
export const remaining = (j: WaitingJob, now: number): number =>
  j.remainingUs >= 0 ? j.remainingUs : Math.max(0, j.spec.estimateUs - attained(j, now));
export const byOrder = (a: WaitingJob, b: WaitingJob): number => a.order - b.order;

/** One pool's machines as the oracle rebuilds them. */
export class Machines {
  readonly config: MarketConfig;
  readonly cards: readonly Cards[];
  readonly placement: () => PlacementPolicy;

  constructor(config: MarketConfig, placement: () => PlacementPolicy) {
    this.config = config;
    this.cards = config.classes;
    this.placement = placement;
  }

  /** A copy of the cluster on which only what `keep` says stands. */
  copy(real: Cluster, keep: (a: Allocation) => boolean): Cluster {
    const copy = new Cluster(
      this.config.nodes,
      this.config.classes.map((c) => c.memoryMiB),
      this.config.classes.map((c) => c.mig),
    );
    for (let n = 0; n < copy.nodeCount; n++) {
      for (const a of real.allocationsOf(n)) if (keep(a)) copy.take(n, { ...a });
      copy.setUp(n, real.isUp(n));
      copy.setLosses(n, real.lossesOf(n));
    }
    return copy;
  }

  get nodes(): readonly NodeSpec[] {
    return this.config.nodes;
  }

  /** One task of the shape has room on the machine. */
  taskFits(real: Cluster, node: number, shape: TaskShape): boolean {
    const spec = this.nodes[node]!;
    return fitsIn(freeOf(real, node, spec, this.cards), spec, shape);
  }

  fits(cluster: Cluster, job: PoolJob): boolean {
    const context = new GangContext(this.config.key).of(job.hold, job.quote);
    return placeGang(cluster, this.placement(), job.shape, null, context) !== null;
  }

  /** Stamps at which the 1st, 2nd, … task of the shape fits on the node if all that stands there lasts to its limit. */
  #slots(real: Cluster, node: number, shape: TaskShape): number[] {
    const spec = this.config.nodes[node]!;
    if (!real.isUp(node) || !real.fitsEmpty(node, shape)) return [];
    const ends = [0, ...new Set(real.allocationsOf(node).map((a) => a.endUs))].sort((a, b) => a - b);
    const times: number[] = [];
    for (const at of ends) {
      const rest = real.allocationsOf(node).filter((a) => a.endUs > at);
      const free = freeOf({ ...view(rest) }, node, spec, this.cards);
      let units = 0;
      free.milli.forEach((m, g) => {
        if (shape.gpus === 0) return;
        const taken = free.slices[g]!;
        if (shape.mig !== undefined) {
          if (taken.length > 0 || m === 1000) units += instances(free.profiles, shape.mig, taken);
          return;
        }
        if (taken.length > 0) return;
        const byMemory =
          shape.gpuMemoryMiB > 0 && shape.gpuMilli < 1000 ? Math.floor(free.memory[g]! / shape.gpuMemoryMiB) : 1000;
        // A task that wants several GPUs wants different ones.
        units += Math.min(Math.floor(m / shape.gpuMilli), byMemory, shape.gpus > 1 ? 1 : 1000);
      });
      let room = shape.gpus === 0 ? 4096 : Math.floor(units / shape.gpus);
      if (shape.cpuMilli > 0) room = Math.min(room, Math.floor(free.cpu / shape.cpuMilli));
      if (shape.ramMiB > 0) room = Math.min(room, Math.floor(free.ram / shape.ramMiB));
      while (times.length < room) times.push(at);
    }
    return times;
  }

  reserve(now: number, real: Cluster, job: WaitingJob, avoid: NodeSet | null): Reservation | null {
    const taken = new Set<number>();
    let startUs = now;
    for (const group of job.shape.groups) {
      const { shape } = group;
      const tasks = job.shape.least ?? group.tasks;
      const slots = this.config.nodes
        .flatMap((_, node) =>
          taken.has(node) || avoid?.has(node) ? [] : this.#slots(real, node, shape).map((at) => ({ at, node })),
        )
        .sort((a, b) => a.at - b.at || a.node - b.node)
        .slice(0, tasks);
      if (slots.length < tasks) return null;
      for (const s of slots) {
        taken.add(s.node);
        startUs = Math.max(startUs, s.at);
      }
    }
    return { startUs, nodes: taken };
  }

  /** A least set: on the nodes of those that go first when the job is one task, else over the whole pool. */
  victims(v: SchedulerView, waiting: WaitingJob, e: Eviction): RunningJob[] | null {
    const real = v.cluster as Cluster;
    const may = (r: RunningJob): boolean => {
      const j = r as unknown as PoolJob;
      const up = j.state === JobState.leased && j.startedUs >= 0 && j.startedUs < v.now && !j.stopping && !j.over;
      return up && j.closing === Code.ok && e.may(r);
    };
    const job = waiting as PoolJob;
    if (
      this.fits(
        this.copy(real, () => true),
        job,
      )
    )
      return [];
    const first = [...v.running()].sort(e.order);
    if (job.shape.groups.length === 1 && job.shape.groups[0]!.tasks === 1) {
      let best: RunningJob[] | null = null;
      const tried = new Set<number>();
      search: for (const c of first) {
        if (!may(c)) continue;
        for (const node of v.nodesOf(c)) {
          if (tried.has(node)) continue;
          if (tried.size >= 64 || (best !== null && tried.size >= 8)) break search;
          tried.add(node);
          if (!real.fitsEmpty(node, job.shape.groups[0]!.shape)) continue;
          const there = new Set(real.allocationsOf(node).map((a) => a.hold));
          const found = this.#least(
            real,
            job,
            first.filter((r) => there.has((r as unknown as PoolJob).hold) && may(r)),
          );
          if (found === null) continue;
          const worth = best === null ? -1 : e.order(found.at(-1)!, best.at(-1)!);
          const better: boolean = worth < 0 || (worth === 0 && found.length < best!.length);
          if (better) best = found;
          if (found.length === 1 && found[0] === c) break search;
        }
      }
      if (best !== null) return best;
    }
    return this.#least(real, job, first.filter(may));
  }

  /** The shortest head of the list whose going makes room, without those that turn out not to be needed, the last asked first. */
  #least(real: Cluster, job: PoolJob, candidates: readonly RunningJob[]): RunningJob[] | null {
    const roomWithout = (gone: readonly RunningJob[]): boolean => {
      const jobs = new Set(gone.map((g) => g.spec.job));
      return this.fits(
        this.copy(real, (a) => !jobs.has(jobOfHold(a.hold ?? 0))),
        job,
      );
    };
    const n = candidates.findIndex((_, i) => roomWithout(candidates.slice(0, i + 1)));
    if (n < 0) return null;
    let needed = candidates.slice(0, n + 1);
    for (const c of candidates.slice(0, n).reverse()) {
      const fewer = needed.filter((x) => x !== c);
      if (roomWithout(fewer)) needed = fewer;
    }
    return needed;
  }

  layout(v: SchedulerView, jobs: Iterable<WaitingJob>): (readonly number[] | null)[] {
    const real = v.cluster as Cluster;
    const empty = this.copy(real, () => false);
    return [...jobs].map((job) => {
      const { hold, quote } = job as PoolJob;
      const parts = placeGang(
        empty,
        this.placement(),
        job.shape,
        null,
        new GangContext(this.config.key).of(hold, quote),
      );
      return parts?.map((p) => p.node) ?? null;
    });
  }
}

/** A view of one node's allocations, for counting. */
const view = (list: readonly Allocation[]) =>
  ({ allocationsOf: () => list }) as unknown as Parameters<typeof freeOf>[0];

/** `waiting`: in order of arrival; `came`: in the order in which they came to wait. */
export type Pass = (view: SchedulerView, waiting: WaitingJob[], came: readonly WaitingJob[]) => void;

export class SlowQueueing implements QueueingPolicy {
  readonly name: string;
  readonly preemptive: boolean;
  readonly #machines: Machines;
  readonly #pass: Pass;
  readonly #wakeup: ((view: SchedulerView) => number) | undefined;
  readonly #runsOn: (spec: JobSpec, gpuClass: number) => boolean;
  #jobs: WaitingJob[] = [];

  constructor(
    name: string,
    machines: Machines,
    preemptive: boolean,
    pass: Pass,
    wakeup?: (view: SchedulerView) => number,
    runsOn: (spec: JobSpec, gpuClass: number) => boolean = () => true,
  ) {
    this.name = name;
    this.preemptive = preemptive;
    this.#machines = machines;
    this.#pass = pass;
    this.#wakeup = wakeup;
    this.#runsOn = runsOn;
  }
  add(job: WaitingJob): void {
    this.#jobs.push(job);
  }
  remove(job: WaitingJob): void {
    this.#jobs.splice(this.#jobs.indexOf(job), 1);
  }
  reset(): void {
    this.#jobs = [];
  }
  classesFor(spec: JobSpec, may: readonly number[]): readonly number[] {
    return may.filter((c) => this.#runsOn(spec, c));
  }
  /** Asked for, so that core lists the running jobs for it. */
  started(): void {}
  schedule(v: SchedulerView): void {
    const m = this.#machines;
    const slow = viewOver(v, {
      reserve: (job, avoid = null) => m.reserve(v.now, v.cluster as Cluster, job, avoid),
      victims: (job, e) => m.victims(v, job, e),
      layout: (jobs) => m.layout(v, jobs),
    });
    this.#pass(slow, [...this.#jobs].sort(byOrder), [...this.#jobs]);
  }
  nextWakeup(v: SchedulerView): number {
    return this.#wakeup?.(v) ?? NEVER;
  }
}

/** In order of rank; with `preempt` room is made for whoever does not fit, and those behind may not take it. */
function ranked(
  name: string,
  machines: Machines,
  rank: Rank,
  p: Params,
  standard: { preempt: boolean; skip: boolean },
  may: (a: WaitingJob, b: RunningJob) => boolean = () => true,
  more: (v: SchedulerView) => number = () => NEVER,
  victim?: (a: RunningJob, b: RunningJob) => number,
): SlowQueueing {
  const o = { minRunUs: 0, ...standard, ...p } as {
    preempt: boolean;
    skip: boolean;
    minRunUs: number;
    migrate?: boolean;
  };
  let wake = NEVER;
  const makeRoom = (v: SchedulerView, job: WaitingJob): boolean => {
    let soonest = NEVER;
    const victims = v.victims(job, {
      may: (r) => {
        if (rank(r, v.now) <= rank(job, v.now) || !may(job, r)) return false;
        const from = r.startedUs + o.minRunUs;
        if (from > v.now) soonest = Math.min(soonest, from);
        return from <= v.now;
      },
      order: (a, b) => victim?.(a, b) ?? (rank(b, v.now) - rank(a, v.now) || b.order - a.order),
    });
    if (victims === null) wake = Math.min(wake, soonest);
    for (const x of victims ?? []) v.preempt(x, job);
    return victims !== null;
  };
  const pass: Pass = (v, waiting) => {
    wake = NEVER;
    waiting.sort((a, b) => rank(a, v.now) - rank(b, v.now) || byOrder(a, b));
    let holding = false;
    for (const job of waiting) {
      if (!holding && v.start(job, null)) continue;
      if (o.preempt && (job.pledged > 0 || makeRoom(v, job))) holding = true;
      else if (!o.skip) return;
    }
  };
  const afresh: Pass = (v, waiting) => {
    const all = [...v.running(), ...waiting].sort((a, b) => rank(a, v.now) - rank(b, v.now) || byOrder(a, b));
    const plan = v.layout(all);
    const runs = new Set<WaitingJob>(v.running());
    let busy = false;
    all.forEach((job, i) => {
      if (!runs.has(job)) return;
      const r = job as RunningJob;
      if (r.stopping) busy = true;
      else if (r.startedUs >= 0 && r.startedUs < v.now && String(plan[i]) !== String(v.nodesOf(r))) {
        v.preempt(r, null);
        busy = true;
      }
    });
    if (busy) return;
    all.forEach((job, i) => {
      if (plan[i] !== null && !runs.has(job)) v.start(job, null);
    });
  };
  return new SlowQueueing(name, machines, o.preempt, o.migrate === true ? afresh : pass, (v) =>
    Math.min(wake, more(v)),
  );
}

export const gpus = (j: WaitingJob): number => j.shape.totalMilli / 1000;

export const listRules: Record<string, (m: Machines, p: Params) => QueueingPolicy> = {
  fifo: (m) =>
    new SlowQueueing('fifo', m, false, (v, waiting) => {
      for (const j of waiting) if (!v.start(j, null)) return;
    }),
  sjf: (m, p) => ranked('sjf', m, (j) => j.spec.estimateUs, {}, { preempt: false, skip: p['skip'] === true }),
  'fifo-skip': (m, p) =>
    new SlowQueueing('fifo-skip', m, false, (v, waiting) => {
      const hold = (p['holdUs'] as number | undefined) ?? 3_600_000_000;
      for (const j of waiting) if (!v.start(j, null) && v.now - j.sinceUs >= hold) return;
    }),
  easy: (m) =>
    new SlowQueueing('easy', m, false, (v, waiting) => {
      let head = waiting.shift();
      while (head !== undefined && v.start(head, null)) head = waiting.shift();
      if (head === undefined) return;
      const r = v.reserve(head);
      for (const j of waiting) v.start(j, r === null || v.now + j.spec.limitUs <= r.startUs ? null : r.nodes);
    }),
  conservative: (m, p) =>
    new SlowQueueing('conservative', m, false, (v, waiting) => {
      const depth = (p['depth'] as number | undefined) ?? 64;
      const promised: Reservation[] = [];
      const on = (list: Reservation[]): NodeSet => ({ has: (n) => list.some((r) => r.nodes.has(n)) });
      for (const j of waiting) {
        const until = v.now + j.spec.limitUs;
        if (v.start(j, on(promised.filter((r) => r.startUs < until))) || promised.length >= depth) continue;
        const all: NodeSet = {
          has: (n) => j.shape.groups.some((g) => g.shape.allowed[v.cluster.classOf(n)] === 1),
        };
        promised.push(v.reserve(j, on(promised)) ?? { startUs: v.now, nodes: all });
      }
    }),
  srtf: (m, p) => ranked('srtf', m, remaining, p, { preempt: true, skip: true }),
  srsf: (m, p) => ranked('srsf', m, (j, now) => remaining(j, now) * gpus(j), p, { preempt: true, skip: true }),
  las: (m, p) => {
    const limits = (p['limitsGpuUs'] as number[] | undefined) ?? [3_250_000_000, 7_200_000_000];
    const queue: Rank = (j, now) => limits.filter((l) => attained(j, now) * gpus(j) >= l).length;
    const falls = (v: SchedulerView): number =>
      Math.min(
        NEVER,
        ...v.running().map((r) => {
          const limit = limits[queue(r, v.now)];
          if (limit === undefined || r.stopping) return NEVER;
          const needs = Math.ceil(limit / gpus(r) / 1e6) * 1e6;
          return Math.max(v.now + 1, (running(r) ? r.startedUs : v.now) + needs - r.servedUs);
        }),
      );
    return ranked('las', m, queue, p, { preempt: true, skip: true }, undefined, falls);
  },
  priority: (m, p) => {
    const age = (p['ageingUs'] as number | undefined) ?? 0;
    const rank: Rank = (j) => (age === 0 ? -j.spec.priority : j.sinceUs - j.spec.priority * age);
    const may = (a: WaitingJob, b: RunningJob) => b.spec.priority < a.spec.priority;
    const victim = (a: RunningJob, b: RunningJob) => a.spec.priority - b.spec.priority || b.lease - a.lease;
    return ranked('priority', m, rank, p, { preempt: false, skip: false }, may, undefined, victim);
  },
  edf: (m, p) => {
    const rank: Rank = (j) => (j.spec.deadlineUs === undefined ? NEVER : j.submittedUs + j.spec.deadlineUs);
    return ranked('edf', m, rank, p, { preempt: false, skip: false });
  },
  'fair-share': (m, p) =>
    new SlowQueueing('fair-share', m, false, (v, waiting) => {
      const all = v.cluster.capacity();
      const held = (user: string, of: (s: TaskShape) => number) =>
        v
          .running()
          .filter((r) => r.spec.user === user)
          .reduce((n, r) => {
            const tasks = (all: number): number => (r.shape.least === undefined ? all : v.nodesOf(r).length);
            return n + r.shape.groups.reduce((k, g) => k + tasks(g.tasks) * of(g.shape), 0);
          }, 0);
      const part = (used: number, whole: number) => (whole > 0 ? used / whole : 0);
      const share = (user: string): number => {
        const gpu = part(
          held(user, (s) => s.gpus * s.gpuMilli),
          all.milli,
        );
        const cpu = part(
          held(user, (s) => s.cpuMilli),
          all.cpu,
        );
        const ram = part(
          held(user, (s) => s.ramMiB),
          all.ram,
        );
        const weight = (p['weights'] as Record<string, number> | undefined)?.[user] ?? 1;
        return (p['share'] === 'gpu' ? gpu : Math.max(gpu, cpu, ram)) / weight;
      };
      const passed = new Set<string>();
      for (;;) {
        const heads = [...new Set(waiting.map((j) => j.spec.user))]
          .filter((u) => !passed.has(u))
          .map((u) => ({ u, s: share(u), job: waiting.find((j) => j.spec.user === u)! }))
          .sort((a, b) => a.s - b.s || byOrder(a.job, b.job));
        if (heads.length === 0) return;
        if (v.start(heads[0]!.job, null)) waiting.splice(waiting.indexOf(heads[0]!.job), 1);
        else passed.add(heads[0]!.u);
      }
    }),
};
