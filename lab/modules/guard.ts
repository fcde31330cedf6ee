/**
 * A user's module behind core's interfaces. It sees copies and read-only faces of the state, its answers are checked before
 * core acts on them, its steps are counted; whatever it does wrong ends the run with one line that names its file.
 */
import type {
  Bid,
  Bidder,
  BidRequest,
  ClusterView,
  Eviction,
  GangShape,
  JobSpec,
  NodeAllocation,
  PlacementContext,
  PlacementPolicy,
  PricingInput,
  PricingMechanism,
  QueueingPolicy,
  RunningJob,
  SchedulerView,
  TaskShape,
  WaitingJob,
  WaitReason,
} from '../../core/interfaces.ts';
import type { Cluster } from '../../core/pool/cluster.ts';
import { ModuleFault } from './fault.ts';
import { CORE_CALL_STEPS, faultOf, type LoadedModule, show } from './load.ts';

/** Plain data, frozen all the way down. Typed arrays cannot be frozen: they are copied. */
function frozen<T>(value: T): T {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value;
  if (ArrayBuffer.isView(value)) return value;
  for (const v of Object.values(value)) frozen(v);
  return Object.freeze(value);
}

const shapes = new WeakMap<TaskShape, TaskShape>();
function shapeFace(shape: TaskShape): TaskShape {
  let face = shapes.get(shape);
  if (face === undefined) {
    face = Object.freeze({ ...shape, allowed: shape.allowed.slice() });
    shapes.set(shape, face);
  }
  return face;
}

const gangs = new WeakMap<GangShape, GangShape>();
function gangFace(gang: GangShape): GangShape {
  let face = gangs.get(gang);
  if (face === undefined) {
    face = frozen({
      id: gang.id,
      groups: gang.groups.map((g) => ({ tasks: g.tasks, shape: shapeFace(g.shape) })),
      totalMilli: gang.totalMilli,
    });
    gangs.set(gang, face);
  }
  return face;
}

const specs = new WeakMap<JobSpec, JobSpec>();
function specFace(spec: JobSpec): JobSpec {
  let face = specs.get(spec);
  if (face === undefined) {
    face = frozen(structuredClone(spec));
    specs.set(spec, face);
  }
  return face;
}

