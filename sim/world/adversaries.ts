/**
 * Agents who do not play by the rules, as the world makes them act: offers that lure providers away from jobs, leases that go on after the
 * work is done, users who come under one name after another, machines that a ring keeps off the market. They see what everybody sees, and
 * speak to core only through what any world can do: machines that go and come, processes that end when they end, users who submit.
 * What it brings them is worked out in `adversary-payoffs.ts`. See docs/models/adversaries.md.
 */
import { DownCause, type Fact, FactKind } from '../../core/facts.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import { HOUR_US, type MarketConfig, type TimeUs } from '../../core/types.ts';
import { type AdversarySpec, identityOf } from '../../scenarios/adversary-spec.ts';
import type { Distribution } from '../kernel/distributions.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Streams } from '../kernel/streams.ts';
import type { Arrival } from './demand.ts';
import { after, Phase, WorldEvent } from './events.ts';
import type { Fleet } from './fleet.ts';
import { drawPrice } from './imputation.ts';
import { timeDistribution } from './time-distribution.ts';

const Kind = { offer: 0, back: 1, withhold: 2, silence: 3 } as const;
/** Numbers of the facts that end a dead requestor's answers lie above those of `billing.payers`. */
const SILENCES = 0x1000000;

/** What an agent, or one who could have been, has done outside the books. */
export interface Acts {
  /** Jobs left, leases kept, names used up, machines held back. */
  acts: number;
  /** Paid by others than the market, micro-USD. */
  outsideMicro: number;
  /** Cost of the hours worked for them. */
  outsideCostMicro: number;
  /** Leased after the work was done: milli-GPU x us, and what these hours would have cost to work. */
  idleMilliUs: number;
  idleCostMicro: number;
}

export interface AdversariesState {
  away: number[];
  silent: string[];
  names: [string, number][];
  rates: [number, number][];
  acts: [string, Acts][];
}

export interface AdversariesOptions {
  spec: AdversarySpec;
  config: MarketConfig;
  /** Cost of a GPU-hour of each node, micro-USD, and the GPUs it really has. */
  costMicro: readonly number[];
  realGpus: readonly number[];
  queue: EventQueue;
  streams: Streams;
  fleet: Fleet;
  busy: (node: number) => boolean;
  horizonUs: TimeUs;
}

export class Adversaries {
  readonly #o: AdversariesOptions;
  readonly #byProvider = new Map<string, number[]>();
  readonly #leavers: ReadonlySet<string>;
  readonly #overbillers: ReadonlySet<string>;
  readonly #squatters: ReadonlySet<string>;
  /** By any of their names. */
  readonly #dead = new Map<string, string>();
  readonly #lasts: Distribution | null;
  /** The same names by number and back, and those that have fallen silent. */
  readonly #deadNames: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #silent = new Set<string>();
  /** Name under which each dead requestor comes now, from 1; one more than there are: the last, in vain. */
  readonly #names = new Map<string, number>();
  readonly #classNames: Map<string, number>;
  readonly #rates = new Map<number, number>();
  readonly #away = new Set<number>();
  readonly #acts = new Map<string, Acts>();

  constructor(options: AdversariesOptions) {
    this.#o = options;
    const { spec, config } = options;
    config.nodes.forEach((n, i) => {
      const list = this.#byProvider.get(n.provider);
      if (list === undefined) this.#byProvider.set(n.provider, [i]);
      else list.push(i);
    });
    this.#classNames = new Map(config.classes.map((c, i) => [c.name, i]));
    const cheats = (a: { agents: string[]; honest: boolean } | undefined) =>
      new Set(a === undefined || a.honest ? [] : a.agents);
    this.#leavers = cheats(spec.leavers);
    this.#overbillers = cheats(spec.overbillers);
    this.#squatters = cheats(spec.squatters);
    for (const user of cheats(spec.deadRequestors)) {
      this.#names.set(user, 1);
      for (let k = 1; k <= spec.deadRequestors!.identities; k++) {
        this.#dead.set(identityOf(user, k), user);
        this.#numbers.set(identityOf(user, k), this.#deadNames.length);
        this.#deadNames.push(identityOf(user, k));
      }
    }
    this.#lasts = spec.leavers === undefined ? null : timeDistribution(spec.leavers.lasts);
  }

