/** Agents who do not play by the rules, by hand, and what is refused; their books and gains are in test/laws/adversaries.test.ts. */
import { describe, expect, test } from 'vitest';
import { clonePlain } from '../../core/plain.ts';
import { HOUR_US, type MarketConfig } from '../../core/types.ts';
import type { AdversarySpec } from '../../scenarios/adversary-spec.ts';
import { RealUse } from '../../sim/world/real-use.ts';
import { contractRules } from '../support/contracts.ts';
import { arrival, config, node, pool, SECOND, simulation, spec } from '../support/market.ts';
import { added, refusal } from '../support/scenario-text.ts';

const nobody = { others: [], honest: false };
const never = Number.MAX_SAFE_INTEGER;

/** One GPU each, 1 USD an hour; a job of 100 s whose limit is 300 s. */
function market(
  adversaries: AdversarySpec,
  arrivals = [arrival(0, 100 * SECOND, spec(1, { limitUs: 300 * SECOND }))],
  over: Partial<MarketConfig> = {},
) {
  const nodes = [node('n0', { gpus: 1 })];
  const c = config({ nodes, pools: [pool('east')], ...over });
  return simulation(c, arrivals, {
    adversaries: { spec: adversaries, costMicro: nodes.map(() => 100_000), realGpus: nodes.map(() => 1) },
  });
}

describe('by hand', () => {
  const overbillers = (over = {}): AdversarySpec => ({
    overbillers: { ...nobody, agents: ['owner-n0'], until: 1, noticedUs: never, ...over },
  });
  test.each([
    [{}, 300, 200],
    [{ until: 0.5 }, 200, 100],
    [{ noticedUs: 30 * SECOND }, 130, 30],
    [{ honest: true }, 100, 0],
  ])('a job of 100 s that may run 300 s is billed by %j until %d s', (over, end, idle) => {
    const r = market(overbillers(over));
    r.sim.finish();
    expect(r.rows.of('jobs').map((j) => [j.final_state, j.finish_time_us / SECOND])).toEqual([['completed', end]]);
    expect(r.rows.of('placements')[0]).toMatchObject({
      outcome: 'completed',
      charge_micro: BigInt(Math.floor((1_000_000 * end) / 3600)),
    });
    const acts = r.sim.acts!.get('owner-n0');
    expect((acts?.idleMilliUs ?? 0) / (1000 * SECOND)).toBe(idle);
  });

  test('a user keeps what it has, and whoever waits for it waits', () => {
    const squatters = { ...nobody, agents: ['alice'], keepUs: 50 * SECOND, worthMicro: 0, noticedUs: never };
    const r = market({ squatters }, [
      arrival(0, 100 * SECOND, spec(1, { limitUs: 300 * SECOND })),
      arrival(SECOND, 100 * SECOND, spec(2, { limitUs: 300 * SECOND, user: 'bob' })),
    ]);
    r.sim.finish();
    expect(r.rows.of('jobs').map((j) => j.finish_time_us / SECOND)).toEqual([150, 250]);
    expect(r.sim.acts!.get('alice')).toMatchObject({ acts: 1, idleMilliUs: 50 * SECOND * 1000 });
  });

  test('a machine is taken away from its job for a better offer, and one that pays less is not', () => {
    const leavers = (micro: number, honest: boolean): AdversarySpec => ({
      leavers: {
        ...nobody,
        honest,
        agents: ['owner-n0'],
        everyUs: HOUR_US,
        lasts: { family: 'exponential', meanUs: HOUR_US },
        pays: { kind: 'fixed', micro },
        above: 1,
      },
    });
    const long = () => [arrival(0, 20 * HOUR_US, spec(1, { limitUs: 30 * HOUR_US, estimateUs: 30 * HOUR_US }))];
    // The market pays 0.80 USD an hour.
    const goes = market(leavers(900_000, false), long());
    goes.sim.runUntil(20 * HOUR_US);
    expect(goes.sim.acts!.get('owner-n0')!.acts).toBeGreaterThan(0);
    for (const [micro, honest] of [
      [700_000, false],
      [900_000, true],
    ] as const) {
      const stays = market(leavers(micro, honest), long());
      stays.sim.runUntil(19 * HOUR_US);
      expect(stays.sim.acts!.size).toBe(0);
    }
  });

  const dead = (over = {}) => ({
    ...nobody,
    agents: ['alice'],
    identities: 2,
    brings: '0',
    afterUs: 0,
    collects: true,
    noticedUs: never,
    ...over,
  });
  const debitNotes = contractRules({ kind: 'notes', periodUs: 60 * SECOND, acceptUs: 30 * SECOND, loss: 'user-pays' });
  const users = ['alice', 'alice~2', 'bob'].map((id) => ({ id, currency: 0, deposit: '0', postpaid: true }));
  const thrice = () =>
    [1, 2, 3].map((n) => arrival(n * 500 * SECOND, (n === 2 ? 40 : 200) * SECOND, spec(n, { limitUs: 300 * SECOND })));

  test('who never pays comes under one name after the other, and is cut off when a note goes unaccepted', () => {
    const r = market({ deadRequestors: dead() }, thrice(), { contract: debitNotes, users });
    r.sim.finish();
    // The first note of job 1 comes at 540 s, a full minute of the clock, and its 30 s pass; the second job is shorter than that.
    expect(r.rows.of('jobs').map((j) => [j.job_id, j.user, j.final_state, j.reason])).toEqual([
      [1, 'alice', 'cancelled', 'unpaid'],
      [2, 'alice~2', 'completed', 'ok'],
      [3, 'alice~2', 'rejected', 'insufficient-funds'],
    ]);
    expect(r.rows.of('transfers').filter((t) => t.debit.startsWith('user:') && t.amount_micro > 0n)).toEqual([]);
    expect(r.rows.of('adjustments').map((a) => [a.user, a.kind])).toEqual([
      ['alice', 'unpaid'],
      ['alice~2', 'unpaid'],
    ]);
    expect(r.sim.acts!.get('alice')!.acts).toBe(2);
  });

  test('who never comes for its results blocks the machine until somebody looks', () => {
    const one = () => [arrival(0, 100 * SECOND, spec(1, { limitUs: 300 * SECOND }))];
    for (const [noticedUs, end] of [
      [never, 300],
      [50 * SECOND, 150],
    ] as const) {
      const r = market({ deadRequestors: dead({ collects: false, noticedUs }) }, one());
      r.sim.finish();
      expect(r.rows.of('jobs').map((j) => j.finish_time_us / SECOND)).toEqual([end]);
    }
  });

  test('a fork in the middle of a lease that is kept goes on as the run it came from', () => {
    const r = market(overbillers());
    r.sim.runUntil(200 * SECOND);
    const state = clonePlain(r.sim.snapshot());
    const fork = market(overbillers());
    fork.sim.options.streams.restore(state.streams);
    fork.sim.restore(state);
    r.sim.finish();
    fork.sim.finish();
    expect(fork.rows.of('jobs')).toEqual(r.rows.of('jobs'));
    expect([...fork.sim.acts!]).toEqual([...r.sim.acts!]);
  });

  test('one card registered four times costs once what it costs: the most of its copies at a time, never more than it has', () => {
    const use = new RealUse(new Map([['n0', 1000]]));
    use.add('n0', 1000, 0, 10);
    use.add('n0', 1000, 5, 20);
    use.add('n0', 500, 30, 40);
    use.add('n0', 300, 30, 40);
    expect(use.milliUsOf('n0')).toBe(20_000n + 8_000n);
    expect(use.milliUsOf('n1')).toBe(0n);
  });
});

