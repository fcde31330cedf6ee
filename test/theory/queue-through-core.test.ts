/**
 * The whole core (quotes, holds, leases, nodes, books) as a queue: M/M/c waits against Erlang's formula, and Little's law on
 * every path. Scope: one pool, one class, whole GPUs, FIFO; exponential work and gaps from the run's own streams; limits far
 * away. Seeds 1..R, family-wise 99.9 %.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { HOUR_US, type MarketConfig, NEVER } from '../../core/types.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import type { Arrival, DemandSource } from '../../sim/world/demand.ts';
import { interval } from '../support/interval.ts';
import { arrival, config, node, pool, simulation, spec } from '../support/market.ts';

const MEAN_SERVICE_US = HOUR_US;
const REPLICATIONS = 12;
const JOBS = 2500;
const WARM = 500;

/** Erlang C by the recursion of Erlang B; mean wait in units of the mean service. */
function erlangWait(c: number, a: number): number {
  let b = 1;
  for (let k = 1; k <= c; k++) b = (a * b) / (k + a * b);
  const wait = (c * b) / (c - a * (1 - b));
  return wait / (c - a);
}

function market(servers: number): MarketConfig {
  return config({
    pools: [pool('one')],
    nodes: [node('n', { gpus: servers })],
    users: [{ id: 'alice', currency: 0, deposit: '0', postpaid: true }],
    stakes: [],
    epochUs: 1000 * HOUR_US,
  });
}

class Poisson implements DemandSource {
  readonly #streams: Streams;
  readonly #meanGapUs: number;
  #t = 0;
  #job = 0;
  constructor(streams: Streams, ratePerService: number) {
    this.#streams = streams;
    this.#meanGapUs = MEAN_SERVICE_US / ratePerService;
  }
  next(): Arrival | null {
    if (this.#job === JOBS) return null;
    this.#t += Math.round(this.#streams.get('arrivals', 'all').exponential(this.#meanGapUs));
    const work = Math.max(1, Math.round(this.#streams.get('service', 'all').exponential(MEAN_SERVICE_US)));
    return arrival(this.#t, work, spec(++this.#job, { limitUs: 1000 * HOUR_US, patienceUs: NEVER }));
  }
  snapshot(): null {
    return null;
  }
  restore(): void {}
}

function replicate(servers: number, load: number, seed: number) {
  const streams = new Streams(seed);
  const { sim, rows } = simulation(market(servers), new Poisson(streams, load), { streams });
  sim.finish();
  return rows.of('jobs').sort((x, y) => x.job_id - y.job_id);
}

const cases = [
  { servers: 1, load: 0.5 },
  { servers: 2, load: 1.2 },
  { servers: 8, load: 6 },
];

describe('M/M/c through the whole core', () => {
  for (const { servers, load } of cases) {
    test(`c = ${servers}, offered load ${load}: mean wait within its interval of Erlang C`, () => {
      const means: number[] = [];
      for (let seed = 1; seed <= REPLICATIONS; seed++) {
        const jobs = replicate(servers, load, seed);
        expect(jobs).toHaveLength(JOBS);
        const kept = jobs.slice(WARM);
        means.push(kept.reduce((s, j) => s + j.waiting_time_us, 0) / kept.length / MEAN_SERVICE_US);
        checkLittle(jobs);
      }
      const ci = interval(means, cases.length);
      expect(Math.abs(ci.mean - erlangWait(servers, load))).toBeLessThanOrEqual(ci.half);
      // The interval must be able to fail: it is narrower than the wait itself.
      expect(ci.half).toBeLessThan(erlangWait(servers, load));
    });
  }

  const vectors = new URL('../../../shared/vectors/queueing.json', import.meta.url);
  test.skipIf(!existsSync(vectors))(
    'our Erlang C equals the published vectors (skipped when ../shared is absent)',
    () => {
      const { erlang } = JSON.parse(readFileSync(vectors, 'utf8')) as {
        erlang: { vectors: { servers: number; offered_load: number; Wq_mu1: number | null }[] };
      };
      for (const v of erlang.vectors) {
        if (v.Wq_mu1 !== null && v.Wq_mu1 !== undefined)
          expect(erlangWait(v.servers, v.offered_load)).toBeCloseTo(v.Wq_mu1, 10);
      }
    },
  );
});

/** Area under the number in the system equals the sum of times in it: exact, in integers. */
function checkLittle(jobs: { submission_time_us: number; finish_time_us: number; turnaround_time_us: number }[]): void {
  const changes = jobs.flatMap((j): [number, number][] => [
    [j.submission_time_us, 1],
    [j.finish_time_us, -1],
  ]);
  changes.sort((a, b) => a[0] - b[0]);
  let area = 0n;
  let inside = 0;
  let last = 0;
  for (const [at, by] of changes) {
    area += BigInt(inside) * BigInt(at - last);
    inside += by;
    last = at;
  }
  const sojourns = jobs.reduce((s, j) => s + BigInt(j.turnaround_time_us), 0n);
  if (area !== sojourns || inside !== 0) throw new Error(`Little's law is broken: ${area} != ${sojourns}`);
}
