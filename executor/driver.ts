/**
 * Wall time: the same market as in simulation, driven by the clock and by real processes. A turn drains what the world has
 * reported, gives it one stamp, runs every deadline before that stamp under the deadline's own stamp, makes all of it durable
 * with one sync, and only then lets actions leave. What the clock was late by is measured and kept out of core.
 */
import { type Action, ActionKind, CardState, type Fact, FactKind } from '../core/facts.ts';
import type { MechanismRegistry } from '../core/interfaces.ts';
import { JOURNAL_SCHEMA, type JournalHeader, JournalWriter } from '../core/journal/journal.ts';
import { checkInvariants } from '../core/market/invariants.ts';
import { type Effects, Market, type RowSink, type StepSink } from '../core/market/market.ts';
import { LeaseState } from '../core/node/node-agent.ts';
import type { Row, TableName } from '../core/record/schema.ts';
import { type MarketConfig, NEVER, Outcome, type TimeUs } from '../core/types.ts';
import { ENGINE } from '../core/version.ts';
import { WallClock } from './clock.ts';
import { recover } from './durable/recover.ts';
import type { Snapshot } from './durable/snapshot.ts';
import { type JournalStorage, StorageFull } from './durable/storage.ts';
import { Lag, type LagJson } from './lag.ts';
import type { Arrivals, Launcher, LeaseLimits, PlannedArrival, Work } from './launcher.ts';

export interface ExecutorOptions {
  config: MarketConfig;
  registry: MechanismRegistry;
  arrivals: Arrivals;
  launcher: Launcher;
  /** Opens the journal: a new one, or the old one cut to its first `keep` bytes. */
  storage(keep: number | null): JournalStorage;
  /** What a former executor left of this journal; null = a new run. */
  former: { bytes: Uint8Array; snapshot: Snapshot | null } | null;
  /** Keeps a snapshot; absent = a restart replays everything. */
  keep?: (snapshot: Omit<Snapshot, 'schema'>) => void;
  /** Least number of steps with facts between two snapshots. */
  snapshotEvery: number;
  /** Least wall time between two, as a multiple of what the last one took. */
  snapshotRest: number;
  /** End of the run in the scenario's time; NEVER = when every job is over. */
  horizonUs: TimeUs;
  /** Scenario time per wall time. */
  timeScale: number;
  onProgress?: (nowUs: TimeUs, submitted: number, over: number) => void;
  /** Told once when the journal's disk is full, and once when it goes on. */
  onStorage?: (full: boolean) => void;
}

export interface ExecutionResult {
  /** False when the executor was asked to stop before the end; the run can be resumed. */
  complete: boolean;
  submitted: number;
  steps: number;
  syncs: number;
  facts: number;
  checks: number;
  lag: { deadlines: LagJson; facts: LagJson };
  restart: Restart | null;
}

/** What a restart found. */
export interface Restart {
  /** Bytes at the end of the journal that made no sense: never synced, so never acted upon. */
  dropped: number;
  /** Facts replayed, and whether a snapshot spared the others. */
  replayed: number;
  fromSnapshot: boolean;
  /** Leases that had or were to have a process, and processes ended. */
  lost: number;
  reaped: number;
  /** The run was over already: only its directory was unfinished. */
  ended: boolean;
}

export interface ExecutionStatus {
  /** Scenario time of the last step. */
  nowUs: TimeUs;
  submitted: number;
  /** Jobs that have ended, one way or another. */
  over: number;
  /** Attempts that may have a process. */
  running: number;
  steps: number;
  syncs: number;
  /** The journal waits for room; nothing is started. */
  storageFull: boolean;
  lag: { deadlines: LagJson; facts: LagJson };
}

interface Due {
  stamp: TimeUs;
  action: Action;
}

const FULL_RETRY_MS = 500;