  open(): void {
    const { spec, queue, costMicro } = this.#o;
    const { leavers, ring } = spec;
    // Whoever could leave gets offers: honest providers take theirs while nothing runs.
    if (leavers !== undefined)
      for (const node of this.#nodesOf([...leavers.agents, ...leavers.others])) this.#next(0, node);
    if (ring !== undefined && !ring.honest) {
      const nodes = this.#nodesOf(ring.agents).sort((a, b) => costMicro[b]! - costMicro[a]! || a - b);
      for (const node of nodes.slice(0, Math.ceil(ring.withhold * nodes.length))) {
        queue.push(0, Phase.failure, WorldEvent.adversary, node, Kind.withhold);
      }
    }
  }

  #nodesOf(providers: readonly string[]): number[] {
    return providers.flatMap((p) => this.#byProvider.get(p) ?? []);
  }

  #next(now: TimeUs, node: number): void {
    const gap = this.#stream(node).exponential(this.#o.spec.leavers!.everyUs);
    this.#o.queue.push(after(now, gap), Phase.failure, WorldEvent.adversary, node, Kind.offer);
  }

  #stream(node: number) {
    return this.#o.streams.get('offers', this.#o.config.nodes[node]!.id);
  }

  #of(agent: string): Acts {
    let a = this.#acts.get(agent);
    if (a === undefined) {
      a = { acts: 0, outsideMicro: 0, outsideCostMicro: 0, idleMilliUs: 0, idleCostMicro: 0 };
      this.#acts.set(agent, a);
    }
    return a;
  }

  /** Node, or number of a dead requestor's name. */
  happen(now: TimeUs, node: number, kind: number, lost: (node: number) => void): Fact[] {
    const { fleet, config } = this.#o;
    if (kind === Kind.silence)
      return [{ kind: FactKind.payer, user: this.#deadNames[node]!, answers: false, seq: SILENCES + node }];
    if (kind === Kind.offer) return this.#offer(now, node, lost);
    if (kind === Kind.withhold) this.#of(config.nodes[node]!.provider).acts++;
    else this.#away.delete(node);
    const fact = fleet.fault(node, kind === Kind.back ? -1 : 1, lost, DownCause.owner);
    return fact === null ? [] : [fact];
  }

  #offer(now: TimeUs, node: number, lost: (node: number) => void): Fact[] {
    const { spec, fleet, busy, config, queue, costMicro, realGpus, horizonUs } = this.#o;
    const leavers = spec.leavers!;
    this.#next(now, node);
    // Drawn whether it is taken or not: what is done about one offer does not change the next.
    const pays = drawPrice(leavers.pays, this.#stream(node));
    const lastsUs = Math.max(1, Math.round(this.#lasts!.sample(this.#stream(node))));
    const { provider } = config.nodes[node]!;
    const works = busy(node);
    if (this.#away.has(node) || !fleet.isUp(node) || (works && !this.#leavers.has(provider))) return [];
    if (pays <= leavers.above * this.#marketPays(node) || pays <= costMicro[node]!) return [];
    const a = this.#of(provider);
    const gpuHours = (realGpus[node]! * Math.min(lastsUs, horizonUs - now)) / HOUR_US;
    a.outsideMicro += Math.round(pays * gpuHours);
    a.outsideCostMicro += Math.round(costMicro[node]! * gpuHours);
    if (works) a.acts++;
    this.#away.add(node);
    queue.push(after(now, lastsUs), Phase.failure, WorldEvent.adversary, node, Kind.back);
    const fact = fleet.fault(node, 1, lost, DownCause.owner);
    return fact === null ? [] : [fact];
  }

  /** Of an hour of a GPU to its provider: its share of the posted rate. */
  #marketPays(node: number): number {
    const { config } = this.#o;
    return ((this.#rates.get(config.nodes[node]!.gpuClass) ?? 0) * config.shares.providerBps) / 10_000;
  }

  /** Who submits: a dead requestor comes under the name it has now. */
  submits(arrival: Arrival): Arrival {
    const agent = this.#dead.get(arrival.spec.user);
    if (agent === undefined) return arrival;
    const k = Math.min(this.#names.get(agent)!, this.#o.spec.deadRequestors!.identities);
    return { ...arrival, spec: { ...arrival.spec, user: identityOf(agent, k) } };
  }

  /** How long a process stays after its work is done, with `leftUs` to its limit, and whose will it is; null = it exits. */
  tail(node: number, user: string, leftUs: TimeUs): { us: TimeUs; agent: string } | null {
    const { spec, config } = this.#o;
    const { provider } = config.nodes[node]!;
    let [us, agent] = [0, ''];
    if (this.#squatters.has(user)) [us, agent] = [Math.min(spec.squatters!.keepUs, spec.squatters!.noticedUs), user];
    else if (this.#dead.has(user) && !spec.deadRequestors!.collects)
      [us, agent] = [spec.deadRequestors!.noticedUs, this.#dead.get(user)!];
    else if (this.#overbillers.has(provider))
      [us, agent] = [Math.min(Math.floor(leftUs * spec.overbillers!.until), spec.overbillers!.noticedUs), provider];
    us = Math.min(us, leftUs);
    return us > 0 ? { us, agent } : null;
  }

  /** A process has stayed after its work was done. */
  stayed(node: number, agent: string, milli: number, us: TimeUs): void {
    const a = this.#of(agent);
    a.acts++;
    a.idleMilliUs += milli * us;
    // A card that only seems to work costs nothing to run.
    if (this.#overbillers.has(agent))
      a.idleCostMicro += Math.round((this.#o.costMicro[node]! * milli * us) / (1000 * HOUR_US));
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    if (table === 'prices') {
      const r = row as Row<'prices'>;
      if (r.rate_micro_per_gpu_hour >= 0)
        this.#rates.set(this.#classNames.get(r.gpu_class)!, r.rate_micro_per_gpu_hour);
    } else if (table === 'quotes') {
      const r = row as Row<'quotes'>;
      if (this.#dead.has(r.user)) this.#orders(r.time_us, r.user);
    } else if (table === 'adjustments') {
      const r = row as Row<'adjustments'>;
      if (r.kind === 'unpaid') this.#burnt(r.user);
    } else if (table === 'jobs') {
      const r = row as Row<'jobs'>;
      if (r.final_state !== 'completed' && (r.reason === 'unpaid' || r.reason === 'insufficient-funds'))
        this.#burnt(r.user);
    }
  }

  /** What it wanted is taken: nobody hears of it again. Who is known to be silent is sold nothing, so it comes under its next name. */
  #orders(now: TimeUs, name: string): void {
    if (now < this.#o.spec.deadRequestors!.afterUs || this.#silent.has(name)) return;
    this.#silent.add(name);
    const at = this.#numbers.get(name)!;
    this.#o.queue.push(now + 1, Phase.arrival, WorldEvent.adversary, at, Kind.silence);
    if (this.#o.config.contract!.kind === 'notes') this.#burnt(name);
  }

  /** Nobody sells to this name any more: the next one, while there is one. */
  #burnt(name: string): void {
    const agent = this.#dead.get(name);
    if (agent === undefined) return;
    const k = this.#names.get(agent)!;
    if (name !== identityOf(agent, k)) return;
    this.#of(agent).acts++;
    this.#names.set(agent, k + 1);
  }

  /** What everybody has done so far, by agent. */
  get acts(): ReadonlyMap<string, Acts> {
    return this.#acts;
  }

  snapshot(): AdversariesState {
    return {
      away: [...this.#away],
      silent: [...this.#silent],
      names: [...this.#names],
      rates: [...this.#rates],
      acts: [...this.#acts].map(([agent, a]) => [agent, { ...a }]),
    };
  }

  restore(s: AdversariesState): void {
    for (const node of s.away) this.#away.add(node);
    for (const name of s.silent) this.#silent.add(name);
    for (const [agent, k] of s.names) this.#names.set(agent, k);
    for (const [c, rate] of s.rates) this.#rates.set(c, rate);
    for (const [agent, a] of s.acts) this.#acts.set(agent, { ...a });
  }
}
