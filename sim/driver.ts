/**
 * Virtual time: pops the world's events, hands core their facts, carries out core's actions. The only place where simulated
 * time moves. Works for one host (the whole market, zero delay) and for several with a network between them.
 */
import { type Action, type Fact, FactKind } from '../core/facts.ts';
import { IdMap } from '../core/id-map.ts';
import type { MechanismRegistry } from '../core/interfaces.ts';
import type { JournalWriter } from '../core/journal/journal.ts';
import type { Packet } from '../core/link/link.ts';
import { empty } from '../core/lists.ts';
import { nodeAddress, poolAddress, SETTLEMENT } from '../core/machine.ts';
import { checkInvariants, type MarketView, viewOf } from '../core/market/invariants.ts';
import { Market, type MarketState, type RowSink, type Topology } from '../core/market/market.ts';
import { Timers } from '../core/market/timers.ts';
import type { Row, TableName } from '../core/record/schema.ts';
import { type MarketConfig, NEVER, type TimeUs } from '../core/types.ts';
import type { AdversarySpec } from '../scenarios/adversary-spec.ts';
import type {
  CardFailures,
  DisputersSpec,
  EntrySpec,
  FailureDomain,
  NetworkSpec,
  PayerAct,
  RetryRule,
  RoutingSpec,
  StakeWorldSpec,
} from '../scenarios/resolved.ts';
import { LadderQueue } from './kernel/ladder-queue.ts';
import { type EventQueue, emptyEvent, type QueueState } from './kernel/queue.ts';
import type { StreamState, Streams } from './kernel/streams.ts';
import { type Acts, Adversaries, type AdversariesState } from './world/adversaries.ts';
import { type CardsState, type CardTroubles, cardsOf } from './world/cards.ts';
import type { Arrival, DemandSource } from './world/demand.ts';
import { type DisputeErrors, Disputers, type DisputersState } from './world/disputers.ts';
import { Domains } from './world/domains.ts';
import { Edge, type EdgeState } from './world/edge.ts';
import { Entry, type EntryState, type SupplyFigures } from './world/entry.ts';
import { Phase, WorldEvent } from './world/events.ts';
import { Fleet, type FleetState, type NodeLife } from './world/fleet.ts';
import type { ContactRule } from './world/heartbeats.ts';
import { factOfPayer, type JobWork, worthAtEnd } from './world/jobs.ts';
import { Mesh, type MeshCounts, type MeshState } from './world/mesh.ts';
import type { Network, PacketCounts } from './world/network.ts';
import type { Performance, PerformanceFigures } from './world/performance.ts';
import { type Lies, leadOf, Processes, type ProcessModel, type ProcessTimes, type Work } from './world/processes.ts';
import { Retries, type RetriesState } from './world/retries.ts';
import { StakeWorld, type StakeWorldState } from './world/stakers.ts';
import type { VerificationCounts } from './world/verification.ts';