export class Executor {
  readonly market: Market;
  readonly #options: ExecutorOptions;
  readonly #clock: WallClock;
  readonly #launcher: Launcher;
  #writer: JournalWriter | null = null;
  /** Facts reported since the last turn, with the scenario's time at which they were. */
  #facts: Fact[] = [];
  /** GPUs that waited for a reset when the executor before this one died. */
  readonly #draining: { node: number; gpu: number }[] = [];
  #reported: TimeUs[] = [];
  #due: Due[] = [];
  readonly #work = new Map<number, Work>();
  #live = 0;
  #pending: PlannedArrival | null = null;
  #submitted = 0;
  #over = 0;
  #syncs = 0;
  /** Length of the journal that is known to be on disk. */
  #durable: number;
  #storageFull = false;
  #factCount = 0;
  #nextSnapshot: number;
  /** Wall milliseconds before which no snapshot is taken. */
  #snapshotFrom = 0;
  #wake: (() => void) | null = null;
  #stopping = false;
  readonly #deadlineLag = new Lag();
  readonly #factLag = new Lag();
  readonly #storage: JournalStorage;
  readonly restart: Restart | null;

  /** Reads what a former executor left, ends its processes, and stands ready; nothing runs before `run`. */
  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#launcher = options.launcher;
    const rows: RowSink = { row: (table, row) => this.#row(table, row) };
    const steps: StepSink = { step: (now, facts) => this.#writer?.step(now, facts, () => this.market.digest) };
    const header: JournalHeader = {
      schema: JOURNAL_SCHEMA,
      engine: ENGINE,
      host: 0,
      config: options.config,
      solvers: {},
    };
    const flush = (bytes: Uint8Array): void => this.#storage.append(bytes);
    const former = options.former;
    if (former === null) {
      this.market = new Market(options.config, options.registry, rows, steps);
      this.#storage = options.storage(null);
      this.#writer = new JournalWriter(header, flush, Number.MAX_SAFE_INTEGER);
      this.#writer.flush();
      this.#storage.sync();
      this.restart = null;
      this.#pending = options.arrivals.next();
    } else {
      // Whatever the dead executor started must be gone before the market is told so.
      const reaped = this.#launcher.reap();
      const r = recover(former.bytes, former.snapshot, options.registry, rows, steps);
      this.market = r.market;
      this.#storage = options.storage(r.length);
      this.#resumeArrivals();
      this.#writer = new JournalWriter(header, flush, Number.MAX_SAFE_INTEGER, r.position);
      const lost = r.ended ? 0 : this.#answerForTheDead();
      if (!r.ended) this.#trustMachines();
      const { dropped, facts, fromSnapshot, ended } = r;
      this.restart = { dropped, replayed: facts, fromSnapshot, lost, reaped, ended };
    }
    this.#durable = this.#storage.length;
    this.#nextSnapshot = this.#writer.steps + options.snapshotEvery;
    this.#clock = new WallClock(options.timeScale, Math.max(0, this.market.now + 1));
    this.#launcher.open((fact) => {
      this.#facts.push(fact);
      this.#reported.push(this.#clock.now());
      this.#wake?.();
    }, this.#draining);
  }

  /** Brings the list of jobs to where the journal ends: those it has are skipped, those still alive keep their work. */
  #resumeArrivals(): void {
    const live = new Set<number>();
    for (const p of this.market.pools) if (p !== null) for (const j of p.jobs()) live.add(j.spec.job);
    this.#live = live.size;
    this.#work.clear();
    let last = 0;
    for (const p of this.market.pools) last += p?.counts.submitted ?? 0;
    this.#pending = this.#options.arrivals.next();
    while (this.#pending !== null && this.#submitted < last) {
      this.#submitted++;
      if (live.has(this.#pending.spec.job)) this.#remember(this.#pending);
      this.#pending = this.#options.arrivals.next();
    }
    this.#over = this.#submitted - this.#live;
  }

  /** Every lease that had or was to have a process: the machine has lost it. Answers how many. */
  #answerForTheDead(): number {
    let lost = 0;
    this.market.nodes.forEach((agent, node) => {
      for (const l of agent?.occupants() ?? []) {
        const { lease, fence } = l;
        if (l.state === LeaseState.claiming) continue;
        if (l.state === LeaseState.releasing) this.#facts.push({ kind: FactKind.released, node, lease, fence });
        else this.#facts.push({ kind: FactKind.exited, node, lease, fence, outcome: Outcome.nodeFailure, clean: true });
        this.#reported.push(this.market.now + 1);
        lost++;
      }
    });
    return lost;
  }

