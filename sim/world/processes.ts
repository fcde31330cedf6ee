import { type Action, ActionKind, type Fact, FactKind, type StartAction } from '../../core/facts.ts';
import { IdMap } from '../../core/id-map.ts';
import { removeAt } from '../../core/lists.ts';
import { ExactSum } from '../../core/num/index.ts';
import { type Numbered, NumberStore, numbers, type Place, type Plain, plainOf } from '../../core/numbered.ts';
import { NEVER, Outcome, type TimeUs, WHOLE_GPU } from '../../core/types.ts';
import type { EventQueue } from '../kernel/queue.ts';
import { Phase, WorldEvent } from './events.ts';
import type { Performance, PerformanceState } from './performance.ts';

export interface ProcessTimes {
  /** From the order to start until the process is up. */
  startUs: TimeUs;
  /** From the order to kill until the process is gone. */
  killUs: TimeUs;
  /** How jobs keep what they have done; absent = an attempt that is cut short was for nothing. */
  checkpoint?: CheckpointTimes;
  /**
   * How a running job comes closer to its end. `linear` (default): after the attempt's overhead, at the speed of its slowest GPU.
   * `muri-artifact`: as in the simulator published with Muri (SIGCOMM 2022), which takes the overhead off every interval
   * between two stamps of the run, yet lets a job end as soon as what it has left has passed since the last of them.
   */
  progress?: 'linear' | 'muri-artifact';
  /**
   * Of `muri-artifact`: running jobs that would end within so many billionths of the time after one that ends, end with it. (The
   * simulator published with Muri looks ends up by their time with a tolerance of 1.)
   */
  endsWithinPpb?: number;
}

/** How long before its owner comes a machine must end what runs so that it is saved; NEVER = nothing would be. */
export const leadOf = (times: ProcessTimes | ((queue: EventQueue) => ProcessModel)): TimeUs =>
  'killUs' in times && times.checkpoint !== undefined ? times.checkpoint.saveUs + times.killUs : NEVER;

export interface CheckpointTimes {
  /** Work between two checkpoints that survive a machine's loss; 0 = a checkpoint is only taken when the job is told to end. */
  everyUs: TimeUs;
  /** Run time that each of these takes, in which no work is done (linear progress only); absent = none. */
  writeUs?: TimeUs;
  /** From the order to kill until the checkpoint is written; then the kill takes its own time. */
  saveUs: TimeUs;
  /** Run time of an attempt before it goes on from a checkpoint. */
  restoreUs: TimeUs;
}

export interface Work {
  /** Run time on GPUs of speed 1. */
  workUs: TimeUs;
  fails: boolean;
  /** Run time that each attempt loses at its start. */
  overheadUs?: TimeUs;
  /** Entry of the scenario's performance models; absent = the speed of its GPUs alone tells. */
  model?: number;
  user?: string;
  /** Elastic: tasks with which the work takes `workUs`; with fewer it takes longer in proportion, unless a model says otherwise. */
  tasks?: number;
}

class Process implements Numbered {
  static readonly names = numbers(Process.prototype, 'lease', 'part', 'node', 'fence', 'event', 'milli', 'sinceUs');
  cells: Numbered['cells'];
  at: number;
  declare lease: number;
  declare part: number;
  declare node: number;
  declare fence: number;
  /** The pending event of this process (its start, end or death); 0 = none. */
  declare event: number;
  /** Milli-GPU that it has of them all. */
  declare milli: number;
  /** Since when it is up; -1 = not yet. */
  declare sinceUs: TimeUs;
  readonly gang: Gang;
  readonly gpus: readonly number[];
  state: 'starting' | 'up' | 'dying' = 'starting';
  /** Counted among the parts that are up. */
  counted = false;
  /** It has only shares of its GPUs, and a performance model asks. */
  declare shares?: boolean;
  /** Where processes may stay after their work: limit, start and size; since when it stays, -1 = it works. */
  declare tail?: { limitUs: TimeUs; upUs: TimeUs; milli: number; fromUs: TimeUs; agent: string };

