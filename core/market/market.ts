/**
 * One host of the market: the machines that share it, wired with zero delay, and the links to other hosts. With a single
 * host this is the whole market. A driver calls `step` with the facts of a stamp; the effects that come back are all that
 * leaves (contract, rules 1-5).
 */
import { type Action, type Fact, FactKind, phaseOfKind } from '../facts.ts';
import type { MechanismRegistry } from '../interfaces.ts';
import { type Letter, Link, type LinkOptions, type LinkState, type Packet } from '../link/link.ts';
import { empty } from '../lists.ts';
import { type Machine, nodeAddress, type Port, poolAddress, SETTLEMENT } from '../machine.ts';
import { Mailroom } from '../mail.ts';
import { type Message, MessageKind } from '../messages.ts';
import { NodeAgent, type NodeHost, type NodeState } from '../node/node-agent.ts';
import { NodeLease } from '../node/node-lease.ts';
import { Rooms } from '../node/rooms.ts';
import { Digest, type DigestState } from '../num/index.ts';
import { NumberStore } from '../numbered.ts';
import { Pool } from '../pool/pool.ts';
import type { PoolState } from '../pool/state.ts';
import type { Row, TableName } from '../record/schema.ts';
import { Settlement, type SettlementState } from '../settlement/settlement.ts';
import { type MarketConfig, NEVER, type TimeUs } from '../types.ts';
import { configFault } from './config.ts';
import { sortAscending, Timers } from './timers.ts';

/** Sees every row as it is made; synchronous, no I/O. */
export interface RowSink {
  row<T extends TableName>(table: T, row: Row<T>): void;
}

/** Sees every step before it is taken: whoever must be able to repeat the run. */
export interface StepSink {
  step(now: TimeUs, facts: readonly Fact[]): void;
}

/** What a step asks of the world. Reused by the next step. */
export interface Effects {
  actions: Action[];
  packets: Packet[];
}

/** Which machine lives on which host; absent = all on this one. */
export interface Topology {
  /** This host. */
  host: number;
  /** Host of each machine, by address. */
  hostOf: readonly number[];
  links: LinkOptions;
}

export interface MarketState {
  now: TimeUs;
  digest: DigestState;
  steps: number;
  settlement: SettlementState | null;
  pools: [number, PoolState][];
  nodes: [number, NodeState][];
  links: [number, LinkState][];
}

const MAX_ROUNDS = 64;
/** What a pool must hear even when it was taken over meanwhile: it follows from these alone who has which job. */
const lasting = new Set<number>([
  MessageKind.assign,
  MessageKind.inherit,
  MessageKind.resolved,
  MessageKind.supersede,
  MessageKind.given,
]);

const noRows: RowSink = { row() {} };

export class Market {
  readonly config: MarketConfig;
  readonly settlement: Settlement | null = null;
  /** Machines of this host; null where another host has it. */
  readonly pools: (Pool | null)[] = [];
  readonly nodes: (NodeAgent | null)[] = [];
  readonly #machines: (Machine | null)[];
  readonly #timers: Timers;
  readonly #topology: Topology | null;
  readonly #links = new Map<number, Link>();
  readonly #digest = new Digest();
  readonly #sorted: Fact[] = [];
  readonly #effects: Effects = { actions: [], packets: [] };
  readonly #rows: RowSink;
  #steps: StepSink | null;
  #now: TimeUs = -1;
  #stepCount = 0;
  #stepping = false;
  /** Machines to pulse in this round, and the letters of the next. */
  #marked: Int32Array;
  #markedNow: Int32Array;
  #markedCount = 0;
  readonly #isMarked: Uint8Array;
  readonly #mail: Mailroom;
  #from = 0;
  readonly #letterTo: number[] = [];
  readonly #letterFrom: number[] = [];
  readonly #letters: (Message | null)[] = [];
  #letterCount = 0;
  #linkList: Link[] = [];