/** A job, for reading: what changes while it waits and runs is read from core at the moment it is asked for. */
class JobFace implements RunningJob {
  readonly #job: RunningJob;
  constructor(job: RunningJob) {
    this.#job = job;
    Object.freeze(this);
  }
  get spec(): JobSpec {
    return specFace(this.#job.spec);
  }
  get shape(): GangShape {
    return gangFace(this.#job.shape);
  }
  get order(): number {
    return this.#job.order;
  }
  get sinceUs(): number {
    return this.#job.sinceUs;
  }
  get submittedUs(): number {
    return this.#job.submittedUs;
  }
  get lease(): number {
    return this.#job.lease;
  }
  get servedUs(): number {
    return this.#job.servedUs;
  }
  get remainingUs(): number {
    return this.#job.remainingUs;
  }
  get pledged(): number {
    return this.#job.pledged;
  }
  get startedUs(): number {
    return this.#job.startedUs;
  }
  get stopping(): boolean {
    return this.#job.stopping;
  }
}

/** Calls into one module: counted, and what they throw is named. What core or this guard throws while the
 * module asks goes on as it is, caught or not. */
class Caller {
  readonly loaded: LoadedModule;
  #fromCore: { error: unknown } | null = null;
  #depth = 0;

  constructor(loaded: LoadedModule) {
    this.loaded = loaded;
  }

  call<T>(method: string, f: () => T): T {
    const { budget, source } = this.loaded;
    if (this.#depth === 0) budget.begin();
    this.#depth++;
    this.#fromCore = null;
    try {
      const answer = f();
      this.#raise();
      return answer;
    } catch (e) {
      this.#raise();
      throw faultOf(source, `${method}()`, e, budget.limit);
    } finally {
      this.#depth--;
    }
  }

  /** A module that caught an error of core's does not make it undone. */
  #raise(): void {
    const kept = this.#fromCore;
    if (kept === null) return;
    this.#fromCore = null;
    throw kept.error;
  }

  /** What the module asks of core. */
  core<T>(f: () => T): T {
    this.loaded.budget.spend(CORE_CALL_STEPS);
    try {
      return f();
    } catch (e) {
      this.#fromCore ??= { error: e };
      throw e;
    }
  }

  /** Inside a call the module might catch it: it counts all the same. */
  refuse(what: string): never {
    const fault = new ModuleFault(this.loaded.source.file, what);
    if (this.#depth > 0) this.#fromCore ??= { error: fault };
    throw fault;
  }
}

/** The machines, for reading. Arrays are copies: what a module writes into them is found out. */
class ClusterFace implements ClusterView {
  readonly #real: ClusterView;
  readonly #arrays = new Map<'freeMilliByNode' | 'freeWholeByNode', { given: Int32Array; kept: Int32Array }>();

  constructor(real: ClusterView) {
    this.#real = real;
  }

  #array(name: 'freeMilliByNode' | 'freeWholeByNode'): Int32Array {
    let a = this.#arrays.get(name);
    if (a === undefined) {
      a = { given: this.#real[name].slice(), kept: this.#real[name].slice() };
      this.#arrays.set(name, a);
    }
    return a.given;
  }

  /** Name of an array that was written to; afterwards they show the present state again. */
  settle(): string | null {
    let written: string | null = null;
    for (const [name, a] of this.#arrays) {
      for (let i = 0; i < a.kept.length; i++) if (a.given[i] !== a.kept[i]) written ??= name;
      a.given.set(this.#real[name]);
      a.kept.set(this.#real[name]);
    }
    return written;
  }

  get freeMilliByNode(): Int32Array {
    return this.#array('freeMilliByNode');
  }
  get freeWholeByNode(): Int32Array {
    return this.#array('freeWholeByNode');
  }
  get nodeCount(): number {
    return this.#real.nodeCount;
  }
  get classCount(): number {
    return this.#real.classCount;
  }
  get freedVersion(): number {
    return this.#real.freedVersion;
  }
  get changeCount(): number {
    return this.#real.changeCount;
  }
  get changesKept(): number {
    return this.#real.changesKept;
  }
  capacity(): { readonly milli: number; readonly cpu: number; readonly ram: number } {
    return Object.freeze({ ...this.#real.capacity() });
  }
  changedNode(change: number): number {
    return this.#real.changedNode(change);
  }
  classOf(node: number): number {
    return this.#real.classOf(node);
  }
  gpusOf(node: number): number {
    return this.#real.gpusOf(node);
  }
  gpusInService(node: number): number {
    return this.#real.gpusInService(node);
  }
  freeWholeGpus(node: number): number {
    return this.#real.freeWholeGpus(node);
  }
  freeMilli(node: number): number {
    return this.#real.freeMilli(node);
  }
  freeMilliOf(node: number, gpu: number): number {
    return this.#real.freeMilliOf(node, gpu);
  }
  freeMemoryOf(node: number, gpu: number): number {
    return this.#real.freeMemoryOf(node, gpu);
  }
  freeCpuMilli(node: number): number {
    return this.#real.freeCpuMilli(node);
  }
  freeRamMiB(node: number): number {
    return this.#real.freeRamMiB(node);
  }
  isUp(node: number): boolean {
    return this.#real.isUp(node);
  }
  gpuFits(node: number, gpu: number, shape: TaskShape): boolean {
    return this.#real.gpuFits(node, gpu, shape);
  }
  slicesOf(node: number, gpu: number): number {
    return this.#real.slicesOf(node, gpu);
  }
  fits(node: number, shape: TaskShape): boolean {
    return this.#real.fits(node, shape);
  }
  mayFit(shape: TaskShape): boolean {
    return this.#real.mayFit(shape);
  }
  allocationsOf(node: number): readonly NodeAllocation[] {
    return Object.freeze(
      this.#real
        .allocationsOf(node)
        .map(({ gpus, gpuMilli, cpuMilli, ramMiB }) => frozen({ gpus: [...gpus], gpuMilli, cpuMilli, ramMiB })),
    );
  }
  holdsImage(node: number, image: string): boolean {
    return this.#real.holdsImage(node, image);
  }
  diskRoomMiB(node: number): number {
    return this.#real.diskRoomMiB(node);
  }
  lossesOf(node: number): number {
    return this.#real.lossesOf(node);
  }
  rackOf(node: number): number {
    return this.#real.rackOf(node);
  }
  islandOf(node: number): number {
    return this.#real.islandOf(node);
  }
}

/** One face per cluster, so that a policy may keep caches for it. */
class Faces {
  readonly #clusters = new WeakMap<ClusterView, ClusterFace>();
  of(cluster: ClusterView): ClusterFace {
    let face = this.#clusters.get(cluster);
    if (face === undefined) {
      face = new ClusterFace(cluster);
      this.#clusters.set(cluster, face);
    }
    face.settle();
    return face;
  }
}

function build<T extends object>(caller: Caller, needs: readonly (keyof T & string)[], create: () => T): T {
  const made = caller.call('create', create);
  if (made === null || typeof made !== 'object')
    caller.refuse(`create() answered ${show(made)}; return an object with ${needs.join(', ')}`);
  for (const name of needs)
    if (typeof made[name] !== 'function') caller.refuse(`create() answered an object without ${name}(); write it`);
  return made;
}

export function guardedPlacement(loaded: LoadedModule, params: Record<string, unknown>): PlacementPolicy {
  const caller = new Caller(loaded);
  const { module } = loaded;
  if (module.kind !== 'placement') throw wrongKind(loaded, 'placement');
  const own = build(caller, ['choose', 'reset'], () => module.create(frozen(structuredClone(params))));
  const faces = new Faces();
  const context = (c: PlacementContext): PlacementContext =>
    Object.freeze({
      chosen: Object.freeze([...c.chosen]),
      rateOf: (gpuClass: number) => c.rateOf(gpuClass),
      draw: (purpose: string, n: number) => c.draw(purpose, n),
    });
  const untouched = (face: ClusterFace, method: string): void => {
    const written = face.settle();
    if (written !== null)
      caller.refuse(`${method}() wrote to cluster.${written}; state is for reading only, copy what you change`);
  };
  const policy: PlacementPolicy = {
    name: loaded.name,
    choose(cluster, shape, avoid, c) {
      const face = faces.of(cluster);
      const node = caller.call('choose', () => own.choose(face, shapeFace(shape), avoid, context(c)));
      untouched(face, 'choose');
      if (node === -1) return node;
      if (!Number.isInteger(node) || node < 0 || node >= cluster.nodeCount)
        caller.refuse(`choose() answered ${show(node)}; answer a node from 0 to ${cluster.nodeCount - 1}, or -1`);
      if (avoid?.has(node) === true)
        caller.refuse(`choose() answered node ${node}, which is in avoid; leave those out`);
      if (!cluster.fits(node, shape))
        caller.refuse(`choose() answered node ${node}, where the task does not fit; ask cluster.fits(node, shape)`);
      return node;
    },
    reset() {
      caller.call('reset', () => own.reset());
    },
  };
  if (own.pickGpus !== undefined) {
    policy.pickGpus = (cluster, node, shape, out, c) => {
      const face = faces.of(cluster);
      const picked: number[] = [];
      caller.call('pickGpus', () => own.pickGpus!(face, node, shapeFace(shape), picked, context(c)));
      untouched(face, 'pickGpus');
      const sorted = [...picked].sort((a, b) => a - b);
      if (!(cluster as Cluster).gpusFit(node, shape, sorted))
        caller.refuse(`pickGpus() answered GPUs ${show(picked)} of node ${node}, which do not fit the task`);
      out.push(...picked);
    };
  }
  return policy;
}

/** Jobs between core and a module: one face each, and the way back. */
class JobFaces {
  readonly #faceOf = new WeakMap<WaitingJob, RunningJob>();
  readonly #realOf = new WeakMap<WaitingJob, RunningJob>();
  readonly waiting = new Set<WaitingJob>();
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  face(job: WaitingJob): RunningJob {
    let face = this.#faceOf.get(job);
    if (face === undefined) {
      face = new JobFace(job as RunningJob);
      this.#faceOf.set(job, face);
      this.#realOf.set(face, job as RunningJob);
    }
    return face;
  }

  known(face: WaitingJob, method: string): RunningJob {
    const job = face !== null && typeof face === 'object' ? this.#realOf.get(face) : undefined;
    return (
      job ??
      this.#caller.refuse(
        `schedule() called ${method}() with ${named(face)}, which core did not give; use the jobs of add() and running()`,
      )
    );
  }

  waits(face: WaitingJob, method: string): WaitingJob {
    const job = face !== null && typeof face === 'object' ? this.#realOf.get(face) : undefined;
    if (job === undefined || !this.waiting.has(job))
      this.#caller.refuse(
        `schedule() called ${method}() with ${named(face)}, which does not wait; use the jobs that add() gave and forget them on remove()`,
      );
    return job!;
  }
}

const named = (job: WaitingJob): string => (job?.spec?.job === undefined ? show(job) : `job ${job.spec.job}`);

export function guardedQueueing(loaded: LoadedModule, params: Record<string, unknown>): QueueingPolicy {
  const caller = new Caller(loaded);
  const { module } = loaded;
  if (module.kind !== 'queueing') throw wrongKind(loaded, 'queueing');
  const own = build(caller, ['add', 'remove', 'schedule', 'reset'], () =>
    module.create(frozen(structuredClone(params))),
  );
  const faces = new Faces();
  const jobs = new JobFaces(caller);
  const reading = (face: ClusterFace): void => {
    const written = face.settle();
    if (written !== null)
      caller.refuse(`schedule() wrote to cluster.${written}; state is for reading only, copy what you change`);
  };
  const viewOf = (view: SchedulerView, face: ClusterFace): SchedulerView => {
    const ask = <T>(f: () => T): T => {
      reading(face);
      const answer = caller.core(f);
      face.settle();
      return answer;
    };
    const eviction = (e: Eviction): Eviction => ({
      may: (job) => e.may(jobs.face(job)),
      order: (a, b) => e.order(jobs.face(a), jobs.face(b)),
      ...(e.candidates === undefined
        ? {}
        : { candidates: () => [...e.candidates!()].map((job) => jobs.known(job, 'victims')) }),
    });
    return Object.freeze<SchedulerView>({
      now: view.now,
      cluster: face,
      start: (job, avoid, most) => {
        const which = jobs.waits(job, 'start');
        return ask(() => view.start(which, avoid, most));
      },
      reserve: (job, avoid) => {
        const which = jobs.known(job, 'reserve');
        const r = ask(() => view.reserve(which, avoid));
        return r === null ? null : Object.freeze({ ...r });
      },
      running: () => Object.freeze(view.running().map((job) => jobs.face(job))),
      victims: (job, e) => {
        const which = jobs.known(job, 'victims');
        return ask(() => view.victims(which, eviction(e)))?.map((v) => jobs.face(v)) ?? null;
      },
      preempt: (job, inFavourOf) => {
        const which = jobs.known(job, 'preempt');
        const whom = inFavourOf === null ? null : jobs.known(inFavourOf, 'preempt');
        ask(() => view.preempt(which, whom));
      },
      layout: (list) => {
        const which = [...list].map((job) => jobs.known(job, 'layout'));
        return ask(() => view.layout(which));
      },
      nodesOf: (job) => Object.freeze([...view.nodesOf(jobs.known(job, 'nodesOf'))]),
    });
  };
  const policy: QueueingPolicy = {
    name: loaded.name,
    preemptive: own.preemptive === true,
    add(job) {
      jobs.waiting.add(job);
      caller.call('add', () => own.add(jobs.face(job)));
    },
    remove(job) {
      if (jobs.waiting.delete(job)) caller.call('remove', () => own.remove(jobs.face(job)));
    },
    schedule(view) {
      const face = faces.of(view.cluster);
      caller.call('schedule', () => own.schedule(viewOf(view, face)));
      reading(face);
    },
    reset() {
      jobs.waiting.clear();
      caller.call('reset', () => own.reset());
    },
  };
  if (own.classesFor !== undefined)
    policy.classesFor = (spec, may) => {
      const given = Object.freeze([...may]);
      const said = caller.call('classesFor', () => own.classesFor!(specFace(spec), given)) as unknown;
      const kept = Array.isArray(said) ? may.filter((c) => said.includes(c)) : [];
      if (!Array.isArray(said) || said.length !== kept.length)
        caller.refuse(`classesFor() answered ${show(said)}; answer a list of some of the classes ${may.join(', ')}`);
      return kept.length === may.length ? may : kept;
    };
  if (own.started !== undefined) policy.started = (job) => caller.call('started', () => own.started!(jobs.face(job)));
  if (own.ended !== undefined) policy.ended = (job) => caller.call('ended', () => own.ended!(jobs.face(job)));
  if (own.changed !== undefined) policy.changed = (job) => caller.call('changed', () => own.changed!(jobs.face(job)));
  if (own.snapshot !== undefined)
    policy.snapshot = () => caller.call('snapshot', () => structuredClone(own.snapshot!()));
  if (own.restore !== undefined)
    policy.restore = (state) => caller.call('restore', () => own.restore!(structuredClone(state)));
  if (own.nextWakeup !== undefined)
    policy.nextWakeup = (view) => {
      const at = caller.call('nextWakeup', () => own.nextWakeup!(viewOf(view, faces.of(view.cluster))));
      if (!Number.isSafeInteger(at) || at <= view.now)
        caller.refuse(`nextWakeup() answered ${show(at)}; answer a whole stamp after now (${view.now}), or NEVER`);
      return at;
    };
  if (own.explain !== undefined)
    policy.explain = (job, view): WaitReason | null => {
      const said = caller.call('explain', () => own.explain!(jobs.face(job), viewOf(view, faces.of(view.cluster))));
      return said === null || said === undefined ? null : { code: String(said.code), about: String(said.about) };
    };
  return policy;
}

export function guardedPricing(
  loaded: LoadedModule,
  params: Record<string, unknown>,
  classes: readonly string[],
): PricingMechanism {
  const caller = new Caller(loaded);
  const { module } = loaded;
  if (module.kind !== 'pricing') throw wrongKind(loaded, 'pricing');
  const own = build(caller, ['clear'], () => module.create(frozen(structuredClone(params)), frozen([...classes])));
  return {
    name: loaded.name,
    clear(input: PricingInput) {
      const rates = caller.call('clear', () => own.clear(frozen(structuredClone(input)))) as unknown;
      if (!Array.isArray(rates) || rates.length !== classes.length)
        caller.refuse(`clear() answered ${show(rates)}; answer one rate for each of ${classes.join(', ')}`);
      const list = rates as unknown[];
      list.forEach((r, i) => {
        if (!Number.isSafeInteger(r) || (r as number) < -1)
          caller.refuse(
            `clear() answered ${show(r)} for ${classes[i]}; answer whole micro-units per GPU-hour of at least 0, or -1 to sell none`,
          );
      });
      return [...(list as number[])];
    },
  };
}

export function guardedBidder(loaded: LoadedModule, params: Record<string, unknown>): Bidder {
  const caller = new Caller(loaded);
  const { module } = loaded;
  if (module.kind !== 'bidder') throw wrongKind(loaded, 'bidder');
  const own = build(caller, ['bid'], () => module.create(frozen(structuredClone(params))));
  return {
    bid(job: BidRequest): Bid | null {
      const { draw, ...plain } = job;
      const answer = caller.call('bid', () =>
        own.bid(Object.freeze({ ...frozen(structuredClone(plain)), draw })),
      ) as Bid | null;
      if (answer === null) return null;
      const bids = answer?.bids as unknown;
      if (
        !Array.isArray(bids) ||
        bids.length !== job.worth.length ||
        bids.some((b) => !Number.isSafeInteger(b) || b < 0)
      )
        caller.refuse(
          `bid() answered ${show(answer)}; answer null or { bids }, whole micro-units per GPU-hour of at least 0 for each of ${job.worth.map((w) => w.name).join(', ')}`,
        );
      const patienceUs = answer.patienceUs ?? job.patienceUs;
      if (!Number.isSafeInteger(patienceUs) || patienceUs < 0)
        caller.refuse(
          `bid() answered a patience of ${show(patienceUs)}; answer whole microseconds of at least 0, or NEVER`,
        );
      return { bids: [...(bids as number[])], patienceUs };
    },
  };
}

function wrongKind(loaded: LoadedModule, wanted: string): ModuleFault {
  return new ModuleFault(loaded.source.file, `is a ${loaded.kind} module, but the scenario names it for ${wanted}`);
}
