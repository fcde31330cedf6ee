/**
 * Laws of a market whose machines stand on several hosts: what partitions, crashes and takeovers must leave whole. Each is judged from
 * the machines' own state; those of scope `agreement` only while no message is on its way, which is when a partition has healed.
 */
import { LeaseState } from '../node/node-agent.ts';
import { JobState } from '../pool/job.ts';
import { ContractState } from '../settlement/contract.ts';
import { NEVER, WHOLE_GPU } from '../types.ts';
import type { Invariant } from './invariants.ts';
import { lookAt, type MarketView } from './view.ts';

/** Term in a lease's fence. */
const termOf = (fence: number): number => Math.floor(fence / 0x100000000);

export const meshLaws: readonly Invariant[] = [
  {
    name: 'no-double-sale',
    scope: 'safety',
    about:
      'A machine sells under one term: what it has taken on since it obeys its pool was granted under that pool’s term, and no GPU is leased beyond 1,000 milli.',
    check: (m) => {
      for (const n of m.nodes) {
        if (n === null || n.leases().length === 0) continue;
        const sold = new Array<number>(n.spec.gpus).fill(0);
        for (const l of n.leases()) {
          if (l.state === LeaseState.lapsed) continue;
          if (!l.carried && termOf(l.fence) !== n.term)
            return `node ${n.spec.id} obeys term ${n.term} but took lease ${l.lease} under term ${termOf(l.fence)}`;
          for (const g of l.gpus) {
            sold[g]! += l.gpuMilli;
            if (sold[g]! > WHOLE_GPU) return `GPU ${g} of node ${n.spec.id} is sold ${sold[g]} milli at once`;
          }
        }
      }
      return null;
    },
  },
  {
    name: 'every-lease-ends',
    scope: 'safety',
    about:
      'What occupies a GPU ends by itself: a lease at a machine has a deadline that has not passed, or the world has been told to end it; a lease at a pool has one, or its machines have been told.',
    check: (m) => {
      for (const n of m.nodes) {
        if (n === null) continue;
        for (const l of n.leases()) {
          const bounded =
            l.state === LeaseState.claiming || l.state === LeaseState.starting || l.state === LeaseState.running;
          if (bounded && (l.deadlineUs >= NEVER || l.deadlineUs < m.now))
            return `lease ${l.lease} stands on node ${n.spec.id} past its deadline ${l.deadlineUs}`;
        }
      }
      for (const p of m.pools) {
        if (p === null) continue;
        for (const l of p.leases())
          if (!l.stopped && (l.deadlineUs >= NEVER || l.deadlineUs <= p.now))
            return `pool ${p.id} keeps lease ${l.lease} past its deadline ${l.deadlineUs}`;
      }
      return null;
    },
  },
  {
    name: 'no-ghost-capacity',
    scope: 'agreement',
    about: 'What a pool believes taken on its machines is a lease there, and what is taken there the pool knows.',
    check: (m) => {
      for (const p of m.pools) {
        if (p === null) continue;
        const nodes = p.nodes();
        for (let i = 0; i < nodes.length; i++) {
          const n = m.nodes[nodes[i]!];
          if (n === null || n === undefined || n.poolOf !== p.address) continue;
          const there = new Set<number>();
          for (const l of n.leases()) if (l.state !== LeaseState.lapsed) there.add(l.lease);
          for (const a of p.cluster.allocationsOf(i)) {
            if (a.closed === true) continue;
            if (!there.delete(a.lease))
              return `pool ${p.id} keeps GPUs of node ${n.spec.id} for lease ${a.lease}, which is not there`;
          }
          for (const lease of there) return `lease ${lease} occupies node ${n.spec.id}, and pool ${p.id} has not heard`;
        }
      }
      return null;
    },
  },
  {
    name: 'no-lost-job',
    scope: 'agreement',
    about:
      'Whoever gave a job away, another has it: as many are handed over as inherited, every contract’s pool has its job, and every job beyond its quote has its contract.',
    check: (m) => {
      if (m.settlement === null || m.pools.some((p) => p === null)) return null;
      let away = 0;
      for (const p of m.pools) away += p!.counts.handedOver - p!.counts.inherited;
      if (away !== 0) return `${away} more jobs were handed over than inherited`;
      const look = lookAt(m);
      const contracts = new Map(look.byJob);
      for (const p of m.pools) {
        for (const j of look.jobsOf(p!)) {
          const c = contracts.get(j.spec.job);
          if (j.state !== JobState.quoting && c?.pool !== p!.index)
            return `pool ${p!.id} has job ${j.spec.job} in state ${j.state}, and the chain says pool ${c?.pool ?? 'none'}`;
          if (c?.pool === p!.index) contracts.delete(j.spec.job);
        }
      }
      for (const c of contracts.values()) return `job ${c.job} is with pool ${c.pool} by its contract, and not there`;
      return null;
    },
  },
  {
    name: 'bills-agree',
    scope: 'agreement',
    about:
      'What machines have metered is what the chain has read, no more and no less, and every part that an open bill waits for stands on its machine.',
    check: (m: MarketView) => {
      const s = m.settlement;
      if (s === null) return null;
      for (const [i, n] of m.nodes.entries())
        if (n !== null && n.reportedUs !== s.readUsOf(i))
          return `node ${n.spec.id} has metered ${n.reportedUs} us, the chain has read ${s.readUsOf(i)}`;
      for (const c of lookAt(m).contracts) {
        if (c.state !== ContractState.claimed) continue;
        for (const part of c.claims) {
          const n = m.nodes[part.node];
          if (part.read || n === null || n === undefined) continue;
          if (!n.leases().some((l) => l.hold === c.hold && l.part === part.part))
            return `hold ${c.hold} waits for part ${part.part}, of which node ${n.spec.id} knows nothing`;
        }
      }
      return null;
    },
  },
];