  constructor(
    config: MarketConfig,
    registry: MechanismRegistry,
    rows: RowSink = noRows,
    steps: StepSink | null = null,
    topology: Topology | null = null,
  ) {
    const fault = configFault(config);
    if (fault !== null) throw new Error(`market configuration: ${fault}`);
    this.config = config;
    this.#rows = rows;
    this.#steps = steps;
    this.#topology = topology;
    const count = 1 + config.pools.length + config.nodes.length;
    this.#machines = new Array<Machine | null>(count).fill(null);
    this.#timers = new Timers(count);
    this.#isMarked = new Uint8Array(count);
    this.#mail = new Mailroom(count);
    this.#marked = new Int32Array(count);
    this.#markedNow = new Int32Array(count);
    const here = (address: number) => topology === null || topology.hostOf[address] === topology.host;
    const port: Port = {
      send: (to, message) => this.#send(to, message),
      forget: (peer) => this.#forget(peer),
      act: (action) => {
        this.#effects.actions.push(action);
      },
      row: (table, row) => this.#rows.row(table, row),
      decide: (a, b, c, d) => {
        this.#digest.mixInt(a);
        this.#digest.mixInt(b);
        if (c !== undefined) this.#digest.mixInt(c);
        if (d !== undefined) this.#digest.mixInt(d);
      },
    };
    if (here(SETTLEMENT)) this.settlement = new Settlement(config, port, registry);
    this.#machines[SETTLEMENT] = this.settlement;
    config.pools.forEach((_, i) => {
      this.pools.push(here(poolAddress(i)) ? new Pool(i, config, registry, port) : null);
      this.#machines[poolAddress(i)] = this.pools[i]!;
    });
    const own = config.nodes.filter((_, i) => here(nodeAddress(config.pools.length, i)));
    const shared: NodeHost = {
      graces: config.graces,
      rooms: new Rooms(own, config.classes),
      places: new NumberStore(NodeLease),
      paidUp: config.staking !== undefined || config.pools.some((p) => p.supply?.pay === 'availability'),
      meterUs: meterPeriod(config),
    };
    let room = 0;
    config.nodes.forEach((spec, i) => {
      const address = nodeAddress(config.pools.length, i);
      this.nodes.push(
        here(address)
          ? new NodeAgent(address, i, room++, spec, config.classes[spec.gpuClass]!.name, port, shared)
          : null,
      );
      this.#machines[address] = this.nodes[i]!;
    });
    for (const m of this.#machines) if (m !== null) this.#timers.set(m.address, m.nextWakeup());
  }

  /** Stamp of the last step; -1 before the first. */
  get now(): TimeUs {
    return this.#now;
  }
  /** 16 hex digits over every decision so far: replay must reach the same. */
  get digest(): string {
    return this.#digest.hex();
  }
  get stepCount(): number {
    return this.#stepCount;
  }

  /** First stamp at which the driver must call `pulse`, whatever the world does. */
  nextWakeup(): TimeUs {
    let next = this.#timers.next();
    for (let i = 0; i < this.#linkList.length; i++) next = Math.min(next, this.#linkList[i]!.nextWakeup());
    return next;
  }

  pulse(now: TimeUs): Effects {
    return this.step(now, []);
  }

  /** Takes the facts of stamp `now` and runs the rounds they cause. The effects are valid until the next call. */
  step(now: TimeUs, facts: readonly Fact[]): Effects {
    if (this.#stepping) throw new Error('market: step called from within a step');
    if (!Number.isSafeInteger(now) || now < 0 || now < this.#now) {
      throw new Error(`market: stamp ${now} is not an integer at or after ${this.#now}`);
    }
    const due = this.nextWakeup();
    if (now > due) throw new Error(`market: stamp ${now} skips the deadline ${due}; pulse it first`);
    this.#steps?.step(now, facts);
    this.#stepping = true;
    this.#now = now;
    this.#stepCount++;
    empty(this.#effects.actions);
    empty(this.#effects.packets);
    this.#deliverFacts(facts.length > 1 ? this.#inOrder(facts) : facts, facts.length);
    this.#digest.mixInt(now);
    while (this.#timers.next() <= now) {
      const m = this.#timers.first();
      this.#timers.set(m, NEVER);
      this.#mark(m);
    }
    this.#rounds(now);
    if (this.settlement?.closing === true) {
      this.#from = SETTLEMENT;
      this.settlement.close(now);
      this.#timers.set(SETTLEMENT, this.settlement.nextWakeup());
      this.#deliverLetters();
      this.#rounds(now);
    }
    for (let i = 0; i < this.#linkList.length; i++) {
      const link = this.#linkList[i]!;
      for (let p = link.flush(now); p !== null; p = link.flush(now)) this.#effects.packets.push(p);
    }
    this.#stepping = false;
    if (this.nextWakeup() <= now)
      throw new Error(`market: a machine asks to be woken at ${this.nextWakeup()}, not after ${now}`);
    return this.#effects;
  }

  /** Until nobody is marked. */
  #rounds(now: TimeUs): void {
    let rounds = 0;
    while (this.#markedCount > 0) {
      if (++rounds > MAX_ROUNDS)
        throw new Error(`market: more than ${MAX_ROUNDS} rounds at stamp ${now}: machines do not settle`);
      this.#round(now);
    }
  }

  #round(now: TimeUs): void {
    const marked = this.#marked;
    const count = this.#markedCount;
    this.#marked = this.#markedNow;
    this.#markedNow = marked;
    this.#markedCount = 0;
    sortAscending(marked, count);
    for (let i = 0; i < count; i++) {
      const address = marked[i]!;
      this.#isMarked[address] = 0;
      const machine = this.#machines[address]!;
      this.#from = address;
      machine.pulse(now, this.#mail.of(address));
      this.#timers.set(address, machine.nextWakeup());
    }
    this.#mail.clear();
    this.#deliverLetters();
  }

  #deliverLetters(): void {
    const letters = this.#letterCount;
    this.#letterCount = 0;
    for (let i = 0; i < letters; i++) {
      const to = this.#letterTo[i]!;
      this.#mail.put(to, this.#letters[i]!, this.#letterFrom[i]!);
      this.#letters[i] = null;
      this.#mark(to);
    }
  }

  #mark(address: number): void {
    if (this.#isMarked[address] === 1) return;
    this.#isMarked[address] = 1;
    this.#marked[this.#markedCount++] = address;
  }

  #send(to: number, message: Message): void {
    if (this.#machines[to] === null) {
      this.#linkTo(this.#topology!.hostOf[to]!).post({ from: this.#from, to, message });
      return;
    }
    const n = this.#letterCount++;
    this.#letters[n] = message;
    this.#letterTo[n] = to;
    this.#letterFrom[n] = this.#from;
  }

  #forget(peer: number): void {
    const host = this.#topology?.hostOf[peer];
    const link = host === undefined ? undefined : this.#links.get(host);
    link?.drop((l) => l.to === peer && !lasting.has(l.message.kind));
  }

  #deliver(letter: Letter): void {
    this.#mail.put(letter.to, letter.message, letter.from);
    this.#mark(letter.to);
  }