export interface SimulationOptions {
  config: MarketConfig;
  registry: MechanismRegistry;
  demand: DemandSource;
  streams: Streams;
  /** One per node of the configuration. */
  lives: readonly NodeLife[];
  /** Thousandths of the reference speed, one per node. */
  speedMilli: readonly number[];
  /** Times of simulated processes, or another world that answers core's actions. */
  processes: ProcessTimes | ((queue: EventQueue) => ProcessModel);
  /** End of the run; NEVER = until the demand is used up and every job is over. */
  horizonUs: TimeUs;
  rows?: RowSink;
  /** One per host, or one of all of them, whose header says so; absent = no journal. */
  journals?: readonly JournalWriter[];
  journal?: JournalWriter;
  /** Hosts and the wires between them; absent = one host. */
  network?: Network;
  /** What the hosts do about each other: heartbeats, takeovers; absent = nothing. */
  mesh?: Pick<NetworkSpec, 'heartbeat' | 'takeover'> & { contact?: ContactRule };
  /** How jobs find their pool; absent = as the demand says. */
  routing?: RoutingSpec;
  /** Check every law after every step instead of only at the end. */
  checkEveryEvent?: boolean;
  queue?: EventQueue;
  /** Providers who come and go, with the group and cost of every node; absent = they stay. */
  entry?: { rules: readonly EntrySpec[]; groups: readonly string[]; costMicro: readonly number[] };
  /** Users who come back with jobs that came to nothing; absent = none do. */
  retries?: readonly RetryRule[];
  /** What fails together; absent = machines fail alone. */
  domains?: readonly FailureDomain[];
  /** Single GPUs that fail while their machines stay; absent = none do. */
  cards?: readonly CardFailures[];
  /** How long jobs take on which GPUs; absent = the speeds alone tell. */
  performance?: Performance;
  /** Machines that are not what their providers say. */
  lies?: ReadonlyMap<number, Lies>;
  /** Agents who do not play by the rules, with the cost of a GPU-hour of every node and the GPUs it has; absent = none. */
  adversaries?: { spec: AdversarySpec; costMicro: readonly number[]; realGpus: readonly number[] };
  /** Sees what passes between core and the world. */
  observer?: WorldObserver;
  /** How those behave who have stake, and the cost of a GPU-hour of each node; absent = nobody acts. */
  stakers?: { spec: StakeWorldSpec; costMicro: readonly number[] };
  /** Deposits of users during the run, and who stops answering; absent = none. */
  payers?: readonly PayerAct[];
  /** Who disputes charges, and how they are answered; absent = nobody does. */
  disputers?: DisputersSpec;
}

export interface WorldObserver {
  action(now: TimeUs, action: Action): void;
  fact(now: TimeUs, fact: Fact): void;
}

export interface SimulationState {
  queue: QueueState;
  markets: MarketState[];
  streams: [string, StreamState][];
  demand: unknown;
  fleet: FleetState;
  processes: unknown;
  network: unknown;
  stakers: StakeWorldState | null;
  entry: EntryState | null;
  cards: CardsState | null;
  retries: RetriesState;
  adversaries: AdversariesState | null;
  disputers: DisputersState | null;
  mesh: (MeshState & { counts: MeshCounts }) | null;
  edge: EdgeState;
  /** Hosts that are down, and what waits for each. */
  down: [number, Fact[]][];
  work: [number, JobWork][];
  pending: Arrival | null;
  submitted: number;
  steps: number;
}

export class Simulation {
  readonly options: SimulationOptions;
  readonly markets: Market[];
  readonly #queue: EventQueue;
  readonly #demand: DemandSource;
  readonly #fleet: Fleet;
  readonly #domains: Domains;
  readonly #cards: CardTroubles | null;
  readonly #entry: Entry | null;
  readonly #retries: Retries;
  readonly #adversaries: Adversaries | null;
  readonly #disputers: Disputers | null;
  readonly #processes: ProcessModel;
  readonly #network: Network | null;
  readonly #stakers: StakeWorld | null;
  readonly #mesh: Mesh | null;
  readonly #edge: Edge;
  /** Next wakeup of every host; NEVER while it is down. */
  readonly #wakeups: Timers;
  /** Hosts that are down, and the facts that wait for them. */
  readonly #down = new Map<number, Fact[]>();
  readonly #hostOf: readonly number[] | null;
  readonly #work = new IdMap<JobWork>();
  readonly #rows: RowSink | null;
  #onValue: ((valueMicro: number) => void) | null = null;
  #pending: Arrival | null = null;
  #submitted = 0;
  #time: TimeUs = 0;
  #steps = 0;
  #checks = 0;
  #opened = false;
  #finished = false;