describe('what is refused', () => {
  const offers = 'every: 1 hour, lasts: { exponential: { mean: 1 hour } }, pays: { fixed: 1 USD/hour }';
  test.each([
    [`leavers: { group: nobody, ${offers} }`, 'unknown group "nobody"'],
    [`leavers: { group: lab, share: 120 %, ${offers} }`, 'out of range'],
    [`leavers: { group: lab, ${offers.replace('every: 1 hour', 'every: 0 hour')} }`, 'no time at all'],
    [`leavers: { group: lab, ${offers.replace('every: 1 hour', 'every: 3')} }`, 'has no unit'],
    [`leavers: { group: lab, ${offers.replace('fixed: 1 USD/hour', 'fixed: -1 USD/hour')} }`, 'is negative'],
    ['leavers: { group: lab }', 'every'],
    [`leavers: { group: lab, above: .nan, ${offers} }`, 'above'],
    ['overbillers: { group: lab, until: 2 }', 'out of range'],
    ['overbillers: { group: lab, noticed: soon }', 'noticed'],
    ['squatters: { persona: nobody }', 'unknown persona "nobody"'],
    ['squatters: { persona: users, worth: 1 }', 'has no unit'],
    ['squatters: { persona: users, keep: -1 hour }', 'keep'],
    ['deadRequestors: { persona: users, identities: 0 }', 'identities'],
    ['deadRequestors: { persona: users, brings: 5 JCT }', 'pays in USD'],
    ['deadRequestors: { persona: users, collects: maybe }', 'collects'],
    ['ring: { group: lab }', 'neither asks more nor withholds'],
    ['ring: { group: lab, asks: 2 }', 'nobody asks where no supply is bought'],
    ['ring: { group: lab, withhold: 50 %, honest: perhaps }', 'honest'],
    [
      'ring: { group: lab, share: 80 %, withhold: 50 % }\n  overbillers: { group: lab, share: 80 % }',
      'have another part',
    ],
    ['thieves: { group: lab }', 'thieves'],
  ])('%s: %s', (text, what) => {
    expect(refusal(added(`adversaries:\n  ${text}\n`))).toContain(what);
  });
});