  constructor(place: Place, gang: Gang, gpus: readonly number[]) {
    this.cells = place.cells;
    this.at = place.at;
    this.gang = gang;
    this.gpus = gpus;
  }
}

type ProcessState = Omit<Plain<Process>, 'gang'>;

/** The parts of one attempt: they work only while all are up, at the speed of the slowest. */
class Gang implements Numbered {
  static readonly names = numbers(
    Gang.prototype,
    'job',
    'workUs',
    'overheadUs',
    'upUs',
    'leftUs',
    'lastUs',
    'speedMilli',
    'doneUs',
    'fetchUs',
    'parts',
    'up',
  );
  cells: Numbered['cells'];
  at: number;
  declare job: number;
  /** Work left at its start. */
  declare workUs: TimeUs;
  /** Run time it loses first. */
  declare overheadUs: TimeUs;
  /** Since when all its parts are up; -1 = they are not, or no more. */
  declare upUs: TimeUs;
  /** Of `muri-artifact`: what is left, and the stamp it was worked out at. */
  declare leftUs: TimeUs;
  declare lastUs: TimeUs;
  declare speedMilli: number;
  /** Work done before its speed last changed; `workUs` is without it. */
  declare doneUs: TimeUs;
  /** Longest that one of its machines has to fetch its image: part of the overhead. */
  declare fetchUs: TimeUs;
  declare parts: number;
  declare up: number;
  readonly fails: boolean;
  members: Process[] = noMembers;
  /** Elastic: its tasks as a part of those with which the work is counted. */
  declare part?: number;
  /** While a checkpoint is being written at the end: work that only it keeps, run time since the one before, and when it is whole. */
  declare saving?: { workUs: TimeUs; sinceUs: TimeUs; untilUs: TimeUs } | undefined;
  /** A part of it was lost: what was thrown away has been counted. */
  declare broken?: true;
  /** Its speed without neighbours on its cards, and its entry of the models. */
  declare aloneMilli?: number;
  declare model?: number;

  constructor(place: Place, fails: boolean) {
    this.cells = place.cells;
    this.at = place.at;
    this.fails = fails;
    this.upUs = -1;
    this.leftUs = 0;
    this.lastUs = 0;
    this.speedMilli = Number.MAX_SAFE_INTEGER;
    this.doneUs = 0;
    this.fetchUs = 0;
    this.up = 0;
  }

  join(p: Process): void {
    if (this.members.length === 0) this.members = [p];
    else this.members.push(p);
  }
}

/** Of gangs that nobody has joined yet; never added to. */
const noMembers: Process[] = [];

type GangState = Omit<Plain<Gang>, 'members'> & { members: ProcessState[] };

/** Answers core's actions with facts; its events come back through the queue it was given. */
export interface ProcessModel {
  act(now: TimeUs, action: Action): void;
  /** The fact behind one of its events; null = nobody is to know. */
  happen(now: TimeUs, type: number, a: number, b: number): Fact | null;
  /** The machine is gone and everything on it. */
  lose(node: number, now: TimeUs): void;
  /** A stamp passes: what running jobs report at it. */
  advance?(now: TimeUs): Fact[];
  /** Milli-GPU x us of attempts cut short by what failed or was taken back, less what checkpoints kept. */
  readonly lostMilliUs?: bigint;
  /** Something runs on the machine. */
  busy?(node: number): boolean;
  /** The job is over. */
  close?(job: number): void;
  snapshot(): unknown;
  restore(state: never): void;
}

export interface ProcessesState {
  /** Work that jobs have done and kept. */
  kept: [number, TimeUs][];
  lostMilliUs: bigint;
  gangs: [number, GangState][];
  performance?: PerformanceState;
}

/** A machine that is not what its provider says. */
export interface Lies {
  speedFactorMilli: number;
  realGpus: number;
}

const copyOf = (p: ProcessState): ProcessState => (p.tail === undefined ? { ...p } : { ...p, tail: { ...p.tail } });

function stateOf(process: Process): ProcessState {
  const { gang: _, ...state } = plainOf(process);
  return copyOf(state);
}