  constructor(options: SimulationOptions) {
    this.options = options;
    const { config, registry } = options;
    this.#queue = options.queue ?? new LadderQueue();
    this.#demand = options.demand;
    this.#rows = options.rows ?? null;
    this.#network = options.network ?? null;
    this.#hostOf = this.#network?.hostOf ?? null;
    this.#stakers =
      options.stakers === undefined
        ? null
        : new StakeWorld({
            ...options.stakers,
            config,
            streams: options.streams,
            queue: this.#queue,
            staking: () => this.markets.find((m) => m.settlement !== null)!.settlement!.staking!,
          });
    const names = config.nodes.map((n) => n.id);
    this.#fleet = new Fleet(this.#queue, options.streams, options.lives, names, leadOf(options.processes));
    this.#retries = new Retries(this.#queue, options.streams, options.retries ?? []);
    this.#disputers =
      options.disputers === undefined
        ? null
        : new Disputers({
            spec: options.disputers,
            config,
            queue: this.#queue,
            job: (job) => this.#work.get(job)?.spec,
            madeUp: (row) => this.#stakers?.madeUp(row) ?? false,
          });
    this.#domains = new Domains(this.#queue, options.streams, options.domains ?? [], this.#fleet);
    const { processes } = options;
    this.#processes =
      typeof processes === 'function'
        ? processes(this.#queue)
        : new Processes(
            this.#queue,
            processes,
            options.speedMilli,
            (job) => this.#workOf(job),
            options.performance ?? null,
            options.lies,
            // Never asked before everything is built.
            options.adversaries === undefined
              ? null
              : {
                  of: (job, node, leftUs) => this.#adversaries!.tail(node, this.#work.get(job)!.spec.user, leftUs),
                  stayed: (node, agent, milli, us) => this.#adversaries!.stayed(node, agent, milli, us),
                },
          );
    this.#adversaries =
      options.adversaries === undefined
        ? null
        : new Adversaries({
            ...options.adversaries,
            config,
            queue: this.#queue,
            streams: options.streams,
            fleet: this.#fleet,
            busy: (node) => this.#processes.busy?.(node) ?? false,
            horizonUs: options.horizonUs,
          });
    this.#cards = cardsOf(
      { queue: this.#queue, streams: options.streams, rules: options.cards, nodes: config.nodes },
      this.#fleet,
      this.#processes,
    );
    this.#entry =
      options.entry === undefined
        ? null
        : new Entry({
            ...options.entry,
            queue: this.#queue,
            streams: options.streams,
            fleet: this.#fleet,
            config,
            busy: (node) => this.#processes.busy?.(node) ?? false,
          });
    const rows: RowSink = { row: (table, row) => this.#row(table, row) };
    const hosts = this.#network?.hosts ?? 1;
    this.markets = Array.from({ length: hosts }, (_, host) => {
      const topology: Topology | null =
        this.#network === null ? null : { host, hostOf: this.#network.hostOf, links: this.#network.links };
      const journal = options.journal ?? options.journals?.[host];
      const of = options.journal === undefined ? 0 : host;
      const digest = () => market.digest;
      const market: Market = new Market(
        config,
        registry,
        rows,
        journal === undefined ? null : { step: (now, facts) => journal.step(now, facts, digest, of) },
        topology,
      );
      return market;
    });
    this.#wakeups = new Timers(hosts);
    for (let h = 0; h < hosts; h++) this.#wakeups.set(h, this.markets[h]!.nextWakeup());
    const stakers = this.#stakers;
    const view = () => this.view();
    this.#mesh =
      this.#network === null || options.mesh === undefined
        ? null
        : new Mesh({
            spec: options.mesh,
            network: this.#network,
            config,
            queue: this.#queue,
            view,
            crash: (host) => {
              this.#down.set(host, []);
              this.#wakeups.set(host, NEVER);
            },
            restart: (t, host) => this.#restart(t, host),
            row: (table, row) => this.#row(table, row),
            ...(stakers === null ? {} : { aggregator: (pool, up) => stakers.aggregator(pool, up) }),
            ...(options.mesh.contact === undefined ? {} : { contact: options.mesh.contact }),
          });
    const routing = options.routing ?? null;
    this.#edge = new Edge({
      spec: routing,
      policy: routing === null ? null : registry.routing!(routing.policy.name, routing.policy.params),
      network: this.#network,
      config,
      queue: this.#queue,
      view,
      heirOf: (pool) => this.#heirOf(pool),
    });
  }

  /** Called just before the row of a finished job, with what the job was worth to its user (-1 = unknown). */
  onValue(f: (valueMicro: number) => void): void {
    this.#onValue = f;
  }

