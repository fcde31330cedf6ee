/** The leases a pool has granted and not yet seen the end of: one per attempt, one part per task of the gang. */
import { Deadlines } from '../deadlines.ts';
import { IdMap } from '../id-map.ts';
import { type InventoryLease, type LeaseMsg, MessageKind } from '../messages.ts';
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

export interface Lease {
  /** Number of its first part; part i is leased to its node as `lease + i`. */
  lease: number;
  hold: number;
  parts: Part[];
  limitUs: TimeUs;
  /** Until then every part must have started; once all have, until then all must have ended. NEVER after it passed. */
  deadlineUs: TimeUs;
  /** The nodes have been told to end it. */
  stopped: boolean;
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
  add(lease: Lease): void {
    this.#leases.set(lease.lease, lease);
    this.#deadlines.add(lease.lease, lease.deadlineUs);
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
    this.#leases.clear();
  }

  /** The live part `index` that its node knows as lease `number`, or null when it is over or unknown. */
  part(number: number, index: number): { lease: Lease; part: Part } | null {
    const l = this.#leases.get(number - index);
    const p = l?.parts[index];
    return l === undefined || p === undefined || p.state === PartState.over ? null : { lease: l, part: p };
  }

  /** The node has its GPUs back; the lease goes with its last part. */
  finish(lease: Lease, part: Part, cluster: Cluster): void {
    part.state = PartState.over;
    if (part.allocation !== null) {
      cluster.give(part.node, part.allocation, true);
      part.allocation = null;
    }
    for (const p of lease.parts) if (p.state !== PartState.over) return;
    this.#leases.delete(lease.lease);
  }

  /** A part that a node reports and we did not grant: its pool before us did. `graceUs` after its node's own end it is overdue. */
  adopt(l: InventoryLease, local: number, graceUs: TimeUs, cluster: Cluster): Lease {
    const number = l.lease - l.part;
    let lease = this.#leases.get(number);
    if (lease === undefined) {
      lease = {
        lease: number,
        hold: l.hold,
        parts: Array.from({ length: l.parts }, () => ({ node: -1, state: PartState.over, allocation: null })),
        limitUs: l.limitUs,
        deadlineUs: NEVER,
        stopped: false,
      };
      this.#leases.set(number, lease);
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