/** Processes that stay after their work is done. */
export interface Tails {
  /** How long one stays that has `leftUs` to its limit, and by whose will; null = it exits. */
  of(job: number, node: number, leftUs: TimeUs): { us: TimeUs; agent: string } | null;
  /** It has stayed so long on so many milli-GPU. */
  stayed(node: number, agent: string, milli: number, us: TimeUs): void;
}

/** Run time of work at a speed. */
const runTime = (workUs: TimeUs, speedMilli: number): TimeUs => Math.ceil((workUs * 1000) / speedMilli);

/** The processes of a simulated fleet: answers core's actions with facts, after the times a real machine takes. */
export class Processes implements ProcessModel {
  readonly #queue: EventQueue;
  readonly #times: ProcessTimes;
  readonly #speedMilli: readonly number[];
  readonly #work: (job: number) => Work;
  readonly #performance: Performance | null;
  readonly #lies: ReadonlyMap<number, Lies>;
  readonly #tails: Tails | null;
  /** By lease. */
  readonly #processes = new IdMap<Process>();
  readonly #onNode: Process[][] = [];
  /** By lease of the first part; an attempt of one part is found by its process. */
  readonly #gangs = new IdMap<Gang>();
  readonly #places = new NumberStore(Process);
  readonly #gangPlaces = new NumberStore(Gang);
  readonly #kept = new IdMap<TimeUs>();
  #lost = new ExactSum();
  /** Told when a process is gone. */
  onGone: ((node: number, now: TimeUs) => void) | null = null;

  /** `speedMilli[node]`: thousandths of the reference speed. */
  constructor(
    queue: EventQueue,
    times: ProcessTimes,
    speedMilli: readonly number[],
    work: (job: number) => Work,
    performance: Performance | null = null,
    lies: ReadonlyMap<number, Lies> = new Map(),
    tails: Tails | null = null,
  ) {
    this.#tails = tails;
    this.#lies = lies;
    this.#performance = performance;
    this.#queue = queue;
    this.#times = times;
    this.#speedMilli = speedMilli;
    this.#work = work;
    for (let node = 0; node < speedMilli.length; node++) this.#onNode.push([]);
  }

  act(now: TimeUs, action: Action): void {
    switch (action.kind) {
      case ActionKind.start:
        return this.#start(now, action);
      case ActionKind.kill:
        return this.#kill(now, action.lease);
      case ActionKind.release:
        // Simulated GPUs are free as soon as their process is gone, so exits are clean and this is never asked.
        throw new Error('processes: a simulated exit needs no release');
    }
  }

