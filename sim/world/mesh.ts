/**
 * What the network does to a market of several aggregators: partitions open and heal, an aggregator's host goes down and comes back, the
 * chain hands the machines of a pool on that it has not heard of for too long, machines fall silent. Where a partition or a crash is known
 * beforehand, so is what follows from it: nothing here needs an event per heartbeat.
 */
import { CardState, type Fact, FactKind } from '../../core/facts.ts';
import { nodeAddress, poolAddress, SETTLEMENT } from '../../core/machine.ts';
import type { MarketView } from '../../core/market/invariants.ts';
import { chance } from '../../core/num/index.ts';
import type { Pool } from '../../core/pool/pool.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import { type MarketConfig, NEVER, type TimeUs } from '../../core/types.ts';
import type { NetworkSpec } from '../../scenarios/resolved.ts';
import type { EventQueue } from '../kernel/queue.ts';
import { Phase, WorldEvent } from './events.ts';
import { type ContactRule, type Hearing, Heartbeats } from './heartbeats.ts';
import { cutWindows, downWindows, merged, type Network, type Windows } from './network.ts';

const Kind = { open: 0, heal: 1, crash: 2, restart: 3, unheard: 4, heard: 5, beat: 6, sample: 7 } as const;

export interface MeshOptions {
  spec: Pick<NetworkSpec, 'heartbeat' | 'takeover'>;
  network: Network;
  config: MarketConfig;
  queue: EventQueue;
  view: () => MarketView;
  /** Stops a host's clock, and starts it again. */
  crash: (host: number) => void;
  restart: (t: TimeUs, host: number) => void;
  row: <T extends TableName>(table: T, row: Row<T>) => void;
  /** How the chain is told where stakers elect; absent = the operator's takeover. */
  aggregator?: (pool: number, up: boolean) => Fact;
  /** How heartbeats become contacts; absent = in closed form. */
  contact?: ContactRule;
}

export interface MeshState {
  seq: number;
  heirs: number[];
  /** Beat whose arrival is due, per pair of site and pool. */
  beats: number[];
}

/** What can be told of a network at the end of a run. */
export interface MeshCounts {
  partitions: number;
  crashes: number;
  takeovers: number;
}

export class Mesh {
  readonly #o: MeshOptions;
  readonly #beats: Heartbeats;
  readonly #contact: ContactRule;
  /** Hosts of machines, and the machines on each. */
  readonly #sites: { host: number; nodes: number[] }[] = [];
  readonly #hearings: Hearing[] = [];
  #beat: number[] = [];
  /** Who has what a pool once had. */
  #heirs: number[];
  #seq = 0;
  readonly counts: MeshCounts = { partitions: 0, crashes: 0, takeovers: 0 };

