/** What every routing policy must keep, and what each of them says it does. Add a policy to the registry and it is tested here. */
import { describe, expect, test } from 'vitest';
import type { JobSpec, PoolAdvert, RoutingContext, RoutingPolicy } from '../../core/interfaces.ts';
import { chanceInt } from '../../core/num/index.ts';
import { routingNames, shipped } from '../../mechanisms/index.ts';
import { finishRun } from '../../sim/run.ts';
import { generator, spec } from '../support/market.ts';
import { meshScenario, prepared } from '../support/mesh.ts';

const variants: { label: string; name: string; params: Record<string, unknown> }[] = [
  ...routingNames.map((name) => ({ label: name, name, params: {} })),
  { label: 'price-then-load with tolerance', name: 'price-then-load', params: { tolerance: 0.5, full: 2 } },
  { label: 'locality that spills early', name: 'locality', params: { full: 0.2 } },
];

const make = (v: { name: string; params: Record<string, unknown> }): RoutingPolicy =>
  shipped.routing!(v.name, v.params);

const load = (a: PoolAdvert): number =>
  a.capacityMilli > 0 ? (a.usedMilli + a.waitingMilli) / a.capacityMilli : Number.POSITIVE_INFINITY;

interface Case {
  job: JobSpec;
  adverts: PoolAdvert[];
  context: RoutingContext;
}

function scene(seed: number): Case {
  const r = generator(seed);
  const below = (n: number) => Math.floor(r() * n);
  const adverts = Array.from(
    { length: 1 + below(8) },
    (_, i): PoolAdvert => ({
      pool: 2 * i + below(2),
      atUs: below(3) === 0 ? -1 : below(1_000_000),
      capacityMilli: below(5) === 0 ? 0 : 1000 * (1 + below(40)),
      usedMilli: 1000 * below(40),
      waitingMilli: below(2) * 1000 * below(60),
      rateMicro: [below(4) === 0 ? -1 : 100_000 * (1 + below(5)), 100_000 * (1 + below(9))],
      near: below(2) === 0,
    }),
  );
  const job = spec(seed, { classes: below(2) === 0 ? [] : [below(2)] });
  return { job, adverts, context: contextOf(seed) };
}

const contextOf = (seed: number): RoutingContext => ({
  now: 2_000_000,
  draw: (purpose, n) => chanceInt([7, 7], `route-${purpose}`, seed, n),
});

describe('every routing policy', () => {
  for (const v of variants) {
    test(`${v.label}: answers with one of the pools, the same for the same, and never one without machines if others have some`, () => {
      for (let seed = 1; seed <= 500; seed++) {
        const { job, adverts, context } = scene(seed);
        const frozen = Object.freeze(
          adverts.map((a) => Object.freeze({ ...a, rateMicro: Object.freeze([...a.rateMicro]) })),
        );
        const policy = make(v);
        const at = policy.choose(job, frozen, context);
        expect(adverts[at], `scene ${seed}`).toBeDefined();
        // No memory: asked again, or asked of another instance, it says the same.
        expect(policy.choose(job, frozen, context)).toBe(at);
        expect(make(v).choose(job, frozen, context)).toBe(at);
        if (adverts.some((a) => a.capacityMilli > 0))
          expect(adverts[at]!.capacityMilli, `scene ${seed}`).toBeGreaterThan(0);
      }
    });

    test(`${v.label}: in a market of three pools every job enters one pool and ends once`, () => {
      const params = Object.entries(v.params)
        .map(([k, x]) => `, ${k}: ${x}`)
        .join('');
      const run = prepared(meshScenario('{}', { scheduling: `{ routing: { name: ${v.name}${params} } }`, hours: 6 }), {
        checkEveryEvent: true,
      });
      const { jobs } = finishRun(run);
      const ended = run.rows.of('jobs').map((j) => j.job_id);
      expect(new Set(ended).size).toBe(ended.length);
      expect(ended.length + jobs.running + jobs.pending).toBe(jobs.submitted);
      expect(jobs.submitted).toBeGreaterThan(50);
    });
  }

  test('the registry builds what the names say, and nothing else', () => {
    for (const name of routingNames) expect(shipped.routing!(name, {}).name).toBe(name);
    expect(() => shipped.routing!('nearest', {})).toThrow(/unknown routing policy "nearest"/);
  });
});