  #start(now: TimeUs, a: StartAction): void {
    if (this.#processes.has(a.lease)) return;
    const base = a.lease - a.part;
    let gang = a.parts === 1 ? undefined : this.#gangs.get(base);
    if (gang === undefined) {
      const work = this.#work(a.job);
      const kept = this.#kept.get(a.job);
      gang = new Gang(this.#gangPlaces.take(), work.fails);
      gang.job = a.job;
      gang.parts = a.parts;
      gang.workUs = work.workUs - (kept ?? 0);
      gang.overheadUs = (work.overheadUs ?? 0) + (kept === undefined ? 0 : (this.#times.checkpoint?.restoreUs ?? 0));
      if (work.tasks !== undefined) gang.part = a.parts / work.tasks;
      if (work.model !== undefined) gang.model = work.model;
      if (a.parts > 1) this.#gangs.set(base, gang);
    }
    const speed = Math.max(1, Math.floor(this.#speedMilli[a.node]! * (gang.part ?? 1)));
    if (speed < gang.speedMilli) gang.speedMilli = speed;
    const event = this.#queue.push(now + this.#times.startUs, Phase.release, WorldEvent.started, a.lease, 0);
    const p = new Process(this.#places.take(), gang, a.gpus);
    p.lease = a.lease;
    p.part = a.part;
    p.node = a.node;
    p.fence = a.fence;
    p.event = event;
    p.milli = a.gpuMilli * a.gpus.length;
    p.sinceUs = -1;
    if (this.#tails !== null)
      p.tail = { limitUs: a.limitUs, upUs: -1, milli: a.gpuMilli * a.gpus.length, fromUs: -1, agent: '' };
    gang.join(p);
    this.#add(p);
    if (this.#performance !== null) this.#settle(now, p, a, this.#performance);
    if (this.#lies.size > 0) this.#disturb(now, this.#besideLies(a.node));
  }

  /** The process fetches what its machine lacks and takes its place among the tenants of its cards. */
  #settle(now: TimeUs, p: Process, a: StartAction, performance: Performance): void {
    const { gang } = p;
    p.shares = a.gpuMilli < WHOLE_GPU && a.gpus.length > 0;
    if (gang.model !== undefined) {
      const fetchUs = performance.fetchUs(gang.model, a.node);
      gang.overheadUs += Math.max(0, fetchUs - gang.fetchUs);
      gang.fetchUs = Math.max(gang.fetchUs, fetchUs);
    }
    if (p.shares) this.#disturb(now, performance.enter(now, a, this.#work(a.job).user ?? ''));
  }

  /** Somebody came to or went from the cards of these. */
  #disturb(now: TimeUs, leases: readonly number[]): void {
    for (const lease of leases) {
      const gang = this.#processes.get(lease)?.gang;
      if (gang === undefined || gang.upUs < 0) continue;
      const speed = this.#speedOf(gang);
      if (speed === gang.speedMilli) continue;
      const ran = Math.max(0, now - gang.upUs - gang.overheadUs);
      const done = Math.min(gang.workUs, Math.floor((ran * gang.speedMilli) / 1000));
      gang.doneUs += done;
      gang.workUs -= done;
      gang.overheadUs = Math.max(0, gang.overheadUs - (now - gang.upUs));
      gang.upUs = now;
      gang.speedMilli = speed;
      for (const m of gang.members) if (m.event !== 0) this.#queue.cancel(m.event);
      this.#planEnd(gang, now);
    }
  }

  /** Of the gang where it stands, with the neighbours it has now. */
  #speedOf(gang: Gang): number {
    const performance = this.#performance;
    gang.aloneMilli ??=
      gang.model === undefined || performance === null
        ? gang.speedMilli
        : performance.speedMilli(gang.model, gang.members) * (performance.scales(gang.model) ? 1 : (gang.part ?? 1));
    let crowding = 1000;
    for (const m of gang.members)
      if (m.shares) crowding = Math.max(crowding, performance!.crowdingMilli(m.node, m.gpus));
    let truth = 1;
    for (const m of gang.members) truth = Math.min(truth, this.#truthOf(m.node));
    return ((gang.aloneMilli * 1000) / crowding) * truth;
  }

  /** What a machine whose provider lies gives of the speed that was promised, with what runs on it now. */
  #truthOf(node: number): number {
    const lies = this.#lies.get(node);
    if (lies === undefined) return 1;
    let used = 0;
    for (const p of this.#onNode[node]!) used += p.gpus.length;
    return 1000 / lies.speedFactorMilli / Math.max(1, used / lies.realGpus);
  }

  /** Leases on a machine that is registered for more GPUs than it has. */
  #besideLies(node: number): number[] {
    return this.#lies.has(node) ? this.#onNode[node]!.map((p) => p.lease) : [];
  }

  #planEnd(gang: Gang, now: TimeUs): void {
    // Beyond all stamps it never ends of itself.
    const end = Math.min(NEVER, now + gang.overheadUs + this.#runTimeOf(gang));
    const outcome = gang.fails ? Outcome.failed : Outcome.completed;
    for (const m of gang.members) {
      if (m.state === 'up') m.event = this.#queue.push(end, Phase.release, WorldEvent.exited, m.lease, outcome);
    }
  }

  #add(p: Process): void {
    this.#processes.set(p.lease, p);
    this.#onNode[p.node]!.push(p);
  }

  #kill(now: TimeUs, lease: number): void {
    const p = this.#processes.get(lease);
    if (p === undefined || (p.state === 'dying' && p.event !== 0)) return;
    // One that hangs on a dead card has nothing left to save.
    if (p.event !== 0) this.#queue.cancel(p.event);
    const saveUs = p.state === 'up' ? (this.#times.checkpoint?.saveUs ?? 0) : 0;
    p.state = 'dying';
    this.#endTail(p, now);
    this.#pause(p.gang, now, true);
    p.event = this.#queue.push(
      now + saveUs + this.#times.killUs,
      Phase.release,
      WorldEvent.exited,
      lease,
      Outcome.aborted,
    );
  }

  /** The gang works no more; `told` = it had the time to write a checkpoint. Answers the run time since the last that was written. */
  #pause(gang: Gang, now: TimeUs, told: boolean): TimeUs {
    const { checkpoint, progress } = this.#times;
    if (gang.upUs < 0) return NEVER;
    const ran = Math.max(0, now - gang.upUs - gang.overheadUs);
    gang.upUs = -1;
    if (checkpoint === undefined) return NEVER;
    const { everyUs, writeUs = 0 } = checkpoint;
    const cycleUs = runTime(everyUs, gang.speedMilli) + writeUs;
    // Whole cycles of work and write; 0 when writing takes no time, as then work alone tells.
    const cycles = everyUs > 0 && writeUs > 0 ? Math.floor(ran / cycleUs) : 0;
    const since = Math.floor(((ran - cycles * cycleUs) * gang.speedMilli) / 1000);
    const done =
      progress === 'muri-artifact'
        ? gang.workUs - gang.leftUs
        : Math.min(gang.workUs, cycles * everyUs + (writeUs > 0 && everyUs > 0 ? Math.min(everyUs, since) : since));
    const all = gang.doneUs + done;
    const durable = writeUs > 0 ? cycles * everyUs : all - (all % everyUs);
    const written = everyUs > 0 ? durable : 0;
    const sinceUs =
      written === 0 ? NEVER : writeUs > 0 ? ran - cycles * cycleUs : runTime(all - durable, gang.speedMilli);
    if (told) gang.saving = { workUs: all - written, sinceUs, untilUs: now + checkpoint.saveUs };
    const kept = told ? all : written;
    if (kept > 0) this.#kept.set(gang.job, (this.#kept.get(gang.job) ?? 0) + kept);
    return sinceUs;
  }

  /** The machine goes while the last checkpoint is being written: it was for nothing. */
  #unsave({ gang }: Process, now: TimeUs): void {
    const { saving } = gang;
    if (saving === undefined || now >= saving.untilUs) return;
    gang.saving = undefined;
    const left = (this.#kept.get(gang.job) ?? 0) - saving.workUs;
    if (left > 0) this.#kept.set(gang.job, left);
    else this.#kept.delete(gang.job);
    for (const m of gang.members)
      if (m.sinceUs >= 0) this.#lost.addProduct(Math.min(saving.sinceUs, now - m.sinceUs), m.milli);
  }

  /** The gang of the process has lost it, and with it what no checkpoint has kept: once, for all its parts. */
  #break(p: Process, now: TimeUs): void {
    const { gang } = p;
    if (gang.broken === true) return;
    const since = this.#pause(gang, now, false);
    if (gang.parts > 1) gang.broken = true;
    for (const m of gang.members)
      if (m.state === 'up') this.#lost.addProduct(Math.min(since, now - m.sinceUs), m.milli);
  }

  advance(now: TimeUs): Fact[] {
    const facts: Fact[] = [];
    if (this.#times.progress !== 'muri-artifact') return facts;
    for (const p of this.#processes.values()) {
      const gang = p.gang;
      if (p !== gang.members[0] || gang.upUs < 0 || gang.lastUs === now) continue;
      gang.leftUs -= Math.max(now - gang.lastUs - gang.overheadUs, 0);
      gang.lastUs = now;
      this.#forecast(gang, now);
      facts.push({ kind: FactKind.progress, node: p.node, lease: p.lease, fence: p.fence, remainingUs: gang.leftUs });
    }
    return facts;
  }

  #forecast(gang: Gang, now: TimeUs): void {
    const outcome = gang.fails ? Outcome.failed : Outcome.completed;
    for (const m of gang.members) {
      if (m.state !== 'up') continue;
      if (m.event !== 0) this.#queue.cancel(m.event);
      m.event = this.#queue.push(
        Math.min(NEVER, now + gang.leftUs),
        Phase.release,
        WorldEvent.exited,
        m.lease,
        outcome,
      );
    }
  }

  /** Whoever would end this soon after now ends now. */
  #endTogether(now: TimeUs, ppb: number): void {
    for (const { gang } of this.#processes.values()) {
      const end = gang.lastUs + gang.leftUs;
      if (gang.upUs < 0 || end <= now || (end - now) * 1e9 > end * ppb) continue;
      gang.leftUs = now - gang.lastUs;
      this.#forecast(gang, gang.lastUs);
    }
  }