  #linkTo(host: number): Link {
    let link = this.#links.get(host);
    if (link === undefined) {
      link = new Link(this.#topology!.host, host, this.#topology!.links);
      this.#links.set(host, link);
      this.#linkList = [...this.#links.values()];
    }
    return link;
  }

  #deliverFacts(facts: readonly Fact[], count: number): void {
    for (let i = 0; i < count; i++) {
      const fact = facts[i]!;
      if (fact.kind === FactKind.packet) {
        for (const letter of this.#linkTo(fact.packet.fromHost).receive(this.#now, fact.packet)) this.#deliver(letter);
        continue;
      }
      const to = this.#addressee(fact);
      const machine = this.#machines[to];
      if (machine === null || machine === undefined)
        throw new Error(`market: fact of kind ${fact.kind} is for machine ${to}, which is not here`);
      this.#mail.put(to, fact, to);
      this.#mark(to);
    }
  }

  /** A stable sort by insertion while there are few, as there nearly always are. The list is reused and may be longer. */
  #inOrder(facts: readonly Fact[]): readonly Fact[] {
    if (facts.length > 32) return [...facts].sort(compareFacts);
    const sorted = this.#sorted;
    for (let i = 0; i < facts.length; i++) {
      const f = facts[i]!;
      let k = i - 1;
      while (k >= 0 && compareFacts(sorted[k]!, f) > 0) {
        sorted[k + 1] = sorted[k]!;
        k--;
      }
      sorted[k + 1] = f;
    }
    return sorted;
  }

  #addressee(fact: Fact): number {
    switch (fact.kind) {
      case FactKind.submit:
      case FactKind.cancel:
      case FactKind.contact:
        return poolAddress(fact.pool);
      case FactKind.deposit:
      case FactKind.takeover:
      case FactKind.settle:
      case FactKind.stake:
      case FactKind.payer:
      case FactKind.dispute:
        return SETTLEMENT;
      default:
        return nodeAddress(this.config.pools.length, (fact as { node: number }).node);
    }
  }

  /** A pool has a job that is not over, or Settlement has terms for one. */
  get hasLiveJobs(): boolean {
    for (const p of this.pools) if (p !== null && p.liveJobs > 0) return true;
    return this.settlement !== null && this.settlement.liveContracts > 0;
  }

  /** No letter of this host is unconfirmed: with every host so, views must agree. */
  get wiresEmpty(): boolean {
    return this.#linkList.every((l) => l.idle);
  }

  /** Final rows: devices and accounts as they stand now. */
  report(): void {
    for (const n of this.nodes) n?.report(this.#now, n.poolOf === 0 ? 'none' : this.config.pools[n.poolOf - 1]!.id);
    this.settlement?.report();
  }

  /** Drops every cache of every policy: must not change a decision. */
  dropCaches(): void {
    for (const p of this.pools) p?.dropCaches();
  }

  /** Plain data; between stamps only. */
  snapshot(): MarketState {
    if (this.#stepping) throw new Error('market: snapshot inside a step');
    return {
      now: this.#now,
      digest: this.#digest.state(),
      steps: this.#stepCount,
      settlement: this.settlement?.snapshot() ?? null,
      pools: this.pools.flatMap((p): [number, PoolState][] => (p === null ? [] : [[p.index, p.snapshot()]])),
      nodes: this.nodes.flatMap((n): [number, NodeState][] => (n === null ? [] : [[n.index, n.snapshot()]])),
      links: [...this.#links].map(([host, l]) => [host, l.snapshot()]),
    };
  }

  /** Only into a fresh market of the same configuration and topology. */
  restore(state: MarketState): void {
    if (this.#stepCount > 0) throw new Error('market: restore needs a fresh instance');
    this.#now = state.now;
    this.#digest.restore(state.digest);
    this.#stepCount = state.steps;
    if (state.settlement !== null) this.settlement!.restore(state.settlement);
    for (const [i, s] of state.pools) this.pools[i]!.restore(s);
    for (const [i, s] of state.nodes) this.nodes[i]!.restore(s);
    for (const [host, s] of state.links) this.#linkTo(host).restore(s);
    for (const m of this.#machines) if (m !== null) this.#timers.set(m.address, m.nextWakeup());
  }
}

/** How often nodes read their meters while a job runs; NEVER where a bill only needs the end. */
const meterPeriod = ({ contract }: MarketConfig): TimeUs =>
  contract === undefined || contract.kind === 'hold' ? NEVER : contract.periodUs;

/**
 * Facts of one round: by phase, then source, then sequence within the source. A machine that goes down and up within a stamp did
 * so in the order of the driver's facts, which the sort keeps.
 */
export function compareFacts(a: Fact, b: Fact): number {
  const phase = phaseOfKind[a.kind]! - phaseOfKind[b.kind]!;
  if (phase !== 0) return phase;
  // Two nodes, as nearly always, differ as their numbers do.
  if (a.kind <= FactKind.nodeUp && b.kind <= FactKind.nodeUp) {
    const nodes = (a as { node: number }).node - (b as { node: number }).node;
    if (nodes !== 0) return nodes;
  } else {
    const sa = sourceOf(a);
    const sb = sourceOf(b);
    if (sa !== sb) return sa < sb ? -1 : 1;
  }
  const qa = seqOf(a);
  const qb = seqOf(b);
  if (qa !== qb) return qa - qb;
  return phase === 0 && phaseOfKind[a.kind] === 1 ? 0 : a.kind - b.kind;
}

/** Stable identity of who reports the fact. */
function sourceOf(f: Fact): string {
  switch (f.kind) {
    case FactKind.packet:
      return `host:${String(f.packet.fromHost).padStart(8, '0')}`;
    case FactKind.submit:
      return `user:${f.spec.user}`;
    case FactKind.deposit:
    case FactKind.payer:
      return `user:${f.user}`;
    case FactKind.cancel:
      return `job:${String(f.job).padStart(16, '0')}`;
    case FactKind.dispute:
      return `party:${f.act.by}`;
    case FactKind.takeover:
    case FactKind.settle:
      return 'operator';
    case FactKind.stake:
      return 'stake';
    default:
      return `node:${String(f.node).padStart(8, '0')}`;
  }
}

function seqOf(f: Fact): number {
  switch (f.kind) {
    case FactKind.packet:
      return f.packet.first;
    case FactKind.submit:
      return f.spec.job;
    case FactKind.cancel:
      return f.job;
    case FactKind.deposit:
    case FactKind.takeover:
    case FactKind.settle:
    case FactKind.stake:
    case FactKind.payer:
    case FactKind.dispute:
      return f.seq;
    case FactKind.contact:
      return f.until;
    case FactKind.nodeDown:
    case FactKind.nodeUp:
    case FactKind.gpu:
    case FactKind.leaving:
      return 0;
    default:
      return f.lease;
  }
}
