import type { LinkOptions, Packet } from '../../core/link/link.ts';
import { clonePlain } from '../../core/plain.ts';
import type { TimeUs } from '../../core/types.ts';
import type { Crash, Partition, TimeFamily } from '../../scenarios/resolved.ts';
import type { Distribution } from '../kernel/distributions.ts';
import type { Stream } from '../kernel/streams.ts';
import { after } from './events.ts';
import { timeDistribution } from './time-distribution.ts';

export type { Crash, Partition };

export interface NetworkOptions {
  hosts: number;
  /** Host of every machine, by address. */
  hostOf: readonly number[];
  links: LinkOptions;
  /** One-way delay: `minUs` and what is drawn from `delay` on top of it. */
  minUs: TimeUs;
  delay: TimeFamily;
  /** Region of each host, and what the way between two regions takes longer; absent = one region. */
  regions?: { of: readonly number[]; farUs: TimeUs };
  /** Chances per packet, 0..1. */
  loss: number;
  duplicate: number;
  /** Chance that a packet is held back, by a uniform time up to `reorderUs`. */
  reorder?: number;
  reorderUs?: TimeUs;
  partitions: readonly Partition[];
  /** When hosts are down: what reaches them then is lost, and their deadlines wait until they are back. */
  crashes?: readonly Crash[];
}

export interface PacketCounts {
  sent: number;
  lost: number;
  doubled: number;
  /** Cut off by a partition, or arrived at a host that was down. */
  cut: number;
}

export interface NetworkState {
  tickets: [number, Packet][];
  next: number;
  counts: PacketCounts;
}

/**
 * Wires between hosts: every packet is delayed, and may be lost, doubled, overtaken or cut off by a partition. Packets of
 * one pair of hosts may arrive out of order; `Link` puts them right.
 */
export class Network {
  readonly hosts: number;
  readonly hostOf: readonly number[];
  readonly links: LinkOptions;
  readonly partitions: readonly Partition[];
  readonly crashes: readonly Crash[];
  readonly counts: PacketCounts = { sent: 0, lost: 0, doubled: 0, cut: 0 };
  readonly #options: NetworkOptions;
  readonly #delay: Distribution;
  readonly #streamOf: (from: number, to: number) => Stream;
  readonly #tickets = new Map<number, Packet>();
  #next = 1;

  /** `streamOf` gives the draws of one direction of a wire. */
  constructor(options: NetworkOptions, streamOf: (from: number, to: number) => Stream) {
    this.hosts = options.hosts;
    this.hostOf = options.hostOf;
    this.links = options.links;
    this.partitions = options.partitions;
    this.crashes = options.crashes ?? [];
    this.#options = options;
    this.#delay = timeDistribution(options.delay);
    this.#streamOf = streamOf;
  }

  /** Something is on its way. */
  get busy(): boolean {
    return this.#tickets.size > 0;
  }

  /** Chance that a packet is lost. */
  get lossOf(): number {
    return this.#options.loss;
  }

  /** Least time from one host to another. */
  leastUs(from: number, to: number): TimeUs {
    const { minUs, regions } = this.#options;
    return regions === undefined || regions.of[from] === regions.of[to] ? minUs : minUs + regions.farUs;
  }

  /** Arrival stamp and ticket of every copy that will arrive. */
  transmit(now: TimeUs, packet: Packet): [TimeUs, number][] {
    const o = this.#options;
    const { fromHost: from, toHost: to } = packet;
    const stream = this.#streamOf(from, to);
    const copies = stream.uniform() < o.duplicate ? 2 : 1;
    const arrivals: [TimeUs, number][] = [];
    this.counts.sent++;
    this.counts.doubled += copies - 1;
    for (let c = 0; c < copies; c++) {
      const lost = stream.uniform() < o.loss;
      const late = stream.uniform() < (o.reorder ?? 0) ? stream.below(o.reorderUs! + 1) : 0;
      const delay = this.leastUs(from, to) + Math.floor(this.#delay.sample(stream)) + late;
      const at = after(now, delay);
      if (lost) this.counts.lost++;
      else if (this.cut(now, from, to) || this.cut(at, from, to)) this.counts.cut++;
      else {
        const ticket = this.#next++;
        this.#tickets.set(ticket, clonePlain(packet));
        arrivals.push([at, ticket]);
      }
    }
    return arrivals;
  }

  take(ticket: number): Packet {
    const packet = this.#tickets.get(ticket)!;
    this.#tickets.delete(ticket);
    return packet;
  }

  /** A partition keeps what one host sends from another. */
  cut(at: TimeUs, from: number, to: number): boolean {
    const list = this.partitions;
    for (let i = 0; i < list.length; i++) {
      const x = list[i]!;
      if (at >= x.fromUs && at < x.toUs && severs(x, x.side.includes(from), x.side.includes(to))) return true;
    }
    return false;
  }

  isDown(at: TimeUs, host: number): boolean {
    return this.crashes.some((c) => c.host === host && at >= c.fromUs && at < c.toUs);
  }

  snapshot(): NetworkState {
    return {
      tickets: [...this.#tickets].map(([t, p]) => [t, clonePlain(p)]),
      next: this.#next,
      counts: { ...this.counts },
    };
  }

  restore(state: NetworkState): void {
    for (const [t, p] of state.tickets) this.#tickets.set(t, clonePlain(p));
    this.#next = state.next;
    Object.assign(this.counts, state.counts);
  }
}

/** Whether what one party sends does not reach another, given which of them are on the partition's side. */
export const severs = (p: Partition, from: boolean, to: boolean): boolean =>
  from !== to && (p.way === undefined || (p.way === 'out' ? from : to));

/** Stretches of time, ascending and disjoint. */
export type Windows = readonly (readonly [TimeUs, TimeUs])[];

/** When no packet of one host reaches another, because of partitions. */
export function cutWindows(partitions: readonly Partition[], from: number, to: number): Windows {
  const cuts = partitions.filter((p) => severs(p, p.side.includes(from), p.side.includes(to)));
  return merged(cuts.map((p) => [p.fromUs, p.toUs] as const));
}

/** When a host is down. */
export const downWindows = (crashes: readonly Crash[], host: number): Windows =>
  merged(crashes.filter((c) => c.host === host).map((c) => [c.fromUs, c.toUs] as const));

export function merged(list: Windows): Windows {
  const out: [TimeUs, TimeUs][] = [];
  for (const [from, to] of [...list].sort((x, y) => x[0] - y[0] || x[1] - y[1])) {
    const last = out[out.length - 1];
    if (to <= from) continue;
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}