  busy(node: number): boolean {
    return this.#onNode[node]!.length > 0;
  }

  close(job: number): void {
    this.#kept.delete(job);
  }

  happen(now: TimeUs, type: number, a: number, b: number): Fact | null {
    return type === WorldEvent.started ? this.#started(now, a) : this.#exited(now, a, b);
  }

  #started(now: TimeUs, lease: number): Fact {
    const p = this.#processes.get(lease)!;
    p.state = 'up';
    p.sinceUs = now;
    p.counted = true;
    p.event = 0;
    if (p.tail !== undefined) p.tail.upUs = now;
    const gang = p.gang;
    if (++gang.up === gang.parts) {
      gang.upUs = now;
      if (this.#times.progress === 'muri-artifact') {
        gang.leftUs = gang.workUs;
        gang.lastUs = now;
        this.#forecast(gang, now);
        return { kind: FactKind.started, node: p.node, lease, fence: p.fence };
      }
      if (this.#performance !== null || this.#lies.size > 0) gang.speedMilli = this.#speedOf(gang);
      this.#planEnd(gang, now);
    }
    return { kind: FactKind.started, node: p.node, lease, fence: p.fence };
  }

  /** What is left of a gang's work, with the checkpoints on the way: none is written at its end. */
  #runTimeOf(gang: Gang): TimeUs {
    const { everyUs = 0, writeUs = 0 } = this.#times.checkpoint ?? {};
    if (everyUs === 0 || writeUs === 0) return runTime(gang.workUs, gang.speedMilli);
    const cycles = Math.max(0, Math.ceil(gang.workUs / everyUs) - 1);
    return (
      cycles * (runTime(everyUs, gang.speedMilli) + writeUs) + runTime(gang.workUs - cycles * everyUs, gang.speedMilli)
    );
  }

  #exited(now: TimeUs, lease: number, outcome: number): Fact | null {
    const p = this.#processes.get(lease)!;
    if (this.#stays(p, now, outcome)) return null;
    this.#endTail(p, now);
    const { node, fence } = p;
    this.#forget(p, now);
    const { endsWithinPpb = 0 } = this.#times;
    if (endsWithinPpb > 0 && p.state === 'up') this.#endTogether(now, endsWithinPpb);
    return { kind: FactKind.exited, node, lease, fence, outcome: outcome as Outcome, clean: true };
  }

  /** Its work is done, and it does not exit yet. */
  #stays(p: Process, now: TimeUs, outcome: number): boolean {
    const { tail } = p;
    if (tail === undefined || tail.fromUs >= 0 || p.state !== 'up') return false;
    const stay = this.#tails!.of(p.gang.job, p.node, tail.upUs + tail.limitUs - now);
    if (stay === null) return false;
    tail.fromUs = now;
    tail.agent = stay.agent;
    // Nothing works on: what happens to its neighbours, or to the job, moves no end and saves no work any more.
    p.gang.upUs = -1;
    p.event = this.#queue.push(Math.min(NEVER, now + stay.us), Phase.release, WorldEvent.exited, p.lease, outcome);
    return true;
  }

  #endTail(p: Process, now: TimeUs): void {
    const { tail } = p;
    if (tail === undefined || tail.fromUs < 0) return;
    this.#tails!.stayed(p.node, tail.agent, tail.milli, now - tail.fromUs);
    tail.fromUs = -1;
    tail.limitUs = 0;
  }

  /** The machine is gone and everything on it; its agent reports that, not the processes. */
  lose(node: number, now: TimeUs): void {
    for (const p of [...this.#onNode[node]!]) {
      this.#endTail(p, now);
      if (p.state === 'up') this.#break(p, now);
      else if (p.state === 'dying') this.#unsave(p, now);
      if (p.event !== 0) this.#queue.cancel(p.event);
      this.#forget(p, now);
    }
  }

  /** Leases whose process is up on the GPU, ascending. */
  upOn(node: number, gpu: number): number[] {
    const up = this.#onNode[node]!.filter((p) => p.state === 'up' && p.gpus.includes(gpu));
    return up.map((p) => p.lease).sort((a, b) => a - b);
  }

  idleOn(node: number, gpu: number): boolean {
    return this.#onNode[node]!.every((p) => !p.gpus.includes(gpu));
  }

  /** The process dies of an error of its card. */
  crash(lease: number, now: TimeUs, outcome: Outcome): Fact {
    const p = this.#processes.get(lease)!;
    this.#endTail(p, now);
    if (outcome !== Outcome.failed) this.#break(p, now);
    else this.#pause(p.gang, now, false);
    if (p.event !== 0) this.#queue.cancel(p.event);
    const { node, fence } = p;
    this.#forget(p, now);
    return { kind: FactKind.exited, node, lease, fence, outcome, clean: true };
  }

  /** The GPU is gone and what is on it hangs: nothing is saved, and each process dies once it is told to. */
  hang(node: number, gpu: number, now: TimeUs): void {
    for (const p of this.#onNode[node]!) {
      if (p.state === 'dying' || !p.gpus.includes(gpu)) continue;
      this.#endTail(p, now);
      if (p.state === 'up') this.#break(p, now);
      if (p.event !== 0) this.#queue.cancel(p.event);
      p.event = 0;
      p.state = 'dying';
    }
  }

  together(node: number, lease: number): boolean {
    return this.#processes.get(lease)?.shares === true && this.#performance!.inOneContext(node);
  }

  get lostMilliUs(): bigint {
    return this.#lost.value;
  }

  /** The process is gone, and its gang with the last: they must not be read any more, but for what is no number. */
  #forget(p: Process, now: TimeUs): void {
    const { lease, node, gang } = p;
    this.#processes.delete(lease);
    const here = this.#onNode[node]!;
    removeAt(here, here.indexOf(p));
    removeAt(gang.members, gang.members.indexOf(p));
    // A gang that has lost a part never gets all its parts up: only orders to kill can still end the others.
    if (p.counted) gang.up--;
    if (gang.members.length === 0) {
      if (gang.parts > 1) this.#gangs.delete(lease - p.part);
      this.#gangPlaces.give(gang);
    }
    this.#places.give(p);
    if (this.#lies.size > 0) this.#disturb(now, this.#besideLies(node));
    this.onGone?.(node, now);
    if (p.shares) this.#disturb(now, this.#performance!.leave(now, node, p.gpus, lease));
  }

  get size(): number {
    return this.#processes.size;
  }

  snapshot(): ProcessesState {
    const gangs = new Map<Gang, number>();
    for (const p of this.#processes.values()) gangs.set(p.gang, p.lease - p.part);
    return {
      ...(this.#performance === null ? {} : { performance: this.#performance.snapshot() }),
      kept: this.#kept.entries(),
      lostMilliUs: this.#lost.value,
      gangs: [...gangs].map(([g, base]) => [base, { ...plainOf(g), members: g.members.map(stateOf) }]),
    };
  }

  restore(state: ProcessesState): void {
    if (state.performance !== undefined) this.#performance!.restore(state.performance);
    this.#lost = new ExactSum(state.lostMilliUs);
    for (const [job, us] of state.kept) this.#kept.set(job, us);
    for (const [base, g] of state.gangs) {
      const { members, ...rest } = g;
      const gang = Object.assign(new Gang(this.#gangPlaces.take(), g.fails), rest);
      if (gang.parts > 1) this.#gangs.set(base, gang);
      for (const m of members) {
        const p = Object.assign(new Process(this.#places.take(), gang, m.gpus), copyOf(m));
        gang.join(p);
        this.#add(p);
      }
    }
  }
}
