/**
 * Laws that must hold between any two steps, each with a name and a scope (contract, rule 16): `local` = of one machine,
 * always; `safety` = judged from node and ledger state, never from a pool's view, always; `agreement` = between machines,
 * only while no message is on its way. A checker returns what is wrong, in words, or null.
 */

import { CardState } from '../facts.ts';
import { LeaseState, mayRun } from '../node/node-agent.ts';
import { JobState } from '../pool/job.ts';
import { ContractState } from '../settlement/contract.ts';
import type { StakeBook } from '../settlement/stake-book.ts';
import { depositFor } from '../settlement/terms.ts';
import { attemptOfHold, jobOfHold, NEVER, WHOLE_GPU } from '../types.ts';
import { meshLaws } from './mesh-laws.ts';
import { Look, lookAt, type MarketView } from './view.ts';

export { type MarketView, viewOf } from './view.ts';

export interface Invariant {
  name: string;
  scope: 'local' | 'safety' | 'agreement';
  about: string;
  check(market: MarketView): string | null;
}

export class InvariantViolation extends Error {
  readonly invariant: string;
  constructor(invariant: string, detail: string, now: number) {
    super(`invariant ${invariant} is broken at ${now} us: ${detail}`);
    this.name = 'InvariantViolation';
    this.invariant = invariant;
  }
}

/** Changes of a stake book when its exits were last tried, and when its weights were last compared. */
const tried = new WeakMap<StakeBook, number>();
const weighed = new WeakMap<StakeBook, number>();