  constructor(options: MeshOptions) {
    this.#o = options;
    const { network, config, spec } = options;
    const { partitions, crashes } = network;
    const key = config.key;
    const { everyUs, ttlUs } = spec.heartbeat;
    this.#beats = new Heartbeats({ everyUs, ttlUs, loss: network.lossOf, key });
    this.#contact = options.contact ?? ((b, h, beat) => b.contact(h, beat));
    this.#heirs = config.pools.map((_, p) => p);
    const at = new Map<number, number>();
    config.nodes.forEach((_, n) => {
      const host = network.hostOf[nodeAddress(config.pools.length, n)]!;
      const site = at.get(host);
      if (site === undefined) at.set(host, this.#sites.push({ host, nodes: [n] }) - 1);
      else this.#sites[site]!.nodes.push(n);
    });
    this.#sites.forEach(({ host }, s) => {
      config.pools.forEach((_, p) => {
        const listener = this.#hostOf(p);
        this.#hearings.push({
          pair: s * config.pools.length + p,
          phaseUs: Math.floor(chance(key, 'heartbeat-phase', host) * everyUs),
          delayUs: network.leastUs(host, listener),
          cuts: cutWindows(partitions, host, listener),
          downs: downWindows(crashes, listener),
        });
      });
    });
  }

  #hostOf(pool: number): number {
    return this.#o.network.hostOf[poolAddress(pool)]!;
  }

  /** Pool that has the machines which `pool` had at the start. */
  heirOf(pool: number): number {
    return this.#heirs[pool]!;
  }

  open(): void {
    const { network, spec, config } = this.#o;
    network.partitions.forEach((p, i) => {
      this.#at(p.fromUs, Phase.failure, Kind.open, i);
      if (p.toUs < NEVER) this.#at(p.toUs, Phase.failure, Kind.heal, i);
    });
    network.crashes.forEach((c, i) => {
      this.#at(c.fromUs, Phase.failure, Kind.crash, i);
      if (c.toUs < NEVER) this.#at(c.toUs, Phase.failure, Kind.restart, i);
    });
    if (spec.takeover !== null)
      config.pools.forEach((_, p) => {
        for (const [from, to] of this.#unheard(p)) {
          if (to - from <= spec.takeover!.afterUs) continue;
          this.#at(from + spec.takeover!.afterUs, Phase.arrival, Kind.unheard, p);
          if (to < NEVER) this.#at(to, Phase.arrival, Kind.heard, p);
        }
      });
    this.#beat = this.#hearings.map((h) => this.#beats.nextArrived(h, 0));
    this.#hearings.forEach((h, i) => {
      if (this.#beat[i]! >= 0) this.#at(this.#beats.arrivalUs(h, this.#beat[i]!), Phase.message, Kind.beat, i);
    });
    if (config.sampleUs > 0) this.#at(0, Phase.arrival, Kind.sample, 0);
  }

  /** When the chain does not hear a pool's host. */
  #unheard(pool: number): Windows {
    const { partitions, crashes, hostOf } = this.#o.network;
    const host = this.#hostOf(pool);
    return merged([...cutWindows(partitions, host, hostOf[SETTLEMENT]!), ...downWindows(crashes, host)]);
  }

  #at(t: TimeUs, phase: number, kind: number, id: number): void {
    this.#o.queue.push(t, phase, WorldEvent.mesh, kind, id);
  }

  /** Facts of an event. */
  happen(t: TimeUs, kind: number, id: number): Fact[] {
    const { network, config } = this.#o;
    switch (kind) {
      case Kind.open:
      case Kind.heal: {
        const p = network.partitions[id]!;
        if (kind === Kind.open) this.counts.partitions++;
        this.#row(t, kind === Kind.open ? 'partition' : 'heal', p.name ?? `partition-${id + 1}`, '', '', p.side.length);
        return [];
      }
      case Kind.crash:
      case Kind.restart: {
        const { host } = network.crashes[id]!;
        const pool = config.pools.find((_, p) => this.#hostOf(p) === host);
        const down = kind === Kind.crash;
        if (down) this.counts.crashes++;
        this.#row(t, down ? 'crash' : 'restart', '', pool?.id ?? '', '', 1);
        if (down) this.#o.crash(host);
        else this.#o.restart(t, host);
        return [];
      }
      case Kind.unheard:
        return this.#unheardOf(t, id);
      case Kind.heard:
        return this.#o.aggregator === undefined ? [] : [this.#o.aggregator(id, true)];
      case Kind.beat:
        return this.#heardOf(id);
      default:
        this.#sample(t);
        return [];
    }
  }

  #unheardOf(t: TimeUs, pool: number): Fact[] {
    const { config, spec, network } = this.#o;
    const elected = this.#o.aggregator;
    const id = config.pools[pool]!.id;
    if (elected !== undefined) {
      this.counts.takeovers++;
      this.#row(t, 'takeover', '', id, '', 1);
      return [elected(pool, false)];
    }
    const chain = network.hostOf[SETTLEMENT]!;
    const view = this.#o.view();
    const holds = config.nodes.some((_, n) => view.settlement!.poolOfNode(n) === pool);
    const to = spec.takeover!.by.find((p) => {
      const host = this.#hostOf(p);
      return p !== pool && !network.isDown(t, host) && !network.cut(t, chain, host) && !network.cut(t, host, chain);
    });
    if (!holds || to === undefined) return [];
    this.counts.takeovers++;
    this.#row(t, 'takeover', '', id, config.pools[to]!.id, 1);
    this.#heirs = this.#heirs.map((h) => (h === pool ? to : h));
    return [{ kind: FactKind.takeover, from: pool, to, seq: ++this.#seq }];
  }

  /** A beat arrives that says something new. */
  #heardOf(pair: number): Fact[] {
    const h = this.#hearings[pair]!;
    const beat = this.#beat[pair]!;
    const { untilUs, nextBeat } = this.#contact(this.#beats, h, beat);
    this.#beat[pair] = nextBeat;
    if (nextBeat >= 0) this.#at(this.#beats.arrivalUs(h, nextBeat), Phase.message, Kind.beat, pair);
    const pools = this.#o.config.pools.length;
    const pool = pair % pools;
    return this.#sites[Math.floor(pair / pools)]!.nodes.map(
      (node): Fact => ({ kind: FactKind.contact, pool, node, until: untilUs }),
    );
  }

  #row(t: TimeUs, event: string, name: string, pool: string, to: string, hosts: number): void {
    this.#o.row('network', { time_us: t, event, name, pool, to_pool: to, hosts });
  }

  // ---- what pools believe, and what is ----

  #sample(t: TimeUs): void {
    const { config, network } = this.#o;
    this.#at(t + config.sampleUs, Phase.arrival, Kind.sample, 0);
    if (t === 0) return;
    const view = this.#o.view();
    const chain = network.hostOf[SETTLEMENT]!;
    const held: number[][] = config.pools.map(() => []);
    config.nodes.forEach((_, n) => {
      held[view.settlement!.poolOfNode(n)]!.push(n);
    });
    config.pools.forEach((spec, p) => {
      const host = this.#hostOf(p);
      const down = network.isDown(t, host);
      const seen = this.#compare(view, view.pools[p]!, held[p]!, down);
      this.#o.row('views', {
        time_us: t,
        pool: spec.id,
        host: down ? 'down' : network.cut(t, chain, host) || network.cut(t, host, chain) ? 'cut' : 'up',
        nodes: held[p]!.length,
        silent_nodes: seen.silent,
        ghost_milli: seen.ghost,
        phantom_milli: seen.phantom,
        heartbeat_age_us: this.#age(t, p, held[p]!),
      });
    });
  }

  #compare(view: MarketView, pool: Pool, nodes: readonly number[], down: boolean) {
    const local = new Map(pool.nodes().map((n, i) => [n, i]));
    let silent = 0;
    let ghost = 0;
    let phantom = 0;
    for (const n of nodes) {
      const node = view.nodes[n]!;
      const i = down ? undefined : local.get(n);
      const offered = i !== undefined && pool.cluster.isUp(i);
      if (node.takesWork && !offered) silent++;
      for (let g = 0; g < node.spec.gpus; g++) {
        const free = node.takesWork && node.cardOf(g) === CardState.fine ? node.freeMilliOf(g) : 0;
        const believed = offered ? pool.cluster.freeMilliOf(i!, g) + (pool.supply?.closedMilli(i!, g) ?? 0) : 0;
        ghost += Math.max(0, free - believed);
        phantom += Math.max(0, believed - free);
      }
    }
    return { silent, ghost, phantom };
  }

  #age(t: TimeUs, pool: number, nodes: readonly number[]): TimeUs {
    const mine = new Set(nodes);
    let oldest = -1;
    this.#sites.forEach((site, s) => {
      if (!site.nodes.some((n) => mine.has(n))) return;
      oldest = Math.max(oldest, this.#beats.ageUs(this.#hearings[s * this.#o.config.pools.length + pool]!, t));
    });
    return oldest;
  }

  snapshot(): MeshState & { counts: MeshCounts } {
    return { seq: this.#seq, heirs: [...this.#heirs], beats: [...this.#beat], counts: { ...this.counts } };
  }

  restore(s: MeshState & { counts: MeshCounts }): void {
    this.#seq = s.seq;
    this.#heirs = [...s.heirs];
    this.#beat = [...s.beats];
    Object.assign(this.counts, s.counts);
  }
}
