/** Disputes one at a time: who may decide them, what the end of a run says, and which part an act is about. The auditor agrees with each. */
import { describe, expect, test } from 'vitest';
import { type DisputeAct, type Fact, FactKind } from '../../core/facts.ts';
import { type DisputeRules, HOUR_US, type MarketConfig } from '../../core/types.ts';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { auditInput } from '../support/audit.ts';
import { contractRules } from '../support/contracts.ts';
import { arrival, config, node, pool, type Rows, SECOND, simulation, spec, task } from '../support/market.ts';
import { recorded } from '../support/recorded.ts';
import { stakeRules } from '../support/stakes.ts';

const rules = (over: Partial<DisputeRules>): DisputeRules => ({
  ...{ rule: 'metered', windowUs: 10 * HOUR_US, answerUs: HOUR_US, decideUs: 2 * HOUR_US, bondBps: 0 },
  arbiters: ['vera'],
  ...over,
});

const staking = stakeRules({
  stakers: [{ id: 'sam', tokens: '500', bonded: '100', nominates: [0] }],
  commissionBps: [0, 0],
  minBond: '1',
  verifiers: ['vera'],
});

interface Act {
  at: number;
  /** Number of the lease, in order; who acts is its user (file), its provider (contest, concede) or `by`. */
  do: DisputeAct['do'];
  lease?: number;
  by?: string;
  good?: boolean;
}

/** Runs one job to its end, then the acts; answers the events of the disputes, and what the auditor says. */
function tried(over: Partial<MarketConfig>, acts: Act[], attestations: { at: number; act: object }[] = [], hours = 20) {
  const c = config(over);
  const { journals, bytes } = recorded(c);
  const groups = [task(1, { tasks: c.nodes.length === 2 ? 2 : 1 })];
  const horizonUs = hours * HOUR_US;
  const jobs = [arrival(0, 360 * SECOND, spec(1, { groups }))];
  const { sim, rows } = simulation(c, jobs, { horizonUs, journals, checkEveryEvent: true });
  sim.runUntil(700 * SECOND);
  const parts = [...rows.of('placements')].sort((x, y) => x.lease_id - y.lease_id);
  const facts = new Map<number, Fact[]>();
  const add = (at: number, fact: Fact) => facts.set(at, [...(facts.get(at) ?? []), fact]);
  acts.forEach((a, i) => {
    const p = parts[a.lease ?? 0]!;
    const by = a.by ?? (a.do === 'file' ? 'alice' : p.provider);
    const act = { do: a.do, lease: p.lease_id, by, ...(a.good === undefined ? {} : { good: a.good }) } as DisputeAct;
    add(a.at, { kind: FactKind.dispute, seq: i + 1, act });
  });
  attestations.forEach(({ at, act }, i) => {
    const word = { do: 'attest', lease: parts[0]!.lease_id, work: '0', planted: false, ...act };
    add(at, { kind: FactKind.stake, seq: i + 1, act: word } as Fact);
  });
  for (const [at, list] of [...facts].sort((x, y) => x[0] - y[0])) sim.inject(at * SECOND, list);
  sim.finish();
  expect(auditIndependently(auditInput(rows, bytes())).difference).toBeNull();
  return { events: events(rows), leases: parts.map((p) => p.lease_id), provider: parts[0]!.provider };
}

const events = (rows: Rows): [number, string, string][] =>
  rows.of('disputes').map((d) => [d.lease_id, d.event, d.reason]);

