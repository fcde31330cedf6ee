/** Every law can be broken, and its checker then names it: a law that cannot fail is no law. */
import { describe, expect, test } from 'vitest';
import { CardState, FactKind } from '../../core/facts.ts';
import { checkInvariants, InvariantViolation, invariants } from '../../core/market/invariants.ts';
import type { NodeLease } from '../../core/node/node-agent.ts';
import type { Position } from '../../core/settlement/stake-book.ts';
import { HOUR_US, type MarketConfig, NEVER } from '../../core/types.ts';
import { contractRules } from '../support/contracts.ts';
import { arrival, config, SECOND, simulation, spec, task } from '../support/market.ts';
import { stakeRules } from '../support/stakes.ts';

/** A market with jobs running on several nodes and one waiting. */
function busy(over: Partial<MarketConfig> = {}) {
  const jobs = Array.from({ length: 7 }, (_, i) =>
    arrival(i * SECOND, 3600 * SECOND, spec(i + 1, { groups: [task(2)], classes: [0], user: 'bob' })),
  );
  const stakers = ['sam', 'tom'].map((id) => ({ id, tokens: '500', bonded: '100', nominates: [0] }));
  const staking = stakeRules({ stakers, commissionBps: [0, 0], minBond: '1' });
  const { sim } = simulation(config({ staking, ...over }), jobs);
  sim.runUntil(60 * SECOND);
  return sim.markets[0]!;
}

/** First lease of the first node that has one; live state, not a copy. */
function firstLease(market: ReturnType<typeof busy>): NodeLease {
  for (const n of market.nodes) for (const l of n!.occupants()) return l;
  throw new Error('nothing runs');
}

function firstPosition(market: ReturnType<typeof busy>): Position {
  for (const p of market.settlement!.staking!.book.positions()) return p;
  throw new Error('nobody stakes');
}

const breakers: Record<string, (m: ReturnType<typeof busy>) => void> = {
  'money-conserved': (m) => {
    m.settlement!.ledger.find('user:bob', 0)!.debitsPending += 1n;
  },
  'holds-resolve-once': (m) => {
    const c = [...m.settlement!.contracts()][0]!;
    c.quote = { ...c.quote, maxCharge: c.quote.maxCharge + 1n };
  },
  'escrow-covers-streams': (m) => {
    m.settlement!.ledger.find('escrow:east', 0)!.debitsPosted += 1n;
  },
  'budgets-are-kept': (m) => {
    m.settlement!.budgets.restore({ accounts: [['bob', { sinceUs: 0, open: 5n, spent: 0n, alerts: 0 }]], holds: [] });
  },
  'disputes-are-covered': (m) => {
    const whose = { pot: 0, currency: 0, user: 'bob', provider: 'owner-n0' };
    const line = { ...whose, lease: 9, hold: 4097, part: 0, amount: 5n, untilUs: NEVER, metered: false };
    m.settlement!.disputes.restore({ lines: [{ ...line, word: 0, case: null }], closed: [], seen: [] });
  },
  'stake-conserved': (m) => {
    firstPosition(m).lots[0]!.amount += 1n;
  },
  'stake-weight-monotone': (m) => {
    m.settlement!.staking!.weight.weight = (stake) => -stake;
  },
  'everyone-can-withdraw': (m) => {
    const p = firstPosition(m);
    m.settlement!.staking!.act(m.now, { do: 'unbond', staker: p.staker, provider: p.provider, amount: '1' });
    p.leaving[0]!.endsUs = NEVER;
  },
  'seats-hold-machines': (m) => {
    m.settlement!.staking!.committee.moved(0, 1);
  },
  'gpu-capacity': (m) => {
    firstLease(m).gpuMilli = 500;
  },
  'no-work-on-failed-gpus': (m) => {
    const n = m.nodes.find((x) => [...x!.occupants()].length > 0)!;
    n.cardOf = () => CardState.dead;
  },
  'one-attempt-at-a-time': (m) => {
    const leases = [...m.nodes[0]!.occupants(), ...m.nodes[1]!.occupants()];
    leases[1]!.hold = leases[0]!.hold + 1;
  },
  'paid-before-started': (m) => {
    firstLease(m).deadlineUs = 1e15;
  },
  'jobs-conserved': (m) => {
    (m.pools[0]!.counts as { completed: number }).completed++;
  },
  'queue-counts': (m) => {
    const waiting = [...m.pools[0]!.jobs()].find((j) => j.state === 2)!;
    waiting.quote = null;
  },
  'no-idle-hold': (m) => {
    const c = [...m.settlement!.contracts()][0]!;
    [...m.pools[c.pool]!.jobs()].find((j) => j.spec.job === c.job)!.hold += 1;
  },
  'no-double-sale': (m) => {
    firstLease(m).fence += 0x100000000;
  },
  'every-lease-ends': (m) => {
    firstLease(m).deadlineUs = m.now - 1;
  },
  'no-ghost-capacity': (m) => {
    firstLease(m).lease += 1000;
  },
  'no-lost-job': (m) => {
    (m.pools[0]!.counts as { handedOver: number }).handedOver++;
  },
  'bills-agree': (m) => {
    const c = [...m.settlement!.contracts()].find((x) => x.claims.length > 0)!;
    c.claims[0]!.part += 1;
  },
  'pool-sees-its-nodes': (m) => {
    m.pools[0]!.cluster.setUp(0, false);
  },
};

