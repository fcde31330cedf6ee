import { DownCause, type Fact, FactKind } from '../../core/facts.ts';
import { HOUR_US, NEVER, type TimeUs } from '../../core/types.ts';
import type { Availability, ResolvedNode, TimeFamily } from '../../scenarios/resolved.ts';
import type { Distribution } from '../kernel/distributions.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Stream, Streams } from '../kernel/streams.ts';
import { after, Phase, WorldEvent } from './events.ts';
import { timeDistribution } from './time-distribution.ts';

type Sessions = Extract<Availability, { kind: 'sessions' }>;

/** Event payload of an owner’s word that it comes. */
const NOTICE = 2;
/** Event payloads from here on number the outage of a machine that is replayed. */
const REPLAYED = 16;

/** How a machine comes and goes. */
export type NodeLife = Pick<ResolvedNode, 'noticeUs' | 'availability' | 'mtbfUs' | 'repairUs' | 'failures' | 'outages'>;

const DAY_US = 24 * HOUR_US;

/** State of one node: its owner's will and its health. Down when either says so. */
interface Life {
  present: boolean;
  /** Failures that are not repaired yet; replayed ones may overlap. */
  faults: number;
  /** When its owner takes it back, where notice is given; absent = not known. */
  leavesUs?: TimeUs;
}

export interface FleetState {
  lives: Life[];
  causes: [string, number][];
}

/** Cycles of coming and going that pass before the run, so that it begins in the long run's mixture. */
const CYCLES_BEFORE = 30;
const MOST_DRAWS_BEFORE = 100_000;

/** Brings machines up and down: owners' daily hours and failures, each node on its own streams. */
export class Fleet {
  readonly #queue: EventQueue;
  readonly #streams: Streams;
  readonly #lives: readonly NodeLife[];
  readonly #names: readonly string[];
  #state: Life[];

  readonly #leadUs: TimeUs;

  /** `leadUs`: how long before its owner comes a machine that had notice ends what runs, so that it is saved; NEVER = not at all. */
  constructor(
    queue: EventQueue,
    streams: Streams,
    lives: readonly NodeLife[],
    names: readonly string[],
    leadUs: TimeUs = NEVER,
  ) {
    this.#leadUs = leadUs;
    this.#queue = queue;
    this.#streams = streams;
    this.#lives = lives;
    this.#names = names;
    this.#state = lives.map(() => ({ present: true, faults: 0 }));
  }