export const invariants: readonly Invariant[] = [
  {
    name: 'money-conserved',
    scope: 'safety',
    about:
      'Debits equal credits in every currency, reserved sums match the open holds, no limited account is overdrawn.',
    check: (m) => m.settlement?.ledger.fault() ?? null,
  },
  {
    name: 'holds-resolve-once',
    scope: 'safety',
    about: 'Every open hold is one pending transfer of the quoted sum; nothing else is pending.',
    check: (m) => {
      if (m.settlement === null) return null;
      let open = 0;
      for (const c of lookAt(m).contracts) {
        if (c.state === ContractState.dormant) {
          if (c.pending !== 0) return `contract of job ${c.job} is dormant but holds transfer ${c.pending}`;
          continue;
        }
        if (m.settlement.payments.streams(c.job)) continue;
        open++;
        const amount = m.settlement.ledger.pendingAmount(c.pending);
        if (amount === undefined) return `hold ${c.hold} of job ${c.job} has no pending transfer`;
        const { contract } = m.config;
        if (amount !== (contract === undefined ? c.quote.maxCharge : depositFor(c.spec, c.quote, contract)))
          return `hold ${c.hold} reserves ${amount}, the quote says ${c.quote.maxCharge}`;
      }
      const others = m.settlement.reservedSubsidies + m.settlement.disputes.pendingCount;
      return open + others === m.settlement.ledger.pendingCount
        ? null
        : `${open} open holds and ${others} of subsidies and disputes but ${m.settlement.ledger.pendingCount} pending transfers`;
    },
  },
  {
    name: 'budgets-are-kept',
    scope: 'safety',
    about:
      'What a user’s attempts of a period were charged, and can cost at most while they are open, is within its budget.',
    check: (m) => m.settlement?.budgets.fault() ?? null,
  },
  {
    name: 'disputes-are-covered',
    scope: 'safety',
    about:
      'Every disputed amount is held to the unit, and what may still be disputed lies undivided in its revenue account.',
    check: (m) => m.settlement?.disputes.fault() ?? null,
  },
  {
    name: 'escrow-covers-streams',
    scope: 'safety',
    about: 'What lies in escrow is what running attempts have there, and none has taken more than its quote allows.',
    check: (m) => m.settlement?.payments.fault() ?? null,
  },
  {
    name: 'stake-conserved',
    scope: 'safety',
    about:
      'Free, bonded and unbonding tokens, those in escrow and those slashed sum to what was issued; positions, queues and pots match the ledger.',
    check: (m) => m.settlement?.staking?.book.fault() ?? m.settlement?.staking?.pots.fault() ?? null,
  },
  {
    name: 'stake-weight-monotone',
    scope: 'safety',
    about: 'Raising one stake never lowers its weight.',
    check: (m) => {
      const staking = m.settlement?.staking;
      if (staking == null || weighed.get(staking.book) === staking.book.changes) return null;
      const fault = staking.weightFault(m.now);
      if (fault === null) weighed.set(staking.book, staking.book.changes);
      return fault;
    },
  },
  {
    name: 'everyone-can-withdraw',
    scope: 'safety',
    about:
      'On a copy, every staker unbonds everything as soon as its lock allows and has it when the queue is through.',
    check: (m) => {
      const book = m.settlement?.staking?.book;
      if (book === undefined || tried.get(book) === book.changes) return null;
      const fault = book.exitFault(m.now);
      if (fault === null) tried.set(book, book.changes);
      return fault;
    },
  },
  {
    name: 'seats-hold-machines',
    scope: 'safety',
    about: 'The machines of every seat are with the pool that holds it.',
    check: (m) => {
      const s = m.settlement;
      return s?.staking?.committee.fault((n) => s.poolOfNode(n)) ?? null;
    },
  },
  {
    name: 'gpu-capacity',
    scope: 'safety',
    about:
      'On every GPU the leases that occupy it and what is free add up to 1,000 milli-GPU; MIG instances do not overlap, and share no GPU with others.',
    check: (m) => {
      for (const n of m.nodes) {
        if (n === null) continue;
        const gpus = n.spec.gpus;
        // What most machines are most of the time.
        if (n.leases().length === 0) {
          for (let g = 0; g < gpus; g++)
            if (n.freeMilliOf(g) !== WHOLE_GPU)
              return `GPU ${g} of node ${n.spec.id}: 0 used + ${n.freeMilliOf(g)} free`;
          continue;
        }
        const used = new Array<number>(gpus).fill(0);
        // By GPU: the slices that are taken, 0 where it is not divided, -1 where nobody has been seen on it.
        const slices = new Array<number>(gpus).fill(-1);
        for (const l of n.leases()) {
          if (l.state === LeaseState.lapsed) continue;
          const now = l.slices ?? 0;
          for (const g of l.gpus) {
            used[g]! += l.gpuMilli;
            const before = slices[g]!;
            if (before >= 0 && (before & now || (before === 0) !== (now === 0)))
              return `GPU ${g} of node ${n.spec.id} is divided and shared, or its instances overlap`;
            slices[g] = before < 0 ? now : before | now;
          }
        }
        for (let g = 0; g < gpus; g++) {
          if (used[g]! > WHOLE_GPU) return `GPU ${g} of node ${n.spec.id} is leased ${used[g]} milli`;
          if (used[g]! + n.freeMilliOf(g) !== WHOLE_GPU)
            return `GPU ${g} of node ${n.spec.id}: ${used[g]} used + ${n.freeMilliOf(g)} free`;
        }
      }
      return null;
    },
  },
  {
    name: 'no-work-on-failed-gpus',
    scope: 'safety',
    about:
      'On a dead GPU nothing is to start or goes on without an order to end; one that is to be reset takes on nothing new.',
    check: (m) => {
      for (const n of m.nodes) {
        if (n === null) continue;
        for (const l of n.leases()) {
          if (l.state > LeaseState.running) continue;
          for (const g of l.gpus) {
            const card = n.cardOf(g);
            if (card === CardState.dead || (card === CardState.draining && l.state === LeaseState.claiming))
              return `lease ${l.lease} stands on GPU ${g} of node ${n.spec.id}, which is out of service`;
          }
        }
      }
      return null;
    },
  },
  {
    name: 'one-attempt-at-a-time',
    scope: 'safety',
    about: 'The nodes never run two attempts of one job, nor one part of a lease twice.',
    check: (m) => {
      const hold = new Map<number, number>();
      const leases = new Set<number>();
      for (const n of m.nodes) {
        if (n === null) continue;
        for (const l of n.leases()) {
          if (!mayRun(l)) continue;
          const job = jobOfHold(l.hold);
          const other = hold.get(job);
          if (other !== undefined && other !== l.hold)
            return `job ${job} runs as attempts ${attemptOfHold(other)} and ${attemptOfHold(l.hold)}`;
          hold.set(job, l.hold);
          if (leases.has(l.lease)) return `lease ${l.lease} runs twice`;
          leases.add(l.lease);
        }
      }
      return null;
    },
  },
  {
    name: 'paid-before-started',
    scope: 'safety',
    about: 'Whatever a node starts or runs has a claimed hold at Settlement that outlasts the node’s own deadline.',
    check: (m) => {
      if (m.settlement === null) return null;
      const look = lookAt(m);
      for (const n of m.nodes) {
        if (n === null) continue;
        for (const l of n.leases()) {
          if (!mayRun(l) || l.deadlineUs >= NEVER) continue;
          const c = look.byJob.get(jobOfHold(l.hold));
          if (c === undefined || c.hold !== l.hold || c.state !== ContractState.claimed) {
            return `node ${n.spec.id} runs lease ${l.lease} without a claimed hold`;
          }
          if (c.expiresUs <= l.deadlineUs)
            return `hold ${c.hold} ends at ${c.expiresUs}, its node only at ${l.deadlineUs}`;
        }
      }
      return null;
    },
  },
  {
    name: 'jobs-conserved',
    scope: 'local',
    about: 'Every submitted or inherited job is live, finished or handed over.',
    check: (m) => {
      for (const p of m.pools) {
        if (p === null) continue;
        const c = p.counts;
        const into = c.submitted + c.inherited;
        const out = c.completed + c.failed + c.rejected + c.cancelled + c.handedOver + p.liveJobs;
        if (into !== out) return `pool ${p.id}: ${into} in, ${out} accounted for`;
      }
      return null;
    },
  },
  {
    name: 'queue-counts',
    scope: 'local',
    about:
      'The pool’s count of waiting jobs is the number of jobs in state waiting, and each of them has terms and no lease.',
    check: (m) => {
      for (const p of m.pools) {
        if (p === null) continue;
        let waiting = 0;
        for (const j of lookAt(m).jobsOf(p)) {
          if (j.state !== JobState.waiting) continue;
          waiting++;
          if (j.quote === null || j.hold === 0) return `job ${j.spec.job} waits without a held quote`;
        }
        if (waiting !== p.waitingCount) return `pool ${p.id} counts ${p.waitingCount} waiting jobs, has ${waiting}`;
      }
      return null;
    },
  },
  {
    name: 'no-idle-hold',
    scope: 'agreement',
    about: 'Every contract belongs to a live job of its pool, every open hold to that job’s present attempt.',
    check: (m) => {
      if (m.settlement === null) return null;
      const look = lookAt(m);
      const live = m.pools.map((p) => (p === null ? null : new Map(look.jobsOf(p).map((j) => [j.spec.job, j]))));
      for (const c of look.contracts) {
        if (live[c.pool] === null) continue;
        const job = live[c.pool]!.get(c.job);
        if (job === undefined)
          return `hold ${c.hold} is kept but pool ${m.config.pools[c.pool]!.id} has no job ${c.job}`;
        if (c.state !== ContractState.dormant && job.hold !== c.hold)
          return `job ${c.job} is at hold ${job.hold}, Settlement at ${c.hold}`;
      }
      return null;
    },
  },
  {
    name: 'pool-sees-its-nodes',
    scope: 'agreement',
    about: 'What a pool believes free on its nodes is what the nodes have free.',
    check: (m) => {
      for (const p of m.pools) {
        if (p === null) continue;
        const nodes = p.nodes();
        for (let i = 0; i < nodes.length; i++) {
          const n = m.nodes[nodes[i]!];
          if (n === null || n === undefined || n.poolOf !== p.address) continue;
          // A machine that has not been heard of is as good as gone, whatever it does.
          const there = n.takesWork && p.hears(i);
          if (p.cluster.isUp(i) !== there) return `pool ${p.id} believes node ${n.spec.id} ${there ? 'down' : 'up'}`;
          for (let g = 0; g < n.spec.gpus; g++) {
            const out = n.cardOf(g) !== CardState.fine;
            if (p.cluster.isOut(i, g) !== out)
              return `GPU ${g} of node ${n.spec.id} is ${out ? 'out of' : 'in'} service, and pool ${p.id} has not heard`;
            const offered = p.cluster.freeMilliOf(i, g) + (p.supply?.closedMilli(i, g) ?? 0);
            if (out && offered > 0) return `pool ${p.id} offers GPU ${g} of node ${n.spec.id}, which is out of service`;
            const idle = out ? p.cluster.heldMilliOf(i, g) : offered;
            if (idle !== n.freeMilliOf(g)) {
              return `GPU ${g} of node ${n.spec.id}: pool ${p.id} believes ${idle} milli free, the node has ${n.freeMilliOf(g)}`;
            }
          }
        }
      }
      return null;
    },
  },
  ...meshLaws,
];

/** Checks every law that applies; `wiresEmpty` = no message is on its way between hosts. Returns the number checked. */
export function checkInvariants(market: MarketView, wiresEmpty: boolean): number {
  let checked = 0;
  const look = new Look(market);
  for (const law of invariants) {
    if (law.scope === 'agreement' && !wiresEmpty) continue;
    checked++;
    const detail = law.check(look);
    if (detail !== null) throw new InvariantViolation(law.name, detail, market.now);
  }
  return checked;
}