describe('what each says it does', () => {
  const scenes = Array.from({ length: 500 }, (_, i) => scene(i + 1)).filter((s) =>
    s.adverts.some((a) => a.capacityMilli > 0),
  );
  const chosen = (name: string, s: Case, params = {}): PoolAdvert =>
    s.adverts[make({ name, params }).choose(s.job, s.adverts, s.context)]!;

  test('least-loaded: none has advertised less', () => {
    for (const s of scenes) expect(load(chosen('least-loaded', s))).toBe(Math.min(...s.adverts.map(load)));
  });

  test('power-of-two: each pair as likely, the better of the two taken; with two pools it is least-loaded', () => {
    const adverts = [3, 1, 4, 2].map(
      (used, pool): PoolAdvert => ({
        pool,
        atUs: 0,
        capacityMilli: 10_000,
        usedMilli: used * 1000,
        waitingMilli: 0,
        rateMicro: [1],
        near: true,
      }),
    );
    const policy = make({ name: 'power-of-two', params: {} });
    const counts = [0, 0, 0, 0];
    const n = 6000;
    for (let k = 1; k <= n; k++) counts[policy.choose(spec(k), adverts, contextOf(k))]!++;
    // Of six pairs the least loaded is in three, the next decides two, then one; the fullest never wins. 99.99 % of a binomial: 4 sd.
    const want = [1 / 6, 3 / 6, 0, 2 / 6];
    for (const [i, p] of want.entries())
      expect(Math.abs(counts[i]! - n * p), `pool ${i}`).toBeLessThanOrEqual(4 * Math.sqrt(n * p * (1 - p)));
    for (const s of scenes.filter((x) => x.adverts.length === 2))
      expect(load(chosen('power-of-two', s))).toBe(load(chosen('least-loaded', s)));
  });

  test('random: every pool with machines as likely', () => {
    const { adverts, job } = scene(5);
    const policy = make({ name: 'random', params: {} });
    const up = adverts.filter((a) => a.capacityMilli > 0).length;
    const counts = adverts.map(() => 0);
    const n = 4000;
    for (let k = 1; k <= n; k++) counts[policy.choose(job, adverts, contextOf(k))]!++;
    adverts.forEach((a, i) => {
      const p = a.capacityMilli > 0 ? 1 / up : 0;
      expect(Math.abs(counts[i]! - n * p)).toBeLessThanOrEqual(4 * Math.sqrt(n * p * (1 - p)));
    });
  });

  test('price-then-load: no pool with room is cheaper', () => {
    const price = (s: Case, a: PoolAdvert): number =>
      Math.min(
        ...a.rateMicro.flatMap((rate, c) =>
          rate >= 0 && (s.job.classes.length === 0 || s.job.classes.includes(c)) ? [rate] : [],
        ),
      );
    for (const s of scenes) {
      const got = chosen('price-then-load', s);
      const roomy = s.adverts.filter((a) => load(a) < 1);
      if (roomy.length === 0) continue;
      expect(load(got)).toBeLessThan(1);
      const least = Math.min(...roomy.map((a) => price(s, a)));
      expect(price(s, got)).toBe(least);
      expect(load(got)).toBe(Math.min(...roomy.filter((a) => price(s, a) === least).map(load)));
    }
  });

  test('locality: at home while a pool there has room, else where load is least', () => {
    for (const s of scenes) {
      const got = chosen('locality', s);
      const home = s.adverts.filter((a) => a.near && load(a) < 1);
      expect(got.near || home.length === 0).toBe(true);
      expect(load(got)).toBe(Math.min(...(home.length > 0 ? home : s.adverts).map(load)));
    }
  });

  test('stale views: with adverts of ten minutes least-loaded herds, and two choices spread', () => {
    const imbalance = (name: string): number => {
      const run = prepared(
        meshScenario('{}', { scheduling: `{ routing: { name: ${name}, advertise: 10 minute } }`, hours: 8, rate: 24 }),
      );
      finishRun(run);
      // Largest number of jobs in a row that went to one pool.
      let longest = 0;
      let row = 0;
      let last = '';
      for (const j of [...run.rows.of('jobs')].sort((a, b) => a.job_id - b.job_id)) {
        row = j.pool === last ? row + 1 : 1;
        last = j.pool;
        longest = Math.max(longest, row);
      }
      return longest;
    };
    expect(imbalance('least-loaded')).toBeGreaterThan(imbalance('power-of-two'));
  });
});
