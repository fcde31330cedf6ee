/**
 * A pool's decisions about time and place: asks the queueing policy, tries placements, finds whom to preempt. It changes the
 * picture of the machines only by what it grants; everything else it tries is undone.
 */
import type {
  Eviction,
  GangShape,
  NodeSet,
  PlacementPolicy,
  QueueingPolicy,
  Reservation,
  RunningJob,
  SchedulerView,
  TaskShape,
  WaitingJob,
} from '../interfaces.ts';
import { empty } from '../lists.ts';
import { Code, type JobSpec, jobOfHold, type MarketConfig, NEVER, type TimeUs } from '../types.ts';
import type { Cluster } from './cluster.ts';
import { GangContext, placeGang, Trial } from './gang-placement.ts';
import { JobState, type PoolJob } from './job.ts';
import type { LeaseBook, Part } from './leases.ts';
import { RoomBound } from './room-bound.ts';
import type { Roster } from './roster.ts';

/** What the scheduler asks of its pool. */
export interface SchedulerHost {
  readonly now: TimeUs;
  job(number: number): PoolJob | undefined;
  jobs(): Iterable<PoolJob>;
  grant(job: PoolJob, parts: Part[]): void;
  /** Tells the nodes to end the job's attempt. */
  yield(job: PoolJob, now: TimeUs): void;
}

/** Nodes tried for one job before preemption looks for room over the whole pool. */
const NODES_TRIED = 64;
/** Nodes whose victims are compared once one is found. */
const NODES_COMPARED = 8;
/** Running jobs up to which room for one task is also looked for over the whole pool. */
const MOST_CANDIDATES = 4096;

export class Scheduler implements SchedulerView {
  readonly #host: SchedulerHost;
  readonly #roster: Roster;
  readonly #leases: LeaseBook;
  readonly #queueing: QueueingPolicy;
  readonly #newPlacement: () => PlacementPolicy;
  readonly #placement: PlacementPolicy;
  readonly #context: GangContext;
  readonly #bound = new RoomBound();
  /** The search for victims that last tried each node. */
  #triedIn = new Float64Array(0);
  #searches = 0;
  /** Made when first asked, forgotten when the machines change. */
  #trial: Trial | null = null;
  #shadow: Shadow | null = null;
  readonly #waitingMilli: Float64Array;
  #waitingMilliInAll = 0;
  #waiting = 0;
  /** Jobs with a lease that are not given up, kept only for policies that move them. */
  readonly #running: PoolJob[] = [];
  #runningList: PoolJob[] | null = null;
  /** Something changed that could let a job start. */
  dirty = false;
  /** Jobs that wait for Settlement's answer since stamp `#askedUs`. */
  #asked = 0;
  #askedUs = -1;
  wakeUs: TimeUs = NEVER;

  constructor(
    host: SchedulerHost,
    config: MarketConfig,
    roster: Roster,
    leases: LeaseBook,
    queueing: QueueingPolicy,
    newPlacement: () => PlacementPolicy,
  ) {
    this.#host = host;
    this.#roster = roster;
    this.#leases = leases;
    this.#queueing = queueing;
    this.#newPlacement = newPlacement;
    this.#placement = newPlacement();
    this.#context = new GangContext(config.key);
    this.#waitingMilli = new Float64Array(config.classes.length);
  }

  get now(): TimeUs {
    return this.#host.now;
  }
  get cluster(): Cluster {
    return this.#roster.cluster;
  }
  get waiting(): number {
    return this.#waiting;
  }
  /** Milli-GPU asked for by the jobs that wait; `waitingMilli`: by class, each job in every class it may use. */
  get waitingMilliInAll(): number {
    return this.#waitingMilliInAll;
  }
  get waitingMilli(): Float64Array {
    return this.#waitingMilli;
  }

  // ---- what the pool says ----

