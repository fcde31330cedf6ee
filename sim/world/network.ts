import type { LinkOptions, Packet } from '../../core/link/link.ts';
import { clonePlain } from '../../core/plain.ts';
import type { TimeUs } from '../../core/types.ts';
import type { Stream } from '../kernel/streams.ts';

/** A time window in which two sets of hosts cannot reach each other. */
export interface Partition {
  fromUs: TimeUs;
  toUs: TimeUs;
  /** Hosts on one side; all others are on the other. */
  side: readonly number[];
}

export interface NetworkOptions {
  hosts: number;
  /** Host of every machine, by address. */
  hostOf: readonly number[];
  links: LinkOptions;
  /** One-way delay: `minUs` plus an exponential of mean `meanUs`. */
  minUs: TimeUs;
  meanUs: TimeUs;
  /** Chances per packet, 0..1. */
  loss: number;
  duplicate: number;
  partitions: readonly Partition[];
}

export interface NetworkState {
  tickets: [number, Packet][];
  next: number;
}

/**
 * Wires between hosts: every packet is delayed, and may be lost, doubled, overtaken or cut off by a partition. Packets of
 * one pair of hosts may arrive out of order; `Link` puts them right.
 */
export class Network {
  readonly hosts: number;
  readonly hostOf: readonly number[];
  readonly links: LinkOptions;
  readonly #options: NetworkOptions;
  readonly #stream: Stream;
  readonly #tickets = new Map<number, Packet>();
  #next = 1;

  constructor(options: NetworkOptions, stream: Stream) {
    this.hosts = options.hosts;
    this.hostOf = options.hostOf;
    this.links = options.links;
    this.#options = options;
    this.#stream = stream;
  }

  /** Something is on its way. */
  get busy(): boolean {
    return this.#tickets.size > 0;
  }

  /** Arrival stamp and ticket of every copy that will arrive. */
  transmit(now: TimeUs, packet: Packet): [TimeUs, number][] {
    const o = this.#options;
    const copies = this.#stream.uniform() < o.duplicate ? 2 : 1;
    const arrivals: [TimeUs, number][] = [];
    for (let c = 0; c < copies; c++) {
      const lost = this.#stream.uniform() < o.loss;
      const delay = o.minUs + Math.floor(this.#stream.exponential(o.meanUs));
      if (lost || this.#cut(now, packet) || this.#cut(now + delay, packet)) continue;
      const ticket = this.#next++;
      this.#tickets.set(ticket, clonePlain(packet));
      arrivals.push([now + delay, ticket]);
    }
    return arrivals;
  }

  take(ticket: number): Packet {
    const packet = this.#tickets.get(ticket)!;
    this.#tickets.delete(ticket);
    return packet;
  }

  #cut(at: TimeUs, p: Packet): boolean {
    return this.#options.partitions.some(
      (x) => at >= x.fromUs && at < x.toUs && x.side.includes(p.fromHost) !== x.side.includes(p.toHost),
    );
  }

  snapshot(): NetworkState {
    return { tickets: [...this.#tickets].map(([t, p]) => [t, clonePlain(p)]), next: this.#next };
  }

  restore(state: NetworkState): void {
    for (const [t, p] of state.tickets) this.#tickets.set(t, clonePlain(p));
    this.#next = state.next;
  }
}
