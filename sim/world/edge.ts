/**
 * Where users' jobs enter the market: each enters exactly one pool, chosen once from what pools have advertised, which may be stale. A pool
 * whose host is down, or cut off from the user, does not answer: the edge then asks the policy again without it, and when nobody answers
 * it tries again after a while. Nothing has been handed over by then, so no job can enter twice.
 *
 * Not modelled: the time a submission takes, and adverts that are lost (one more comes after `advertiseUs`).
 */
import { type Fact, FactKind } from '../../core/facts.ts';
import type { PoolAdvert, RoutingPolicy } from '../../core/interfaces.ts';
import { poolAddress } from '../../core/machine.ts';
import type { MarketView } from '../../core/market/invariants.ts';
import { chanceInt } from '../../core/num/index.ts';
import { JobState } from '../../core/pool/job.ts';
import type { MarketConfig, TimeUs } from '../../core/types.ts';
import type { RoutingSpec } from '../../scenarios/resolved.ts';
import type { EventQueue } from '../kernel/queue.ts';
import type { Arrival } from './demand.ts';
import { Phase, WorldEvent } from './events.ts';
import { type Network, severs } from './network.ts';

const Kind = { advertise: 0, retry: 1 } as const;
/** How often a job is tried again that no pool has taken. */
const RETRY_US = 30_000_000;
/** Adverts older than this many intervals are not believed while there are younger ones. */
const STALE = 3;

type Told = Omit<PoolAdvert, 'pool' | 'near'>;

export interface EdgeOptions {
  spec: RoutingSpec | null;
  policy: RoutingPolicy | null;
  network: Network | null;
  config: MarketConfig;
  queue: EventQueue;
  view: () => MarketView;
  /** Who has the machines that a pool had at the start. */
  heirOf: (pool: number) => number;
}

export interface EdgeState {
  told: Told[][];
  held: [number, Arrival][];
  retries: number;
}

export class Edge {
  readonly #o: EdgeOptions;
  readonly #users: RoutingSpec['users'];
  readonly #userOf = new Map<string, number>();
  /** What each kind of user has heard of each pool. */
  #told: Told[][];
  readonly #held = new Map<number, Arrival>();
  #retries = 0;

  constructor(options: EdgeOptions) {
    this.#o = options;
    this.#users = options.spec?.users ?? [];
    this.#users.forEach((u, i) => {
      this.#userOf.set(u.label, i);
    });
    const silent = { atUs: -1, capacityMilli: 0, usedMilli: 0, waitingMilli: 0, rateMicro: [] };
    this.#told = this.#users.map(() => options.config.pools.map(() => silent));
  }

  /** Jobs that no pool has taken yet. */
  get waiting(): number {
    return this.#held.size;
  }
  /** Times a pool did not answer. */
  get retries(): number {
    return this.#retries;
  }

  open(): void {
    if (this.#o.spec !== null) this.#o.queue.push(0, Phase.arrival, WorldEvent.edge, 0, Kind.advertise);
  }

  happen(t: TimeUs, id: number, kind: number): Fact[] {
    if (kind === Kind.retry) {
      const arrival = this.#held.get(id)!;
      this.#held.delete(id);
      return this.submit(t, arrival);
    }
    this.#advertise(t);
    this.#o.queue.push(t + this.#o.spec!.advertiseUs, Phase.arrival, WorldEvent.edge, 0, Kind.advertise);
    return [];
  }

  #advertise(t: TimeUs): void {
    const { config, view } = this.#o;
    const pools = view().pools;
    config.pools.forEach((_, p) => {
      const pool = pools[p]!;
      const { cluster } = pool;
      let usedMilli = 0;
      let capacityMilli = 0;
      for (let c = 0; c < cluster.classCount; c++) {
        usedMilli += cluster.usedMilli[c]!;
        capacityMilli += cluster.capacityMilli[c]!;
      }
      let waitingMilli = 0;
      for (const j of pool.jobs()) if (j.state <= JobState.waiting) waitingMilli += j.shape.totalMilli;
      const told = { atUs: t, capacityMilli, usedMilli, waitingMilli, rateMicro: [...pool.prices] };
      this.#users.forEach((u, i) => {
        if (this.#passes(t, u.label, p, 'from')) this.#told[i]![p] = told;
      });
    });
  }

  /** The user reaches the pool and hears it. */
  #answers(t: TimeUs, label: string, pool: number): boolean {
    return this.#passes(t, label, pool, 'to') && this.#passes(t, label, pool, 'from');
  }

  /** The pool's host is up, and no partition keeps what the user sends to it, or what it sends, from arriving. */
  #passes(t: TimeUs, label: string, pool: number, way: 'to' | 'from'): boolean {
    const { network } = this.#o;
    if (network === null) return true;
    const host = network.hostOf[poolAddress(pool)]!;
    if (network.isDown(t, host)) return false;
    return !network.partitions.some((p) => {
      if (t < p.fromUs || t >= p.toUs) return false;
      const user = p.users?.includes(label) ?? false;
      const there = p.side.includes(host);
      return way === 'to' ? severs(p, user, there) : severs(p, there, user);
    });
  }

  /** The job reaches its pool, or waits at the edge. */
  submit(t: TimeUs, arrival: Arrival): Fact[] {
    const { label } = arrival.spec;
    const user = this.#userOf.get(label) ?? this.#userOf.get('') ?? -1;
    const known = user < 0 || this.#o.policy === null ? [arrival.pool] : this.#users[user]!.pools;
    let left = known.map((p) => this.#o.heirOf(p));
    if (left.length > 1) left = [...new Set(left)].sort((a, b) => a - b);
    while (left.length > 0) {
      const pool = user < 0 || this.#o.policy === null ? left[0]! : this.#choose(t, arrival, user, left);
      if (this.#answers(t, label, pool)) return [{ kind: FactKind.submit, pool, spec: arrival.spec }];
      this.#retries++;
      left = left.filter((p) => p !== pool);
    }
    this.#held.set(arrival.spec.job, arrival);
    this.#o.queue.push(t + RETRY_US, Phase.arrival, WorldEvent.edge, arrival.spec.job, Kind.retry);
    return [];
  }

  #choose(t: TimeUs, arrival: Arrival, user: number, pools: readonly number[]): number {
    const spec = this.#o.spec!;
    const told = this.#told[user]!;
    const young = pools.filter((p) => told[p]!.atUs >= t - STALE * spec.advertiseUs);
    const adverts = (young.length > 0 ? young : pools).map(
      (pool): PoolAdvert => ({ pool, ...told[pool]!, near: spec.poolRegions[pool] === this.#users[user]!.region }),
    );
    const { key } = this.#o.config;
    const policy = this.#o.policy!;
    const at = policy.choose(arrival.spec, adverts, {
      now: t,
      draw: (purpose, n) => chanceInt(key, `route-${purpose}`, arrival.spec.job, n),
    });
    const chosen = adverts[at];
    if (chosen === undefined) throw new Error(`routing policy ${policy.name} chose ${at} of ${adverts.length} pools`);
    return chosen.pool;
  }

  snapshot(): EdgeState {
    return {
      told: this.#told.map((list) => list.map((x) => ({ ...x, rateMicro: [...x.rateMicro] }))),
      held: [...this.#held],
      retries: this.#retries,
    };
  }

  restore(s: EdgeState): void {
    this.#told = s.told;
    for (const [job, arrival] of s.held) this.#held.set(job, arrival);
    this.#retries = s.retries;
  }
}