  /**
   * What the dead executor held against machines died with it: the new one looks for itself. But a card that waits for its reset says why
   * once only, and goes on waiting.
   */
  #trustMachines(): void {
    const tell = (fact: Fact): void => {
      this.#facts.push(fact);
      this.#reported.push(this.market.now + 1);
    };
    this.market.nodes.forEach((agent, node) => {
      if (agent?.isUp === false) tell({ kind: FactKind.nodeUp, node });
      for (let gpu = 0; gpu < (agent?.spec.gpus ?? 0); gpu++)
        if (agent!.cardOf(gpu) === CardState.draining) this.#draining.push({ node, gpu });
        else if (agent!.cardOf(gpu) !== CardState.fine)
          tell({ kind: FactKind.gpu, node, gpu, state: CardState.fine, xid: 0 });
    });
    this.market.pools.forEach((p, pool) => {
      p?.nodes().forEach((node, local) => {
        if (!p.hears(local)) tell({ kind: FactKind.contact, pool, node, until: NEVER });
      });
    });
  }

  #row<T extends TableName>(table: T, row: Row<T>): void {
    if (table !== 'jobs') return;
    this.#work.delete((row as Row<'jobs'>).job_id);
    this.#live--;
    this.#over++;
  }

  #remember(a: PlannedArrival): void {
    const { workUs, fails, command, challenge } = a;
    this.#work.set(a.spec.job, {
      workUs,
      fails,
      ...(command === undefined ? {} : { command }),
      ...(challenge === undefined ? {} : { challenge }),
    });
  }

  /** How the run goes, for whoever looks on. */
  status(): ExecutionStatus {
    return {
      nowUs: this.market.now,
      submitted: this.#submitted,
      over: this.#over,
      running: this.#launcher.running,
      steps: this.#writer!.steps,
      syncs: this.#syncs,
      storageFull: this.#storageFull,
      lag: { deadlines: this.#deadlineLag.toJson(), facts: this.#factLag.toJson() },
    };
  }

  /** Asks the executor to stop after the turn in progress; the run stays resumable. */
  stop(): void {
    this.#stopping = true;
    this.#wake?.();
  }

  async run(): Promise<ExecutionResult> {
    try {
      if (this.restart?.ended === true) return this.#result(true, 0);
      for (;;) {
        if (this.#stopping) return this.#result(false, 0);
        const over = this.#turn();
        await this.#makeDurable();
        this.#actAll();
        if (over) break;
        this.#maybeSnapshot();
        this.#options.onProgress?.(this.market.now, this.#submitted, this.#over);
        await this.#sleep();
      }
      const checks = checkInvariants(this.market, true);
      this.#end();
      await this.#makeDurable();
      return this.#result(true, checks);
    } finally {
      await this.#launcher.close();
      this.#storage.close();
    }
  }

  #end(): void {
    try {
      this.#writer!.end(this.market.now, this.market.digest);
    } catch (e) {
      // The frame is buffered: it is written when there is room.
      if (!(e instanceof StorageFull)) throw e;
    }
  }

  /** One turn; true when the run is over. */
  #turn(): boolean {
    const { horizonUs } = this.#options;
    const market = this.market;
    const stamp = Math.max(this.#clock.now(), market.now + 1);
    if (stamp >= horizonUs) return this.#finish(horizonUs);
    const facts = this.#takeFacts(stamp);
    // Every deadline under its own stamp, however late it is.
    const before = facts.length > 0 ? stamp : stamp + 1;
    this.#pulses(before);
    if (facts.length > 0) this.#step(stamp, facts);
    if (!this.#idle()) return false;
    // Nothing is left that could happen: the rest of the horizon needs no waiting for.
    return this.#finish(horizonUs >= NEVER ? market.now + 1 : horizonUs);
  }

  #takeFacts(stamp: TimeUs): Fact[] {
    const facts = this.#facts;
    for (const at of this.#reported) this.#factLag.add((stamp - at) / this.#options.timeScale);
    this.#facts = [];
    this.#reported = [];
    while (this.#pending !== null && this.#pending.timeUs <= stamp) {
      const a = this.#pending;
      this.#remember(a);
      this.#submitted++;
      this.#live++;
      facts.push({ kind: FactKind.submit, pool: a.pool, spec: a.spec });
      this.#factLag.add((stamp - a.timeUs) / this.#options.timeScale);
      this.#pending = this.#options.arrivals.next();
    }
    return facts;
  }

  #pulses(before: TimeUs): void {
    for (let d = this.market.nextWakeup(); d < before; d = this.market.nextWakeup()) {
      this.#deadlineLag.add((this.#clock.now() - d) / this.#options.timeScale);
      const effects = this.market.pulse(d);
      // Its actions will leave this host, so that this deadline was reached must be on disk.
      if (effects.actions.length > 0) this.#writer!.keepPulse();
      this.#collect(d, effects);
    }
  }

  #step(stamp: TimeUs, facts: readonly Fact[]): void {
    this.#factCount += facts.length;
    this.#collect(stamp, this.market.step(stamp, facts));
  }

  #collect(stamp: TimeUs, effects: Effects): void {
    for (const action of effects.actions) this.#due.push({ stamp, action });
  }

  /** The end of the run: deadlines before it, then revenue is distributed. */
  #finish(end: TimeUs): boolean {
    this.#pulses(end);
    this.#step(end, [{ kind: FactKind.settle, seq: 0 }]);
    return true;
  }

  #idle(): boolean {
    return this.#pending === null && this.#live === 0 && this.#facts.length === 0 && this.#launcher.running === 0;
  }

  /** Nothing may leave before this is done; a full disk is waited out. */
  async #makeDurable(): Promise<void> {
    let told = false;
    for (;;) {
      try {
        this.#writer!.flush();
        if (this.#storage.length > this.#durable) {
          this.#storage.sync();
          this.#durable = this.#storage.length;
          this.#syncs++;
        }
        if (told) this.#options.onStorage?.(false);
        this.#storageFull = false;
        return;
      } catch (e) {
        if (!(e instanceof StorageFull)) throw e;
        if (!told) this.#options.onStorage?.(true);
        told = true;
        this.#storageFull = true;
        await new Promise((resolve) => setTimeout(resolve, FULL_RETRY_MS));
      }
    }
  }

  #actAll(): void {
    for (const { action } of this.#due) {
      const isStart = action.kind === ActionKind.start;
      const work = isStart ? (this.#work.get(action.job) ?? null) : null;
      this.#launcher.act(action, work, isStart ? this.#limitsOf(action) : null);
    }
    this.#due.length = 0;
  }

  #limitsOf(action: Action): LeaseLimits | null {
    for (const l of this.market.nodes[action.node]!.occupants())
      if (l.lease === action.lease) return { cpuMilli: l.cpuMilli, ramMiB: l.ramMiB };
    return null;
  }

  #maybeSnapshot(): void {
    const writer = this.#writer!;
    if (this.#options.keep === undefined || writer.steps < this.#nextSnapshot) return;
    const begin = performance.now();
    if (begin < this.#snapshotFrom) return;
    this.#nextSnapshot = writer.steps + this.#options.snapshotEvery;
    const { last, steps } = writer.position;
    const offset = this.#storage.length;
    this.#options.keep({ engine: ENGINE, offset, last, steps, market: this.market.snapshot() });
    const end = performance.now();
    this.#snapshotFrom = end + this.#options.snapshotRest * (end - begin);
  }

  /** Until the next deadline or arrival, or until the world reports something. */
  #sleep(): Promise<void> {
    const next = Math.min(this.market.nextWakeup(), this.#pending?.timeUs ?? NEVER, this.#options.horizonUs);
    return new Promise((resolve) => {
      // What arrives together shares a stamp: the turn begins when the event loop has handed over all it has.
      const soon = (): void => {
        this.#wake = null;
        clearTimeout(timer);
        setImmediate(resolve);
      };
      const ms = next >= NEVER ? MAX_TIMER_MS : Math.min(MAX_TIMER_MS, this.#clock.msUntil(next));
      const timer = setTimeout(soon, Math.ceil(ms));
      this.#wake = soon;
      if (this.#facts.length > 0 || this.#stopping || ms === 0) soon();
    });
  }

  #result(complete: boolean, checks: number): ExecutionResult {
    return {
      complete,
      submitted: this.#submitted,
      steps: this.#writer!.steps,
      syncs: this.#syncs,
      facts: this.#factCount,
      checks,
      lag: { deadlines: this.#deadlineLag.toJson(), facts: this.#factLag.toJson() },
      restart: this.restart,
    };
  }
}

/** Longest timer that Node can set without wrapping. */
const MAX_TIMER_MS = 0x7fffffff;