  #row<T extends TableName>(table: T, row: Row<T>): void {
    if (table === 'jobs') {
      const job = (row as Row<'jobs'>).job_id;
      const work = this.#work.get(job);
      if (work !== undefined) {
        this.#onValue?.(worthAtEnd(work, row as Row<'jobs'>));
        this.#work.delete(job);
        this.#processes.close?.(job);
        this.#retries.ended(this.#time, row as Row<'jobs'>);
      }
    }
    this.#stakers?.row(this.#time, table, row);
    this.#disputers?.row(this.#time, table, row);
    this.#entry?.row(table, row);
    this.#adversaries?.row(table, row);
    this.#rows?.row(table, row);
  }

  get now(): TimeUs {
    let now = 0;
    for (const m of this.markets) now = Math.max(now, m.now);
    return now;
  }
  get submitted(): number {
    return this.#submitted;
  }
  get steps(): number {
    return this.#steps;
  }
  /** Failures of machines so far, by cause. */
  get failureCauses(): ReadonlyMap<string, number> {
    return this.#fleet.causes;
  }
  /** Milli-GPU x us that failures and returning owners threw away; null = the world does not say. */
  get lostMilliUs(): bigint | null {
    return this.#processes.lostMilliUs ?? null;
  }
  /** What audits found; null when nobody acts on stake. */
  get verification(): VerificationCounts | null {
    return this.#stakers?.counts ?? null;
  }
  /** How often disputes were decided wrongly; null where nobody disputes. */
  get disputeErrors(): DisputeErrors | null {
    return this.#disputers === null ? null : { ...this.#disputers.errors };
  }
  /** What the network did; null on one host. */
  get wires(): (MeshCounts & { packets: PacketCounts }) | null {
    if (this.#network === null) return null;
    const none = { partitions: 0, crashes: 0, takeovers: 0 };
    return { ...(this.#mesh?.counts ?? none), packets: this.#network.counts };
  }
  /** Jobs that no pool has taken yet, and times a pool did not answer at the edge. */
  get edge(): { waiting: number; retries: number } {
    return { waiting: this.#edge.waiting, retries: this.#edge.retries };
  }
  /** How supply answered; null when nobody comes or goes. */
  get supply(): SupplyFigures | null {
    return this.#entry?.figures() ?? null;
  }
  /** What adversaries did outside the books, by agent; null where there are none. */
  get acts(): ReadonlyMap<string, Acts> | null {
    return this.#adversaries?.acts ?? null;
  }
  /** What the performance model has counted; null without one. */
  get performance(): PerformanceFigures | null {
    return this.options.performance?.figures(this.now) ?? null;
  }
  /** Law checks made so far. */
  get checks(): number {
    return this.#checks;
  }

  #workOf(job: number): Work {
    const w = this.#work.get(job)!;
    if (w.model === undefined && this.options.performance === undefined) return w;
    return {
      workUs: w.workUs,
      fails: w.fails,
      user: w.spec.user,
      ...(w.overheadUs === undefined ? {} : { overheadUs: w.overheadUs }),
      ...(w.model === undefined ? {} : { model: w.model }),
      ...(w.tasks === undefined ? {} : { tasks: w.tasks }),
    };
  }

  #open(): void {
    this.#opened = true;
    this.#fleet.open();
    this.#domains.open();
    this.#cards?.open();
    this.#entry?.open();
    this.#adversaries?.open();
    this.#stakers?.open();
    this.#mesh?.open();
    this.#edge.open();
    this.options.payers?.forEach((p, i) => {
      this.#queue.push(p.atUs, Phase.arrival, WorldEvent.payer, i, 0);
    });
    this.#pull();
  }

  #pull(): void {
    this.#pending = this.#demand.next();
    if (this.#pending !== null) this.#queue.push(this.#pending.timeUs, Phase.arrival, WorldEvent.arrival, 0, 0);
  }

  /** First stamp at which something happens, or NEVER. */
  #nextTime(): TimeUs {
    return Math.min(this.#queue.peekTime(), this.#wakeups.next());
  }

  /** Nothing left that could change a job. */
  #idle(): boolean {
    if (this.#pending !== null || !this.#wiresEmpty() || this.#edge.waiting > 0) return false;
    for (const m of this.markets) if (m.hasLiveJobs) return false;
    return true;
  }

  /** Runs every stamp up to and including `until` (at most the horizon). True when the run is over. */
  runUntil(until: TimeUs): boolean {
    if (!this.#opened) this.#open();
    const horizon = this.options.horizonUs;
    for (;;) {
      const t = this.#nextTime();
      if (t >= horizon) return until >= horizon;
      if (horizon >= NEVER && this.#idle()) return true;
      if (t > until) return false;
      this.#stamp(t);
    }
  }

  readonly #event = emptyEvent();
  #facts: Fact[] = [];

  /** One stamp: deadlines that fall on it, and the facts of every event at it. */
  #stamp(t: TimeUs): void {
    const queue = this.#queue;
    if (queue.peekTime() > t && this.#processes.advance === undefined) {
      while (this.#wakeups.next() === t) this.#step(this.#wakeups.first(), t, []);
      return;
    }
    const facts = this.#facts;
    empty(facts);
    const event = this.#event;
    while (queue.peekTime() === t) {
      queue.pop(event);
      const { type, a, b } = event;
      if (type === WorldEvent.stake) facts.push(...this.#stakers!.happen(t, a, b));
      else if (type === WorldEvent.mesh) facts.push(...this.#mesh!.happen(t, a, b));
      else if (type === WorldEvent.entry)
        facts.push(...this.#entry!.happen(t, a, b, (node) => this.#processes.lose(node, t)));
      else if (type === WorldEvent.adversary)
        facts.push(...this.#adversaries!.happen(t, a, b, (node) => this.#processes.lose(node, t)));
      else if (type === WorldEvent.domain)
        facts.push(...this.#domains.happen(t, a, b === 1, (node) => this.#processes.lose(node, t)));
      else if (type === WorldEvent.dispute) facts.push(...this.#disputers!.happen(a, b));
      else if (type === WorldEvent.card) facts.push(...this.#cards!.happen(t, a, b));
      else if (type === WorldEvent.edge) facts.push(...this.#edge.happen(t, a, b));
      else if (type === WorldEvent.arrival) facts.push(...this.#arrive(t));
      else if (type === WorldEvent.retry) facts.push(...this.#submit(t, this.#retries.take(t, a)));
      else {
        const fact = this.#happen(t, type, a, b);
        if (fact !== null) facts.push(fact);
      }
    }
    for (const report of this.#processes.advance?.(t) ?? []) facts.push(report);
    if (this.#hostOf === null) {
      if (facts.length > 0 || this.markets[0]!.nextWakeup() === t) this.#step(0, t, facts);
      return;
    }
    const due = this.#byHost(facts);
    while (this.#wakeups.next() === t) {
      const h = this.#wakeups.first();
      if (!due.has(h)) due.set(h, []);
      this.#wakeups.set(h, NEVER);
    }
    for (const h of [...due.keys()].sort((a, b) => a - b)) this.#step(h, t, due.get(h)!);
  }

  /** Facts by their hosts. What reaches a host that is down waits for it, but for packets: those are lost. */
  #byHost(facts: readonly Fact[]): Map<number, Fact[]> {
    const by = new Map<number, Fact[]>();
    for (const f of facts) {
      const h = this.#hostOfFact(f);
      const waiting = this.#down.get(h);
      if (waiting !== undefined) {
        if (f.kind === FactKind.packet) this.#network!.counts.cut++;
        else waiting.push(f);
        continue;
      }
      const own = by.get(h);
      if (own === undefined) by.set(h, [f]);
      else own.push(f);
    }
    return by;
  }

  /** A host that was down takes its deadlines now, each under its own stamp. What it would have sent never left; its links send it again. */
  #restart(t: TimeUs, host: number): void {
    const facts = this.#down.get(host)!;
    this.#down.delete(host);
    const market = this.markets[host]!;
    for (let due = market.nextWakeup(); due < t; due = market.nextWakeup()) this.#step(host, due, [], true);
    this.#wakeups.set(host, market.nextWakeup());
    if (facts.length > 0) this.#step(host, t, facts);
  }

  #happen(t: TimeUs, type: number, a: number, b: number): Fact | null {
    switch (type) {
      case WorldEvent.started:
      case WorldEvent.exited:
      case WorldEvent.recorded:
        return this.#processes.happen(t, type, a, b);
      case WorldEvent.nodeDown:
      case WorldEvent.nodeUp:
        return this.#fleet.happen(t, type, a, b, (node) => this.#processes.lose(node, t));
      case WorldEvent.payer:
        return factOfPayer(this.options.payers![a]!, a);
      case WorldEvent.packet:
        return { kind: FactKind.packet, packet: this.#network!.take(a) };
      default:
        throw new Error(`simulation: unknown event ${type}`);
    }
  }

  #arrive(t: TimeUs): Fact[] {
    const arrival = this.#pending!;
    this.#retries.note(arrival);
    this.#pull();
    return this.#submit(t, arrival);
  }

  #submit(t: TimeUs, submitted: Arrival): Fact[] {
    const arrival = this.#adversaries?.submits(submitted) ?? submitted;
    const { least, tasks } = arrival.spec.groups[0] ?? {};
    this.#work.set(arrival.spec.job, least === undefined ? arrival : { ...arrival, tasks: tasks! });
    this.#submitted++;
    return this.#edge.submit(t, arrival);
  }

  /** Users go to whoever holds the seat of the pool they know: it stands on the chain. */
  #heirOf(pool: number): number {
    if (this.options.config.staking === undefined) return this.#mesh?.heirOf(pool) ?? pool;
    for (const m of this.markets) if (m.settlement !== null) return m.settlement.staking!.committee.holderOf(pool);
    return pool;
  }

  #hostOfFact(f: Fact): number {
    switch (f.kind) {
      case FactKind.packet:
        return f.packet.toHost;
      case FactKind.submit:
      case FactKind.cancel:
      case FactKind.contact:
        return this.#hostOf![poolAddress(f.pool)]!;
      case FactKind.deposit:
      case FactKind.takeover:
      case FactKind.settle:
      case FactKind.stake:
      case FactKind.payer:
      case FactKind.dispute:
        return this.#hostOf![SETTLEMENT]!;
      default:
        return this.#hostOf![nodeAddress(this.options.config.pools.length, f.node)]!;
    }
  }

  /** `mute`: what it sends is lost. */
  #step(host: number, t: TimeUs, facts: readonly Fact[], mute = false): void {
    const market = this.markets[host]!;
    // A host that makes up for what it has missed does so under older stamps.
    this.#time = Math.max(t, this.#queue.now);
    const effects = market.step(t, facts);
    this.#wakeups.set(host, market.nextWakeup());
    this.#steps++;
    const observer = this.options.observer;
    if (observer !== undefined) {
      for (const f of facts) observer.fact(t, f);
      for (const a of effects.actions) observer.action(t, a);
    }
    for (let i = 0; i < effects.actions.length; i++) this.#processes.act(t, effects.actions[i]!);
    if (!mute) for (let i = 0; i < effects.packets.length; i++) this.#transmit(t, effects.packets[i]!);
    if (this.options.checkEveryEvent === true) this.#checks += checkInvariants(this.view(), this.#wiresEmpty());
  }

  #wiresEmpty(): boolean {
    if (this.#network === null) return true;
    return this.#down.size === 0 && !this.#network.busy && this.markets.every((m) => m.wiresEmpty);
  }

  /** All machines of all hosts, for judging the laws. */
  view(): MarketView {
    this.#view ??= viewOf(this.markets);
    return this.markets.length === 1 ? this.#view : { ...this.#view, now: this.now };
  }
  #view: MarketView | null = null;

  #transmit(t: TimeUs, packet: Packet): void {
    for (const [at, ticket] of this.#network!.transmit(t, packet))
      this.#queue.push(at, Phase.message, WorldEvent.packet, ticket, 0);
  }

  /** Inject facts at a stamp from outside the world's own events (an operator's acts, tests). */
  inject(t: TimeUs, facts: readonly Fact[]): void {
    this.runUntil(t);
    // A run that is over has stopped before its next deadlines.
    this.#dueBefore(t);
    if (facts.length === 0) return;
    if (this.#hostOf === null) return this.#step(0, t, facts);
    for (const [h, own] of [...this.#byHost(facts)].sort((a, b) => a[0] - b[0])) this.#step(h, t, own);
  }

  #dueBefore(t: TimeUs): void {
    while (this.#wakeups.next() < t) this.#step(this.#wakeups.first(), this.#wakeups.next(), []);
  }

  /** Runs to the end, distributes what was charged, checks every law and writes the final rows. */
  finish(): void {
    if (this.#finished) return;
    this.runUntil(NEVER);
    const end = this.options.horizonUs >= NEVER ? this.now : this.options.horizonUs;
    this.#dueBefore(end);
    for (let h = 0; h < this.markets.length; h++)
      if (this.markets[h]!.settlement !== null) this.#step(h, end, [{ kind: FactKind.settle, seq: 0 }]);
    this.#checks += checkInvariants(this.view(), this.#wiresEmpty());
    for (let h = 0; h < this.markets.length; h++) {
      const market = this.markets[h]!;
      this.options.journals?.[h]?.end(market.now, market.digest);
      this.options.journal?.end(market.now, market.digest, h);
      market.report();
    }
    this.#finished = true;
  }

  /** Plain data; between stamps. Journals and recorders keep their own. */
  snapshot(): SimulationState {
    return {
      queue: this.#queue.snapshot(),
      markets: this.markets.map((m) => m.snapshot()),
      streams: this.options.streams.snapshot(),
      demand: this.#demand.snapshot(),
      fleet: this.#fleet.snapshot(),
      processes: this.#processes.snapshot(),
      network: this.#network?.snapshot() ?? null,
      stakers: this.#stakers?.snapshot() ?? null,
      entry: this.#entry?.snapshot() ?? null,
      cards: this.#cards?.snapshot() ?? null,
      retries: this.#retries.snapshot(),
      adversaries: this.#adversaries?.snapshot() ?? null,
      disputers: this.#disputers?.snapshot() ?? null,
      mesh: this.#mesh?.snapshot() ?? null,
      edge: this.#edge.snapshot(),
      down: [...this.#down],
      work: this.#work.entries().map(([job, w]) => [
        job,
        {
          workUs: w.workUs,
          fails: w.fails,
          valueMicro: w.valueMicro,
          spec: { user: w.spec.user, label: w.spec.label },
          ...(w.model === undefined ? {} : { model: w.model }),
          ...(w.tasks === undefined ? {} : { tasks: w.tasks }),
          ...(w.overheadUs === undefined ? {} : { overheadUs: w.overheadUs }),
          ...(w.urgency === undefined ? {} : { urgency: w.urgency }),
        },
      ]),
      pending: this.#pending,
      submitted: this.#submitted,
      steps: this.#steps,
    };
  }

  /** Into a fresh simulation of the same options; the streams must be restored before the demand source is built. */
  restore(state: SimulationState): void {
    this.#opened = true;
    this.#queue.restore(state.queue);
    state.markets.forEach((m, h) => {
      this.markets[h]!.restore(m);
      this.#wakeups.set(h, this.markets[h]!.nextWakeup());
    });
    for (const [host, facts] of state.down) {
      this.#down.set(host, facts);
      this.#wakeups.set(host, NEVER);
    }
    this.#demand.restore(state.demand as never);
    this.#fleet.restore(state.fleet);
    this.#processes.restore(state.processes as never);
    this.#network?.restore(state.network as never);
    this.#retries.restore(state.retries);
    if (state.adversaries !== null) this.#adversaries?.restore(state.adversaries);
    if (state.disputers !== null) this.#disputers?.restore(state.disputers);
    if (state.cards !== null) this.#cards?.restore(state.cards);
    if (state.entry !== null) this.#entry?.restore(state.entry);
    if (state.stakers !== null) this.#stakers?.restore(state.stakers);
    if (state.mesh !== null) this.#mesh?.restore(state.mesh);
    this.#edge.restore(state.edge);
    for (const [job, w] of state.work) this.#work.set(job, { ...w });
    this.#pending = state.pending;
    this.#submitted = state.submitted;
    this.#steps = state.steps;
  }
}
