/** Agents who do not play by the rules: by hand, by their books, and with and without what the market has against them. */
import { describe, expect, test } from 'vitest';
import { clonePlain } from '../../core/plain.ts';
import { HOUR_US } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import type { AdversarySpec } from '../../scenarios/adversary-spec.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { runScenario } from '../../sim/run.ts';
import type { RunJson } from '../../sim/summary.ts';
import { RealUse } from '../../sim/world/real-use.ts';
import { arrival, config, node, pool, SECOND, simulation, spec } from '../support/market.ts';
import { added, refusal } from '../support/scenario-text.ts';

const nobody = { others: [], honest: false };
const never = Number.MAX_SAFE_INTEGER;

/** One GPU each, 1 USD an hour; a job of 100 s whose limit is 300 s. */
function market(adversaries: AdversarySpec, arrivals = [arrival(0, 100 * SECOND, spec(1, { limitUs: 300 * SECOND }))]) {
  const nodes = [node('n0', { gpus: 1 })];
  const c = config({ nodes, pools: [pool('east')] });
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

const scenario = (rest: string, horizon = '2 day') => `name: agents
horizon: ${horizon}
fleet:
  classes: [{ name: rtx-4090, memory: 24 GiB }]
  groups:
    - { name: homes, providers: 20, class: rtx-4090, cost: 0.08 USD/hour }
demand:
  personas:
    - name: images
      users: 20
      arrivals: { rate: 14 jobs/hour }
      work: { median: 50 minute, sigma: 0.6, min: 2 minute, max: 6 hour }
      value: { median: 1.2 USD/hour, sigma: 0.5 }
      patience: 6 hour
      deposit: 200 USD
      postpaid: false
      limitFactor: 3
pricing: { rates: { rtx-4090: 0.3 USD/hour } }
${rest}`;
const run = (text: string, sets: string[] = [], replication = 0): RunJson =>
  runScenario(resolveScenario(text, 'f.yaml', sets), { registry: shipped, replication });

const OFFERS =
  'every: 5 hour, lasts: { exponential: { mean: 1 hour } }, pays: { uniform: { min: 0.1 USD/hour, max: 0.9 USD/hour } }';

/** What cheating brings an agent over playing by the rules, mean over replications 0..R-1 of the same agents. */
function gain(text: string, kind: string, sets: string[] = [], replications = 3): number {
  let sum = 0;
  for (let r = 0; r < replications; r++) {
    const cheats = run(text, sets, r).adversaries![kind]!;
    const honest = run(text, [...sets, `adversaries.${kind}.honest=true`], r).adversaries![kind]!;
    expect(honest.each.map((e) => e.agent)).toEqual(cheats.each.map((e) => e.agent));
    expect(honest.acts).toBe(0);
    sum += cheats.payoffPerAgentUsd - honest.payoffPerAgentUsd;
  }
  return sum / replications;
}

describe('in a scenario', () => {
  test('payoffs add up to what the books say, and no agent makes money appear', () => {
    const text = scenario(`billing: { contract: { kind: notes, period: 10 minute, accept: 10 minute } }
adversaries:
  leavers: { group: homes, share: 20 %, ${OFFERS} }
  overbillers: { group: homes, share: 20 % }
  ring: { group: homes, share: 20 %, withhold: 50 % }
  squatters: { persona: images, share: 20 %, worth: 0.1 USD/hour, keep: 1 hour }
  deadRequestors: { persona: images, share: 20 %, identities: 3 }
`);
    const s = resolveScenario(text, 'f.yaml');
    const r = runScenario(s, { registry: shipped, checkEveryEvent: true });
    expect(r.invariants.violations).toBe(0);
    const a = r.adversaries!;
    expect(Object.keys(a)).toEqual(['leavers', 'overbillers', 'squatters', 'deadRequestors', 'ring']);
    for (const x of Object.values(a)) {
      expect(x).toMatchObject({ agents: 4, honest: false });
      expect(x.acts).toBeGreaterThan(0);
      expect(x.payoffUsd).toBeCloseTo(x.marketUsd + x.outsideUsd + x.worthUsd - x.costUsd, 5);
      expect(x.each.reduce((n, e) => n + e.payoffUsd, 0)).toBeCloseTo(x.payoffUsd, 5);
      expect(x.each.reduce((n, e) => n + e.acts, 0)).toBe(x.acts);
      expect(x.overOthersUsd).toBeCloseTo(x.payoffPerAgentUsd - x.others.payoffPerAgentUsd, 5);
    }
    expect(a['leavers']!.others.agents).toBe(8);
    const names = ['leavers', 'overbillers', 'ring'].flatMap((kind) => a[kind]!.each.map((e) => e.agent));
    expect(new Set(names).size).toBe(12);
    expect(a['deadRequestors']!.unpaidUsd).toBeGreaterThan(0);
    expect(JSON.stringify(runScenario(s, { registry: shipped }).adversaries)).toBe(JSON.stringify(a));
  });

  test('where nothing comes from elsewhere, all payoffs together are what providers got and what users have', () => {
    const text = scenario(`billing: { contract: { kind: hold, providerDeposit: 1 USD, credit: 20 % } }
failures: { groups: { homes: { mtbf: 20 hour, repair: 1 hour } } }
adversaries:
  overbillers: { group: homes, share: 20 % }
  ring: { group: homes, share: 20 %, withhold: 50 % }
  squatters: { persona: images, share: 20 %, keep: 1 hour }
`);
    const r = run(text, ['fleet.groups.homes.cost=0 USD/hour']);
    const { overbillers, ring, squatters } = r.adversaries!;
    const all = (x: typeof ring) => x!.payoffUsd + x!.others.agents * x!.others.payoffPerAgentUsd;
    expect(all(ring) + overbillers!.payoffUsd).toBeCloseTo(Number(r.money.providers) / 1e6, 4);
    expect(all(squatters)).toBeCloseTo(r.economics.userSurplus!, 4);
  });
});

describe('with and without what the market has against them', () => {
  test.each([
    [
      'leavers',
      `{ group: homes, share: 25 %, ${OFFERS} }`,
      'billing: { contract: { kind: prepaid, period: 10 minute, loss: user-pays, providerDeposit: 50 USD } }',
      [],
      ['billing.contract.loss=provider-bears', 'billing.contract.credit=100 %'],
    ],
    ['overbillers', '{ group: homes, share: 25 % }', '', [], ['adversaries.overbillers.noticed=5 minute']],
    [
      'squatters',
      '{ persona: images, share: 25 %, keep: 2 hour, worth: 0.2 USD/hour }',
      '',
      ['demand.personas.images.arrivals.rate=4 jobs/hour', 'pricing.rates.rtx-4090=0.05 USD/hour'],
      ['demand.personas.images.arrivals.rate=4 jobs/hour', 'pricing.rates.rtx-4090=0.3 USD/hour'],
    ],
    [
      'deadRequestors',
      '{ persona: images, share: 25 %, identities: 60, brings: 0 USD }',
      'billing: { contract: { kind: notes, period: 1 day, accept: 1 hour } }',
      [],
      ['billing.contract.period=2 minute', 'billing.contract.accept=4 minute'],
    ],
  ])('%s gain without it, and not even half as much, or lose, with it', (kind, agents, billing, without, withIt) => {
    const text = scenario(`${billing}\nadversaries:\n  ${kind}: ${agents}\n`);
    const off = gain(text, kind, without);
    expect(off).toBeGreaterThan(0);
    expect(gain(text, kind, withIt)).toBeLessThan(off / 2);
  });

  const auction = (ring: string) =>
    scenario(`scheduling: { queueing: fifo }\nadversaries:\n  ring: ${ring}\n`)
      .replace(
        'pricing: { rates: { rtx-4090: 0.3 USD/hour } }',
        'pricing: { mechanism: pvcg, rates: { rtx-4090: 0.6 USD/hour } }',
      )
      .replace(
        '  groups:\n',
        '  costs: { rtx-4090: { uniform: { min: 0.05 USD/hour, max: 0.25 USD/hour } } }\n  groups:\n',
      );
  test('a ring that asks more gains under pVCG, and less where a reserve price caps what it can be paid', () => {
    const text = auction('{ group: homes, share: 60 %, asks: 2 }');
    const off = gain(text, 'ring');
    expect(off).toBeGreaterThan(0);
    expect(gain(text, 'ring', ['pricing.supply.reserve.rtx-4090=0.25 USD/hour'])).toBeLessThan(off);
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
    ['ring: { group: lab, asks: 2 }', 'nobody asks at posted prices'],
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
