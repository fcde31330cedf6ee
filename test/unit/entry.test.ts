/** Providers who come and go with what they earn. */
import { describe, expect, test } from 'vitest';
import { clonePlain } from '../../core/plain.ts';
import { HOUR_US, type MarketConfig, type NodeSpec } from '../../core/types.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import type { EntrySpec } from '../../scenarios/resolved.ts';
import type { Arrival } from '../../sim/world/demand.ts';
import { arrival, config, node, pool, SECOND, simulation, spec } from '../support/market.ts';
import { group, minimal, refusal } from '../support/scenario-text.ts';

const rule = (outside: number, over: Partial<EntrySpec> = {}): EntrySpec => ({
  group: 'g',
  everyUs: HOUR_US,
  outside: { kind: 'fixed', micro: outside },
  inside: 1,
  weight: 1,
  attention: 1,
  ...over,
});

/** One GPU each; 1 USD an hour, of which providers get 80 %. */
function market(n: number, rules: EntrySpec[], arrivals: Arrival[], hours: number, cost = 0) {
  const nodes: NodeSpec[] = Array.from({ length: n }, (_, i) => node(`n${i}`, { gpus: 1 }));
  const c: MarketConfig = config({ nodes, pools: [pool('east')] });
  return simulation(c, arrivals, {
    horizonUs: hours * HOUR_US,
    entry: { rules, groups: nodes.map(() => 'g'), costMicro: nodes.map(() => cost) },
  });
}
const job = (n: number, atHour: number, hours: number) =>
  arrival(
    atHour * HOUR_US,
    hours * HOUR_US - SECOND,
    spec(n, { limitUs: 20 * HOUR_US, estimateUs: 20 * HOUR_US, user: 'bob' }),
  );
const moves = (r: ReturnType<typeof market>) =>
  r.rows.of('failures').map((f) => [(f.time_us - SECOND) / HOUR_US, f.node, f.kind, f.cause]);

describe('entry', () => {
  test('without demand a provider with something better to do goes after an epoch, one without stays', () => {
    const gone = market(1, [rule(1)], [], 5);
    gone.sim.finish();
    expect(moves(gone)).toEqual([[1, 'n0', 'node-down', 'owner']]);
    const stays = market(1, [rule(0)], [], 5);
    stays.sim.finish();
    expect(moves(stays)).toEqual([]);
    expect(stays.sim.supply).toMatchObject({ providers: 1, insideAtEnd: 1, insideShare: 1, left: 0, elasticity: null });
  });

  test('what it costs to be leased counts: 0.80 USD an hour is enough for 0.70, but not with costs of 0.20', () => {
    // One hour of use, then nothing: who earned enough in the first hour goes after the second.
    const cheap = market(1, [rule(700_000)], [job(1, 0, 1)], 4);
    cheap.sim.finish();
    expect(moves(cheap).map((m) => m[0])).toEqual([2]);
    const dear = market(1, [rule(700_000)], [job(1, 0, 1)], 4, 200_000);
    dear.sim.finish();
    expect(moves(dear).map((m) => m[0])).toEqual([1]);
  });

  test('who goes lets its job end first', () => {
    // Charges come when a job ends, so after the first hour nothing has been earned.
    const r = market(1, [rule(500_000)], [job(1, 0, 2.5)], 6);
    r.sim.finish();
    expect(r.rows.of('jobs').map((j) => j.final_state)).toEqual(['completed']);
    const [[at]] = moves(r) as [[number]];
    expect(at).toBeGreaterThanOrEqual(2.5);
    expect(at).toBeLessThan(2.7);
  });

  test('who is out comes back when those who are in earn more than its outside option', () => {
    const busy = [0, 1, 2, 3, 4].flatMap((h) => [job(2 * h + 1, h, 0.9), job(2 * h + 2, h, 0.9)]);
    const r = market(2, [rule(600_000, { inside: 0 })], busy, 5);
    r.sim.finish();
    // Nobody is in: the posted price of 1 USD draws both, once the first epoch is over.
    expect(
      moves(r)
        .filter((m) => m[2] === 'node-up')
        .map((m) => m[0]),
    ).toEqual([1, 1]);
    expect(r.sim.supply).toMatchObject({ entered: 2, insideAtEnd: 2 });
  });

  test('a run that is cut in two goes on as if it had not been', () => {
    const jobs = Array.from({ length: 40 }, (_, i) => job(i + 1, i / 4, 0.4));
    const build = () => market(6, [rule(150_000, { attention: 0.5, weight: 0.5 })], jobs, 12);
    const whole = build();
    whole.sim.finish();
    const first = build();
    first.sim.runUntil(5.3 * HOUR_US);
    const second = build();
    second.sim.options.streams.restore(clonePlain(first.sim.snapshot().streams));
    second.sim.restore(clonePlain(first.sim.snapshot()));
    second.sim.finish();
    expect(moves(whole).length).toBeGreaterThan(3);
    expect([...moves(first), ...moves(second)]).toEqual(moves(whole));
    expect(second.sim.supply).toEqual(whole.sim.supply);
  });

  test('in a scenario', () => {
    const text = group('entry: { outside: { fixed: 0.1 USD/hour } }');
    expect(resolveScenario(text, 'f.yaml').entry).toEqual([
      {
        group: 'lab',
        everyUs: 24 * HOUR_US,
        outside: { kind: 'fixed', micro: 100_000 },
        inside: 1,
        weight: 0.5,
        attention: 0.5,
      },
    ]);
    expect(resolveScenario(minimal, 'f.yaml').entry).toBeUndefined();
    expect(refusal(group('entry: { outside: 0.1 USD/hour }'))).toContain('no distribution of prices');
    expect(refusal(group('entry: { outside: { fixed: 0.1 USD/hour }, every: 0 hour }'))).toContain('no time at all');
    expect(refusal(group('entry: {}'))).toContain('outside');
  });
});