describe('who decides a dispute', () => {
  const acts: Act[] = [
    { at: 800, do: 'file' },
    { at: 900, do: 'contest' },
  ];
  const verdict = (rule: DisputeRules['rule'], attestation: object) => {
    const { events: e } = tried({ staking, stakes: [], disputes: rules({ rule }) }, acts, [
      { at: 950, act: attestation },
    ]);
    return e.at(-1)!.slice(1);
  };
  const about = 'owner-n0';

  test('an appointed verifier', () => {
    expect(verdict('proven', { verifier: 'vera', provider: about, good: true })).toEqual(['rejected', 'found-right']);
    expect(verdict('checked', { verifier: 'vera', provider: about, good: false })).toEqual(['upheld', 'found-wrong']);
  });

  test('not a provider, in its own cause or in a rival’s', () => {
    expect(verdict('proven', { verifier: about, provider: about, good: true })).toEqual(['upheld', 'unproven']);
    expect(verdict('checked', { verifier: 'owner-n1', provider: about, good: false })).toEqual(['rejected', 'metered']);
  });

  test('not a verifier that speaks of somebody else', () => {
    const other = { verifier: 'vera', provider: 'owner-n3' };
    expect(verdict('proven', { ...other, good: true })).toEqual(['upheld', 'unproven']);
    expect(verdict('checked', { ...other, good: false })).toEqual(['rejected', 'metered']);
  });

  test('not an arbiter whose own work or charge it is', () => {
    for (const [by, good, want] of [
      ['owner-n0', true, 'unproven'],
      ['alice', false, 'unproven'],
      ['vera', true, 'found-right'],
    ] as const) {
      const disputes = rules({ rule: 'proven', arbiters: ['vera', 'owner-n0', 'alice'] });
      const { events: e } = tried({ disputes }, [...acts, { at: 950, do: 'check', by, good }]);
      expect(e.at(-1)![2]).toBe(want);
    }
  });
});

describe('what is open when the market closes', () => {
  const late = { answerUs: 10 * HOUR_US, decideUs: 10 * HOUR_US };

  test.each([
    ['proven', false],
    ['proven', true],
    ['checked', false],
    ['metered', false],
  ] as const)('under %s is judged by the meter, contested or not (%s): nobody’s time was over', (rule, contested) => {
    const acts: Act[] = [{ at: 800, do: 'file' }, ...(contested ? [{ at: 900, do: 'contest' } as const] : [])];
    const { events: e } = tried({ disputes: rules({ rule, ...late }) }, acts, [], 2);
    expect(e.at(-1)!.slice(1)).toEqual(['rejected', 'metered']);
  });

  test('goes by a check that was heard', () => {
    const acts: Act[] = [
      { at: 800, do: 'file' },
      { at: 900, do: 'check', by: 'vera', good: false },
    ];
    const { events: e } = tried({ disputes: rules({ rule: 'proven', ...late }) }, acts, [], 2);
    expect(e.at(-1)!.slice(1)).toEqual(['upheld', 'found-wrong']);
  });
});

describe('parts of one attempt that look the same', () => {
  test.each([
    [0, 1],
    [1, 0],
  ])('filed in the order %i, %i: each act is about its own lease', (first, second) => {
    const over = { pools: [pool('east')], nodes: [node('n0', { gpus: 1 }), node('n1', { gpus: 1 })] };
    const { events: e, leases } = tried({ ...over, disputes: rules({}) }, [
      { at: 800, do: 'file', lease: first },
      { at: 800, do: 'file', lease: second },
      { at: 900, do: 'contest', lease: 1 },
    ]);
    expect(e.filter(([, event]) => event !== 'filed')).toEqual([
      [leases[1], 'contested', 'ok'],
      [leases[1], 'rejected', 'metered'],
      [leases[0], 'upheld', 'no-answer'],
    ]);
  });

  test('one provider with bonds on two of them', () => {
    const machines = [0, 1].map((i) => node(`n${i}`, { gpus: 1, provider: 'twin' }));
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const over = {
        pools: [pool('east')],
        nodes: machines,
        disputes: rules({ rule: 'checked' as const, bondBps: 2000 }),
      };
      const contract = contractRules({ providerDeposit: '1000000' });
      const { events: e, leases } = tried({ ...over, contract }, [
        ...order.map((lease): Act => ({ at: 800, do: 'file', lease })),
        ...[...order].reverse().map((lease): Act => ({ at: 900, do: 'contest', lease })),
        { at: 950, do: 'check', by: 'vera', lease: order[1], good: false },
      ]);
      expect(e.filter(([, event]) => event === 'upheld')).toEqual([[leases[order[1]], 'upheld', 'found-wrong']]);
    }
  });
});
