/**
 * Agents who do not play by the rules in whole markets: their payoffs add up to what the books say, nothing they do makes money appear or
 * breaks a law, a fork goes on as the run it came from, and without what stands against them they gain. `npm run soak -- adversaries`
 */
import { describe, expect, test } from 'vitest';
import { clonePlain } from '../../core/plain.ts';
import { contractKinds, HOUR_US, lossRules } from '../../core/types.ts';
import { auditIndependently } from '../../lab/audit/independent.ts';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import { finishRun, prepareRun, runScenario } from '../../sim/run.ts';
import type { RunJson } from '../../sim/summary.ts';
import { auditInput } from '../support/audit.ts';
import { generator, Rows } from '../support/market.ts';
import { afterTests, seeds } from '../support/runs.ts';

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

describe.skipIf(afterTests)('in a scenario', () => {
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

describe.skipIf(afterTests)('with and without what the market has against them', () => {
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

describe('whatever they do', () => {
  /** Rules, failures, wires and a choice of adversaries, drawn. */
  function drawn(seed: number): string {
    const r = generator(seed * 17 + 3);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
    const kind = pick(contractKinds);
    const part = (text: string): string => (r() < 0.6 ? `  ${text}\n` : '');
    const pays = pick(['fixed: 0.4 USD/hour', 'exponential: { mean: 0.3 USD/hour }']);
    const offers = `every: ${pick([1, 4])} hour, lasts: { exponential: { mean: ${pick([10, 90])} minute } }, pays: { ${pays} }`;
    const noticed = () => pick(['never', '1 minute', '20 minute']);
    const agents =
      part(`leavers: { group: homes, share: 20 %, above: ${pick([0, 1, 2])}, ${offers} }`) +
      part(`overbillers: { group: homes, share: 20 %, until: ${pick([0.1, 1])}, noticed: ${noticed()} }`) +
      part(`ring: { group: homes, share: 20 %, withhold: ${pick([50, 100])} % }`) +
      part(
        `squatters: { persona: images, share: 30 %, keep: ${pick(['until limit', '10 minute'])}, noticed: ${noticed()} }`,
      );
    const dead = `  deadRequestors: { persona: images, share: 30 %, identities: ${pick([1, 4])}, brings: ${pick([0, 3])} USD, collects: ${r() < 0.7}, noticed: ${noticed()} }\n`;
    const network = r() < 0.3 ? 'network: { loss: 2 %, duplicate: 2 % }\n' : '';
    return scenario(
      `billing: { contract: { kind: ${kind}, period: 10 minute, accept: ${pick([2, 15])} minute, loss: ${pick(lossRules)}, credit: ${pick([0, 50])} %, providerDeposit: ${pick([0, 2])} USD } }
failures: { groups: { homes: { mtbf: ${pick([10, 100])} hour, repair: 30 minute } } }
${network}adversaries:
${agents}${dead}`,
      '10 hour',
    ).replace('postpaid: false', `postpaid: ${r() < 0.4}, retry: { times: 2 }`.replace(', ', '\n      '));
  }

  test.each(seeds(6))('world %d', (seed) => {
    const s = resolveScenario(drawn(seed), 'f.yaml', [`seed=${seed}`]);
    const rows = new Rows();
    const bytes: Uint8Array[] = [];
    const run = prepareRun(s, {
      registry: shipped,
      watch: rows,
      checkEveryEvent: true,
      onJournal: (b) => bytes.push(b),
    });
    const half = (3 + (seed % 5)) * HOUR_US;
    run.simulation.runUntil(half);
    const state = clonePlain(run.simulation.snapshot());
    const before = rows.of('transfers').length;
    const result = finishRun(run);
    expect(result.invariants.violations).toBe(0);
    expect(result.invariants.checks).toBeGreaterThan(1000);
    if (s.network === undefined)
      expect(auditIndependently(auditInput(rows, Buffer.concat(bytes))).difference).toBeNull();

    const more = new Rows();
    const fork = prepareRun(s, { registry: shipped, watch: more, streams: state.streams });
    fork.simulation.restore(state);
    fork.simulation.finish();
    expect(more.of('transfers')).toEqual(rows.of('transfers').slice(before));
    expect([...fork.simulation.acts!]).toEqual([...run.simulation.acts!]);

    // Nobody who brings nothing and never pays has paid; nobody has paid more than it brought.
    const dead = result.adversaries!['deadRequestors']!;
    expect(-dead.marketUsd).toBeLessThanOrEqual(3 * 4 * dead.agents + 1e-6);
    for (const a of Object.values(result.adversaries!))
      expect(a.payoffUsd).toBeCloseTo(a.marketUsd + a.outsideUsd + a.worthUsd - a.costUsd, 5);
  });
});