describe('named laws', () => {
  test('hold in a healthy market', () => {
    expect(checkInvariants(busy(), true)).toBe(invariants.length);
  });

  test('each has a breaker here', () => {
    expect(Object.keys(breakers).sort((a, b) => (a < b ? -1 : 1))).toEqual(
      invariants.map((i) => i.name).sort((a, b) => (a < b ? -1 : 1)),
    );
  });

  describe('disputes-are-covered', () => {
    const law = invariants.find((i) => i.name === 'disputes-are-covered')!;
    const disputes = { rule: 'metered', windowUs: HOUR_US, answerUs: HOUR_US, decideUs: HOUR_US, bondBps: 0 } as const;

    /** A market in which one charge is disputed. */
    function disputed() {
      const c = config({ disputes: { ...disputes, arbiters: ['vera'] } });
      const { sim, rows } = simulation(c, [arrival(0, 100 * SECOND, spec(1))]);
      sim.runUntil(200 * SECOND);
      const act = { do: 'file', lease: rows.of('placements')[0]!.lease_id, by: 'alice' } as const;
      sim.inject(300 * SECOND, [{ kind: FactKind.dispute, seq: 1, act }]);
      sim.runUntil(300 * SECOND);
      const settlement = sim.markets[0]!.settlement!;
      return { market: sim.markets[0]!, ledger: settlement.ledger, line: settlement.disputes.snapshot().lines[0]! };
    }

    test('holds as it is', () => {
      const { market, line } = disputed();
      expect(line.case).not.toBeNull();
      expect(law.check(market)).toBeNull();
    });

    const faults: [RegExp, (x: ReturnType<typeof disputed>) => void][] = [
      [/has earned -1$/, ({ line }) => (line.amount = -1n)],
      [/is disputed, and 27777 of 27778 held/, ({ line }) => (line.amount += 1n)],
      [/has 27778 held for disputes about 27777/, (x) => (x.ledger.find('revenue:east', 0)!.debitsPending += 1n)],
      [/has 27777 held for disputes about 0/, ({ line }) => (line.case = null)],
      [/holds 27776 of 27777 that may be/, ({ ledger }) => (ledger.find('revenue:east', 0)!.creditsPosted -= 1n)],
    ];
    test.each(faults)('notices %s', (words, break_) => {
      const x = disputed();
      break_(x);
      expect(law.check(x.market)).toMatch(words);
    });
  });

  for (const [name, break_] of Object.entries(breakers)) {
    test(`${name} is noticed when broken`, () => {
      const m = busy(name.startsWith('escrow') ? { contract: contractRules({ kind: 'prepaid' }) } : {});
      break_(m);
      const law = invariants.find((i) => i.name === name)!;
      expect(law.check(m)).toMatch(/\w/);
      try {
        checkInvariants(m, true);
        expect.unreachable();
      } catch (e) {
        expect(e).toBeInstanceOf(InvariantViolation);
      }
    });
  }

  test('agreement is judged only while no letter is on its way', () => {
    const m = busy();
    breakers['pool-sees-its-nodes']!(m);
    expect(checkInvariants(m, false)).toBe(invariants.filter((i) => i.scope !== 'agreement').length);
  });
});