  /** First events of every node; facts for those that start absent are due at stamp 0. */
  open(): void {
    this.#lives.forEach((life, node) => {
      if (life.availability.kind === 'daily') {
        const { fromUs, toUs } = life.availability;
        // Midnight lies inside the window when it wraps.
        const presentAtStart = fromUs > toUs;
        if (!presentAtStart) this.#queue.push(0, Phase.failure, WorldEvent.nodeDown, node, DownCause.owner);
        this.#schedulePresence(node, presentAtStart, 0);
      }
      if (life.availability.kind === 'sessions') this.#openSessions(node, life.availability);
      if (life.mtbfUs > 0 || life.failures !== undefined) this.#scheduleFailure(node, 0);
      for (const [i, o] of (life.outages ?? []).entries()) {
        this.#queue.push(o.fromUs, Phase.failure, WorldEvent.nodeDown, node, REPLAYED + i);
        if (o.toUs < NEVER) this.#queue.push(o.toUs, Phase.failure, WorldEvent.nodeUp, node, REPLAYED + i);
      }
    });
  }

  /** The owner's comings and goings before stamp 0 are lived through, and the first change after it is planned. */
  #openSessions(node: number, a: Sessions): void {
    const [up, down] = this.#sessions(a);
    const cycle = up.mean + down.mean;
    let present = true;
    let at = -CYCLES_BEFORE * cycle;
    const stream = this.#stream('presence', node);
    // A mean that rare draws carry is far above most of them: what is then lived through is the last of it.
    for (let draws = 0; ; draws++) {
      at += (present ? up : down).sample(stream);
      if (at > 0 || draws >= MOST_DRAWS_BEFORE) break;
      present = !present;
    }
    if (!present) this.#queue.push(0, Phase.failure, WorldEvent.nodeDown, node, DownCause.owner);
    this.#plan(node, present, after(0, at), 0);
  }

  /** Streams that were asked for, by purpose and node: no name is put together per draw. */
  readonly #known = new Map<string, (Stream | undefined)[]>();

  #stream(purpose: string, node: number): Stream {
    let byNode = this.#known.get(purpose);
    if (byNode === undefined) {
      byNode = new Array<Stream | undefined>(this.#names.length).fill(undefined);
      this.#known.set(purpose, byNode);
    }
    const known = byNode[node];
    if (known !== undefined) return known;
    const stream = this.#streams.get(purpose, this.#names[node]!);
    byNode[node] = stream;
    return stream;
  }

  readonly #families = new Map<TimeFamily, Distribution>();

  /** Machines of a group share their families, so each is built once. */
  #distribution(f: TimeFamily): Distribution {
    let d = this.#families.get(f);
    if (d === undefined) {
      d = timeDistribution(f);
      this.#families.set(f, d);
    }
    return d;
  }

  #sessions(a: Sessions): [Distribution, Distribution] {
    return [this.#distribution(a.up), this.#distribution(a.down)];
  }

  /** The next stamp at which the owner's will changes: present -> end of the window, absent -> its beginning. */
  #schedulePresence(node: number, present: boolean, now: TimeUs): void {
    const a = this.#lives[node]!.availability;
    if (a.kind === 'sessions') {
      const [up, down] = this.#sessions(a);
      const stay = (present ? up : down).sample(this.#stream('presence', node));
      this.#plan(node, present, after(now, stay), now);
      return;
    }
    if (a.kind !== 'daily') return;
    const base = present ? a.toUs : a.fromUs;
    let at = Math.floor(now / DAY_US) * DAY_US + base;
    // The next change is at least one jitter away, so that a late arrival does not skip or repeat a day.
    while (at <= now + a.jitterUs) at += DAY_US;
    const jitter =
      a.jitterUs === 0 ? 0 : Math.round(a.jitterUs * clampUnit(this.#stream('presence', node).normal() / 3));
    this.#plan(node, present, Math.max(now + 1, at + jitter), now);
  }

  /** The owner comes, of which there may be notice, or goes. */
  #plan(node: number, present: boolean, at: TimeUs, now: TimeUs): void {
    this.#queue.push(at, Phase.failure, present ? WorldEvent.nodeDown : WorldEvent.nodeUp, node, DownCause.owner);
    const notice = this.#lives[node]!.noticeUs ?? 0;
    if (!present || notice === 0) return;
    this.#state[node]!.leavesUs = at;
    this.#queue.push(Math.max(now, at - notice), Phase.failure, WorldEvent.nodeDown, node, NOTICE);
  }

  /** The owner has said when it comes; null when the machine is not there to hear it. */
  #notice(now: TimeUs, node: number): Fact | null {
    const { leavesUs } = this.#state[node]!;
    if (leavesUs === undefined || !this.isUp(node)) return null;
    const stopUs = this.#leadUs >= NEVER ? NEVER : Math.max(now, leavesUs - this.#leadUs);
    return { kind: FactKind.leaving, node, stopUs };
  }

  #scheduleFailure(node: number, now: TimeUs): void {
    const life = this.#lives[node]!;
    const stream = this.#stream('failure', node);
    const next =
      life.failures === undefined
        ? stream.exponential(life.mtbfUs)
        : this.#distribution(life.failures.between).sample(stream);
    this.#queue.push(after(now, next), Phase.failure, WorldEvent.nodeDown, node, DownCause.failure);
  }

  /** The fact behind an event, or null when the node's state does not change by it. `lost` runs when it goes down. */
  happen(now: TimeUs, type: number, node: number, cause: number, lost: (node: number) => void): Fact | null {
    const s = this.#state[node]!;
    const wasUp = s.present && s.faults === 0;
    if (cause === NOTICE) return this.#notice(now, node);
    if (cause === DownCause.owner) {
      s.present = type === WorldEvent.nodeUp;
      if (!s.present) delete s.leavesUs;
      // The absence that a run starts with was planned in `open`.
      if (now > 0) this.#schedulePresence(node, s.present, now);
    } else if (cause >= REPLAYED) {
      s.faults += type === WorldEvent.nodeUp ? -1 : 1;
      if (type === WorldEvent.nodeDown) this.count(this.#lives[node]!.outages![cause - REPLAYED]!.cause);
    } else if (type === WorldEvent.nodeUp) {
      s.faults--;
      this.#scheduleFailure(node, now);
    } else {
      s.faults++;
      this.#queue.push(after(now, this.#repairTime(node)), Phase.failure, WorldEvent.nodeUp, node, DownCause.failure);
    }
    const isUp = s.present && s.faults === 0;
    if (isUp === wasUp) return null;
    if (isUp) {
      // Repaired after its owner has said when it comes: it hears it again.
      const { leavesUs } = s;
      if (leavesUs !== undefined && leavesUs - this.#lives[node]!.noticeUs! <= now && leavesUs > now + 1)
        this.#queue.push(now + 1, Phase.failure, WorldEvent.nodeDown, node, NOTICE);
      return { kind: FactKind.nodeUp, node };
    }
    lost(node);
    return { kind: FactKind.nodeDown, node, cause: cause === DownCause.owner ? cause : DownCause.failure };
  }

  /** Repair of the failure that has just happened, whose cause is drawn here. */
  #repairTime(node: number): number {
    const life = this.#lives[node]!;
    const stream = this.#stream('repair', node);
    if (life.failures === undefined) {
      this.count('failure');
      return stream.exponential(life.repairUs);
    }
    const { causes } = life.failures;
    let rest = this.#stream('failure-cause', node).uniform();
    const total = causes.reduce((n, c) => n + c.weight, 0);
    const cause = causes.find((c) => (rest -= c.weight / total) < 0) ?? causes[causes.length - 1]!;
    this.count(cause.name);
    return this.#distribution(cause.repair).sample(stream);
  }

  readonly #causes = new Map<string, number>();

  /** A failure of what it hangs on, or its provider's absence, begins (1) or ends (-1); the fact, when its state changes by it. */
  fault(node: number, by: 1 | -1, lost: (node: number) => void, cause: DownCause = DownCause.failure): Fact | null {
    const s = this.#state[node]!;
    const wasUp = s.present && s.faults === 0;
    s.faults += by;
    const isUp = s.present && s.faults === 0;
    if (isUp === wasUp) return null;
    if (isUp) return { kind: FactKind.nodeUp, node };
    lost(node);
    return { kind: FactKind.nodeDown, node, cause };
  }

  isUp(node: number): boolean {
    const s = this.#state[node]!;
    return s.present && s.faults === 0;
  }

  count(cause: string): void {
    this.#causes.set(cause, (this.#causes.get(cause) ?? 0) + 1);
  }

  /** Failures so far by cause, also of machines that were down already. */
  get causes(): ReadonlyMap<string, number> {
    return this.#causes;
  }

  snapshot(): FleetState {
    return { lives: this.#state.map((s) => ({ ...s })), causes: [...this.#causes] };
  }

  restore(state: FleetState): void {
    this.#state = state.lives.map((s) => ({ ...s }));
    for (const [cause, n] of state.causes) this.#causes.set(cause, n);
  }
}

const clampUnit = (x: number): number => Math.max(-1, Math.min(1, x));
