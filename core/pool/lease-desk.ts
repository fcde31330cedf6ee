/** Grants leases and ends them: what a pool orders its nodes to do. */

import { nodeAddress, type Port } from '../machine.ts';
import { type Message, MessageKind } from '../messages.ts';
import type { MarketConfig, Outcome, TimeUs } from '../types.ts';
import type { PoolJob } from './job.ts';
import { type Lease, LeaseBook, leaseMessage, type Part, PartState } from './leases.ts';
import type { Roster } from './roster.ts';

export class LeaseDesk {
  readonly book = new LeaseBook();
  readonly #config: MarketConfig;
  readonly #roster: Roster;
  readonly #port: Port;
  /** Number before the pool's first lease. */
  readonly #base: number;
  nextLease = 1;

  constructor(config: MarketConfig, roster: Roster, base: number, port: Port) {
    this.#config = config;
    this.#roster = roster;
    this.#base = base;
    this.#port = port;
  }

  /** Leases the parts to their nodes under the job's quote; the parts have been taken from the picture of the machines. */
  grant(now: TimeUs, job: PoolJob, parts: Part[]): Lease {
    const g = this.#config.graces;
    const startedBy = now + g.startWindowUs + g.startAllowanceUs + g.poolUs;
    const lease = this.book.open(this.#base + this.nextLease, job.hold, parts, job.spec.limitUs, startedBy);
    this.nextLease += parts.length;
    const quote = job.quote!;
    const { term, cluster } = this.#roster;
    for (let i = 0; i < parts.length; i++) {
      const { node, allocation } = parts[i]!;
      const a = allocation!;
      a.lease = lease.lease + i;
      a.hold = job.hold;
      a.endUs = now + job.spec.limitUs;
      if (a.image !== undefined) cluster.useImage(node, a.image);
      this.#port.decide(job.hold, this.#roster.nodeOf(node), a.gpus[0] ?? -1, a.lease);
      const award = quote.awards[quote.classes.indexOf(cluster.classOf(node))]!;
      const seq = this.#roster.nextSeq(node);
      this.tell(node, leaseMessage(lease, i, award, term, seq, now + g.startWindowUs));
    }
    return lease;
  }

  /** Tells the nodes, once, to end what of the lease is not over. */
  stop(lease: Lease | undefined, reason: Outcome): void {
    if (lease === undefined || lease.stopped) return;
    lease.stopped = true;
    lease.parts.forEach((p, i) => {
      if (p.state === PartState.sent || p.state === PartState.running)
        this.tell(p.node, { kind: MessageKind.stop, lease: lease.lease + i, reason });
    });
  }

  /** To a node by its local number. */
  tell(local: number, message: Message): void {
    this.#port.send(nodeAddress(this.#config.pools.length, this.#roster.nodeOf(local)), message);
  }
}
