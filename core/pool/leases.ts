/** The leases a pool has granted and not yet seen the end of: one per attempt, one part per task of the gang. */
import { Deadlines } from '../deadlines.ts';
import { IdMap } from '../id-map.ts';
import { type InventoryLease, type LeaseMsg, MessageKind } from '../messages.ts';
import { type Numbered, NumberStore, numbers, type Place, type Plain } from '../numbered.ts';
import { NEVER, type TimeUs } from '../types.ts';
import type { Allocation, Cluster } from './cluster.ts';

export const PartState = { sent: 0, running: 1, ended: 2, over: 3 } as const;
export type PartState = (typeof PartState)[keyof typeof PartState];

export interface Part {
  /** Local node number. */
  node: number;
  state: PartState;
  /** What it takes from the node; null once given back. */
  allocation: Allocation | null;
}

export class Lease implements Numbered {
  static readonly names = numbers(Lease.prototype, 'lease', 'hold', 'limitUs', 'deadlineUs');
  cells: Numbered['cells'];
  at: number;
  /** Number of its first part; part i is leased to its node as `lease + i`. */
  declare lease: number;
  declare hold: number;
  declare limitUs: TimeUs;
  /** Until then every part must have started; once all have, until then all must have ended. NEVER after it passed. */
  declare deadlineUs: TimeUs;
  readonly parts: Part[];
  /** The nodes have been told to end it. */
  stopped = false;

  constructor(place: Place, lease: number, hold: number, parts: Part[], limitUs: TimeUs, deadlineUs: TimeUs) {
    this.cells = place.cells;
    this.at = place.at;
    this.lease = lease;
    this.hold = hold;
    this.parts = parts;
    this.limitUs = limitUs;
    this.deadlineUs = deadlineUs;
  }
}

/** The order to a node to run part `part` of the lease. */
export function leaseMessage(
  { lease, hold, parts, limitUs }: Lease,
  part: number,
  award: number,
  term: number,
  seq: number,
  startByUs: TimeUs,
): LeaseMsg {
  const { gpus, gpuMilli, gpuMemoryMiB, cpuMilli, ramMiB, slices } = parts[part]!.allocation!;
  return {
    kind: MessageKind.lease,
    lease: lease + part,
    hold,
    award,
    term,
    seq,
    startByUs,
    limitUs,
    part,
    parts: parts.length,
    gpus,
    gpuMilli,
    gpuMemoryMiB,
    cpuMilli,
    ramMiB,
    ...(slices === undefined ? {} : { slices }),
  };
}

export class LeaseBook {
  readonly #leases = new IdMap<Lease>();
  readonly #places = new NumberStore(Lease);
  readonly #deadlines: Deadlines;

  constructor() {
    this.#deadlines = new Deadlines((id, at) => this.#leases.get(id)?.deadlineUs === at);
  }

  get size(): number {
    return this.#leases.size;
  }
  get(lease: number): Lease | undefined {
    return this.#leases.get(lease);
  }
  all(): Lease[] {
    return this.#leases.values();
  }
  open(number: number, hold: number, parts: Part[], limitUs: TimeUs, deadlineUs: TimeUs): Lease {
    const lease = new Lease(this.#places.take(), number, hold, parts, limitUs, deadlineUs);
    this.#leases.set(number, lease);
    this.#deadlines.add(number, deadlineUs);
    return lease;
  }
  restore(l: Plain<Lease>): void {
    this.open(l.lease, l.hold, l.parts, l.limitUs, l.deadlineUs).stopped = l.stopped;
  }
  setDeadline(lease: Lease, at: TimeUs): void {
    lease.deadlineUs = at;
    this.#deadlines.add(lease.lease, at);
  }
  nextWakeup(): TimeUs {
    return this.#deadlines.next();
  }
  /** A lease whose deadline has passed, or undefined. */
  takeDue(now: TimeUs): Lease | undefined {
    const id = this.#deadlines.take(now);
    return id < 0 ? undefined : this.#leases.get(id);
  }
  clear(): void {
    for (const lease of this.#leases.values()) this.#places.give(lease);
    this.#leases.clear();
  }

  /** The live part `index` that its node knows as lease `number`, or null when it is over or unknown. */
  part(number: number, index: number): { lease: Lease; part: Part } | null {
    const l = this.#leases.get(number - index);
    const p = l?.parts[index];
    return l === undefined || p === undefined || p.state === PartState.over ? null : { lease: l, part: p };
  }

  /** The node has its GPUs back; the lease goes with its last part: then true. */
  finish(lease: Lease, part: Part, cluster: Cluster): boolean {
    part.state = PartState.over;
    if (part.allocation !== null) {
      cluster.give(part.node, part.allocation, true);
      part.allocation = null;
    }
    for (const p of lease.parts) if (p.state !== PartState.over) return false;
    this.#leases.delete(lease.lease);
    this.#places.give(lease);
    return true;
  }

  /** A part that a node reports and we did not grant: its pool before us did. `graceUs` after its node's own end it is overdue. */
  adopt(l: InventoryLease, local: number, graceUs: TimeUs, cluster: Cluster): Lease {
    const number = l.lease - l.part;
    let lease = this.#leases.get(number);
    if (lease === undefined) {
      const parts = Array.from(
        { length: l.parts },
        (): Part => ({ node: -1, state: PartState.over, allocation: null }),
      );
      lease = this.open(number, l.hold, parts, l.limitUs, NEVER);
    } else if (lease.parts[l.part]!.allocation !== null) return lease;
    const allocation: Allocation = {
      lease: l.lease,
      hold: l.hold,
      gpus: l.gpus,
      gpuMilli: l.gpuMilli,
      gpuMemoryMiB: l.gpuMemoryMiB,
      cpuMilli: l.cpuMilli,
      ramMiB: l.ramMiB,
      endUs: l.untilUs,
    };
    if (l.slices !== undefined) allocation.slices = l.slices;
    lease.parts[l.part] = { node: local, state: l.startedUs >= 0 ? PartState.running : PartState.sent, allocation };
    cluster.take(local, allocation);
    const until = l.untilUs + graceUs;
    if (lease.deadlineUs >= NEVER || lease.deadlineUs < until) this.setDeadline(lease, until);
    return lease;
  }

  /** The lease of a hold that other pools' nodes have reported, or undefined. */
  ofHold(hold: number): Lease | undefined {
    for (const lease of this.#leases.values()) if (lease.hold === hold) return lease;
    return undefined;
  }

  retake(cluster: Cluster): void {
    for (const lease of this.#leases.values()) {
      for (const p of lease.parts) if (p.allocation !== null) cluster.take(p.node, p.allocation);
    }
  }
}