  /** The job's money is asked for at this stamp. */
  asked(): void {
    if (this.#askedUs !== this.now) this.#asked = 0;
    this.#askedUs = this.now;
    this.#asked++;
  }
  answered(): void {
    if (this.#askedUs === this.now && this.#asked > 0) this.#asked--;
  }

  add(job: PoolJob): void {
    this.count(job, 1);
    this.#queueing.add(job);
    this.dirty = true;
  }

  remove(job: PoolJob): void {
    this.count(job, -1);
    this.#queueing.remove(job);
  }

  count(job: PoolJob, sign: 1 | -1): void {
    this.#waiting += sign;
    this.#waitingMilliInAll += sign * job.shape.totalMilli;
    for (const c of job.quote!.classes) this.#waitingMilli[c]! += sign * job.shape.totalMilli;
  }

  /** The job has a lease, or none any more. */
  leased(job: PoolJob, has: boolean): void {
    if (this.#queueing.preemptive !== true && this.#queueing.started === undefined) return;
    if (has === job.slot >= 0) return;
    if (has) job.slot = this.#running.push(job) - 1;
    else this.#unlist(job);
    this.#runningList = null;
    if (has) this.#queueing.started?.(job);
    else this.#queueing.ended?.(job);
  }

  /** The last one takes its place. */
  #unlist(job: PoolJob): void {
    const last = this.#running.pop()!;
    if (last !== job) {
      this.#running[job.slot] = last;
      last.slot = job.slot;
    }
    job.slot = -1;
  }

  /** What a policy that heard of the job may go by is not what it was. */
  changed(job: PoolJob): void {
    if (job.slot >= 0) this.#queueing.changed?.(job);
  }

  /** A job came up: now it may be moved. */
  up(job: PoolJob): void {
    this.changed(job);
    if (this.#queueing.preemptive === true && this.#waiting > 0) this.dirty = true;
  }

  /** First stamp at which the policy must be asked again. */
  nextWakeup(): TimeUs {
    // Answers that did not come within their stamp are not waited for any longer.
    return this.dirty ? Math.min(this.wakeUs, this.now + 1) : this.wakeUs;
  }

  run(): void {
    if (this.wakeUs <= this.now) this.dirty = true;
    if (!this.dirty) return;
    const moves = this.#queueing.preemptive === true;
    if (moves && this.#asked > 0 && this.#askedUs === this.now) {
      // The answer may come at this stamp, or over a wire.
      if (this.wakeUs <= this.now) this.wakeUs = this.now + 1;
      return;
    }
    this.dirty = false;
    this.wakeUs = NEVER;
    if (this.#waiting === 0 && !(moves && this.#running.length > 0)) return;
    this.#queueing.schedule(this);
    const next = this.#queueing.nextWakeup?.(this) ?? NEVER;
    if (next <= this.now)
      throw new Error(`queueing policy ${this.#queueing.name} asks to be woken at ${next}, not after ${this.now}`);
    this.wakeUs = next;
  }

  /** Of the classes that a job may use those on which the policy would start it. */
  classesFor(spec: JobSpec, may: readonly number[]): readonly number[] {
    return this.#queueing.classesFor?.(spec, may) ?? may;
  }

  /** Could the gang run here if every machine were up and empty? */
  everFits(shape: GangShape): boolean {
    this.#trial ??= new Trial(this.#roster.emptyCopy(), this.#newPlacement());
    return this.#trial.fits(shape);
  }

  /** What the policy remembers. */
  memory(): unknown {
    return this.#queueing.snapshot?.() ?? null;
  }

  /** Forgets what is kept to be quick and tells the policy anew what stands; decisions do not change by it. */
  rebuild(memory: unknown): void {
    this.#trial = null;
    this.#shadow = null;
    this.#placement.reset();
    this.#queueing.reset();
    for (const j of this.#running) j.slot = -1;
    empty(this.#running);
    this.#runningList = null;
    const jobs = [...this.#host.jobs()].sort((a, b) => a.order - b.order);
    for (const j of jobs) {
      if (j.state === JobState.waiting) this.#queueing.add(j);
    }
    for (const j of jobs.sort((a, b) => a.lease - b.lease || a.order - b.order))
      if (j.state === JobState.leased && !j.over) this.leased(j, true);
    if (memory !== null) this.#queueing.restore?.(memory);
  }

  // ---- SchedulerView: what a queueing policy may do ----

  start(waiting: WaitingJob, avoid: NodeSet | null, most?: number): boolean {
    const job = this.#waitingJob(waiting);
    const parts = this.#place(job, avoid, most);
    if (parts === null) return false;
    this.remove(job);
    this.#host.grant(job, parts);
    this.leased(job, true);
    return true;
  }

  #waitingJob(waiting: WaitingJob): PoolJob {
    const job = this.#host.job(waiting.spec.job);
    if (job === undefined || job !== waiting || job.state !== JobState.waiting) {
      throw new Error(`queueing policy ${this.#queueing.name} proposed job ${waiting.spec.job}, which is not waiting`);
    }
    return job;
  }

  #place(job: PoolJob, avoid: NodeSet | null, most?: number): Part[] | null {
    return placeGang(this.cluster, this.#placement, job.shape, avoid, this.#context.of(job.hold, job.quote), most);
  }

  reserve(waiting: WaitingJob, avoid: NodeSet | null = null): Reservation | null {
    return this.#roster.forecast.reserve(this.now, waiting.shape, avoid);
  }

  running(): readonly RunningJob[] {
    this.#runningList ??= [...this.#running].sort((a, b) => a.order - b.order);
    return this.#runningList;
  }

  #parts(job: RunningJob): readonly Part[] {
    return this.#leases.get((job as PoolJob).lease)?.parts ?? [];
  }

  nodesOf(job: RunningJob): readonly number[] {
    return this.#parts(job).map((p) => p.node);
  }

  preempt(running: RunningJob, inFavourOf: WaitingJob | null): void {
    const job = this.#host.job(running.spec.job);
    if (job !== running || !movable(job, this.now) || job.closing !== Code.ok) {
      throw new Error(`queueing policy ${this.#queueing.name} preempts job ${running.spec.job}, which is not up`);
    }
    job.stopping = true;
    if (inFavourOf !== null) {
      const waiting = this.#waitingJob(inFavourOf);
      waiting.pledged++;
      job.yieldsTo = waiting.spec.job;
    }
    this.#host.yield(job, this.now);
    this.changed(job);
  }

  /** The job has given its machines back, or lost its claim to anybody's room. */
  gone(job: PoolJob): void {
    if (job.yieldsTo !== 0) {
      const heir = this.#host.job(job.yieldsTo);
      if (heir !== undefined && heir.pledged > 0) heir.pledged--;
      job.yieldsTo = 0;
    }
  }

  victims(waiting: WaitingJob, eviction: Eviction): RunningJob[] | null {
    const job = this.#waitingJob(waiting);
    const may = (j: PoolJob) => movable(j, this.now) && j.closing === Code.ok && eviction.may(j);
    const { groups } = waiting.shape;
    // Asked for while others are being made room for, it may fit as it is.
    if (this.#bound.open(this.cluster, waiting.shape) && this.#wouldFit(job)) return [];
    if (groups.length === 1 && groups[0]!.tasks === 1) {
      const found = this.#victimsOnOneNode(job, groups[0]!.shape, eviction, may);
      if (found !== null || this.#running.length > MOST_CANDIDATES) return found;
    }
    return this.#least(job, this.#first(eviction), may);
  }

  /** Running jobs, first victims first. */
  #first(eviction: Eviction): Iterable<PoolJob> {
    const known = eviction.candidates?.() as Iterable<PoolJob> | undefined;
    if (known !== undefined) return known;
    return [...this.#running].filter((j) => movable(j, this.now)).sort((a, b) => eviction.order(a, b));
  }

  /** On the nodes of the jobs that go first: one node is disturbed, and jobs elsewhere are left alone. */
  #victimsOnOneNode(
    job: PoolJob,
    shape: TaskShape,
    eviction: Eviction,
    may: (j: PoolJob) => boolean,
  ): PoolJob[] | null {
    if (this.#triedIn.length < this.cluster.nodeCount) this.#triedIn = new Float64Array(this.cluster.nodeCount);
    const search = ++this.#searches;
    let tried = 0;
    let best: PoolJob[] | null = null;
    // Of a few nodes the one whose most valuable victim is worth least, then the one with fewest.
    const better = (found: PoolJob[]): boolean => {
      if (best === null) return true;
      const worth = eviction.order(found[found.length - 1]!, best[best.length - 1]!);
      return worth < 0 || (worth === 0 && found.length < best.length);
    };
    for (const c of this.#first(eviction)) {
      if (!may(c)) continue;
      for (const { node } of this.#parts(c)) {
        if (this.#triedIn[node] === search) continue;
        if (tried >= NODES_TRIED || (best !== null && tried >= NODES_COMPARED)) return best;
        this.#triedIn[node] = search;
        tried++;
        if (!this.cluster.fitsEmpty(node, shape)) continue;
        const here = this.#movableOn(node, may);
        let maybe = this.#bound.open(this.cluster, job.shape);
        for (let i = 0; i < here.length && !maybe; i++) maybe = this.#bound.add(this.cluster, this.#parts(here[i]!));
        if (!maybe) continue;
        if (here.length > 1) here.sort((a, b) => eviction.order(a, b));
        const found = this.#least(job, here, () => true);
        if (found === null) continue;
        // Nobody cheaper than the very next in line will come.
        if (found.length === 1 && found[0] === c) return best === null || better(found) ? found : best;
        if (better(found)) best = found;
      }
    }
    return best;
  }

  /** Jobs with a part on the node that may go. */
  #movableOn(node: number, may: (j: PoolJob) => boolean): PoolJob[] {
    const here: PoolJob[] = [];
    const allocations = this.cluster.allocations[node]!;
    for (let i = 0; i < allocations.length; i++) {
      const { hold } = allocations[i]!;
      const j = hold === undefined ? undefined : this.#host.job(jobOfHold(hold));
      if (j !== undefined && j.hold === hold && may(j) && !here.includes(j)) here.push(j);
    }
    return here;
  }

  /** Takes jobs away in order until the job fits, then gives back whom it can spare, the last first. */
  #least(job: PoolJob, candidates: Iterable<PoolJob>, may: (j: PoolJob) => boolean): PoolJob[] | null {
    const away: PoolJob[] = [];
    let fits = false;
    // Nobody is taken away before that could help.
    let maybe = this.#bound.open(this.cluster, job.shape);
    for (const c of candidates) {
      if (!may(c)) continue;
      away.push(c);
      if (maybe) this.#lift(c);
      else {
        maybe = this.#bound.add(this.cluster, this.#parts(c));
        if (!maybe) continue;
        for (const a of away) this.#lift(a);
      }
      if (this.#wouldFit(job)) {
        fits = true;
        break;
      }
    }
    if (!maybe) return null;
    const needed: PoolJob[] = [];
    for (let i = away.length - 1; i >= 0; i--) {
      const c = away[i]!;
      this.#putBack(c);
      if (!fits || i === away.length - 1) {
        if (fits) {
          // The last one taken away made the difference.
          this.#lift(c);
          needed.push(c);
        }
        continue;
      }
      if (this.#wouldFit(job)) continue;
      this.#lift(c);
      needed.push(c);
    }
    for (const c of needed) this.#putBack(c);
    return fits ? needed.reverse() : null;
  }

  #wouldFit(job: PoolJob): boolean {
    const parts = this.#place(job, null);
    if (parts === null) return false;
    for (let i = parts.length - 1; i >= 0; i--) this.cluster.give(parts[i]!.node, parts[i]!.allocation!, false);
    return true;
  }

  #lift(job: PoolJob): void {
    for (const p of this.#parts(job)) if (p.allocation !== null) this.cluster.give(p.node, p.allocation, false);
  }
  #putBack(job: PoolJob): void {
    for (const p of this.#parts(job)) if (p.allocation !== null) this.cluster.take(p.node, p.allocation);
  }

  layout(jobs: Iterable<WaitingJob>): (readonly number[] | null)[] {
    this.#shadow ??= new Shadow(this.#roster.emptyCopy(), this.#newPlacement());
    return this.#shadow.layout(jobs, this.cluster, this.#context);
  }
}

/** Up since an earlier stamp: an attempt of no length would let a policy turn in circles while time stands still. */
const movable = (j: PoolJob, now: TimeUs): boolean =>
  j.state === JobState.leased && j.startedUs >= 0 && j.startedUs < now && !j.stopping && !j.over;

/** Milli-GPU of so many tasks of the gang: fewer than all only when it is elastic, and then they are alike. */
function placedMilli({ least, groups, totalMilli }: GangShape, tasks: number): number {
  return least === undefined ? totalMilli : tasks * groups[0]!.shape.gpus * groups[0]!.shape.gpuMilli;
}

/** A copy of the pool's machines on which whole orders of jobs are tried. */
class Shadow {
  readonly #cluster: Cluster;
  readonly #policy: PlacementPolicy;

  constructor(cluster: Cluster, policy: PlacementPolicy) {
    this.#cluster = cluster;
    this.#policy = policy;
  }

  layout(jobs: Iterable<WaitingJob>, real: Cluster, context: GangContext): (readonly number[] | null)[] {
    const cluster = this.#cluster;
    let capacity = 0;
    for (let n = 0; n < cluster.nodeCount; n++) {
      cluster.setUp(n, real.isUp(n));
      cluster.setCards(n, real);
      cluster.setLosses(n, real.lossesOf(n));
      if (real.isUp(n)) capacity += (real.gpusOf(n) - real.outCards(n)) * 1000;
    }
    const answer: (readonly number[] | null)[] = [];
    const placed: Part[] = [];
    // Room only shrinks within one layout: a demand that failed fails again.
    const blocked = new Set<number>();
    for (const job of jobs) {
      // When every GPU is taken, tasks without GPUs may still find room.
      const parts =
        blocked.has(job.shape.id) || (capacity === 0 && job.shape.totalMilli > 0)
          ? null
          : placeGang(
              cluster,
              this.#policy,
              job.shape,
              null,
              context.of((job as PoolJob).hold, (job as PoolJob).quote),
            );
      if (parts === null) {
        blocked.add(job.shape.id);
        answer.push(null);
        continue;
      }
      for (const p of parts) placed.push(p);
      capacity -= placedMilli(job.shape, parts.length);
      answer.push(parts.map((p) => p.node));
    }
    for (let i = placed.length - 1; i >= 0; i--) cluster.give(placed[i]!.node, placed[i]!.allocation!, false);
    return answer;
  }
}
