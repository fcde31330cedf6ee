/** Rule 8 of the contract: a pool is taken over while its jobs wait and run. */
import { describe, expect, test } from 'vitest';
import { type Fact, FactKind } from '../../core/facts.ts';
import { HOUR_US } from '../../core/types.ts';
import { arrival, config, SECOND, simulation, spec, task } from '../support/market.ts';
import { wires } from '../support/wires.ts';

const c = config({ stakes: [] });

/** East (8 GPUs) is full with two jobs of 4; six more wait behind them. */
function crowd() {
  return Array.from({ length: 8 }, (_, i) =>
    arrival(i * SECOND, 3600 * SECOND, spec(i + 1, { groups: [task(4)], classes: [0], limitUs: 2 * HOUR_US })),
  );
}

for (const wired of [false, true]) {
  describe(`takeover ${wired ? 'over slow wires' : 'on one host'}`, () => {
    const run = () => {
      const { sim, rows } = simulation(c, crowd(), wired ? { network: wires(c, 3, { loss: 0.05 }) } : {});
      sim.runUntil(600 * SECOND);
      sim.inject(1200 * SECOND, [{ kind: FactKind.takeover, from: 0, to: 1, seq: 1 }]);
      return { sim, rows };
    };

    test('running jobs finish, waiting jobs run in the successor, nobody is lost or billed twice', () => {
      const { sim, rows } = run();
      sim.finish();
      const jobs = rows.of('jobs');
      expect(jobs.map((j) => j.job_id).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(jobs.every((j) => j.final_state === 'completed')).toBe(true);
      expect(jobs.every((j) => j.pool === 'west')).toBe(true);
      const posts = rows.of('transfers').filter((t) => t.kind === 'post');
      expect(posts).toHaveLength(8);
      // The two that ran through it kept their terms and ran once.
      const placements = rows.of('placements');
      expect(placements.filter((p) => p.start_us >= 0)).toHaveLength(8);
    });

    test('the old pool takes no more jobs and keeps none', () => {
      const { sim, rows } = run();
      sim.runUntil(1300 * SECOND);
      const old = (wired ? sim.markets[1]! : sim.markets[0]!).pools[0]!;
      expect([...old.jobs()]).toHaveLength(0);
      expect(old.counts.handedOver).toBe(8);
      sim.inject(1400 * SECOND, [{ kind: FactKind.submit, pool: 0, spec: spec(9) }]);
      sim.finish();
      expect(rows.of('jobs').find((j) => j.job_id === 9)).toMatchObject({
        final_state: 'rejected',
        reason: 'superseded',
      });
    });

    test('quotes bind the successor: the rate is the one the user was quoted', () => {
      const { sim, rows } = run();
      sim.finish();
      const rates = new Set(rows.of('placements').map((p) => p.rate_micro_per_gpu_hour));
      expect([...rates]).toEqual([1_000_000]);
    });
  });
}

describe('a superseded pool that does not know it yet', () => {
  test('cannot start anything: its fence is stale or its hold is void', () => {
    // West is cut off from Settlement only after it has been told; east keeps granting until it hears.
    const network = wires(c, 5, { partitions: [{ fromUs: 1000 * SECOND, toUs: 4000 * SECOND, side: [1] }] });
    const { sim, rows } = simulation(c, crowd(), { network, checkEveryEvent: true });
    sim.inject(1200 * SECOND, [{ kind: FactKind.takeover, from: 0, to: 1, seq: 1 }]);
    sim.finish();
    expect(rows.of('jobs').filter((j) => j.final_state === 'completed')).toHaveLength(8);
    const perJob = new Map<number, number>();
    for (const p of rows.of('placements')) if (p.start_us >= 0) perJob.set(p.job_id, (perJob.get(p.job_id) ?? 0) + 1);
    expect([...perJob.values()].every((n) => n === 1)).toBe(true);
  });
});

describe('what is said in the stamp of a takeover', () => {
  /** One step per list of facts, all at one stamp, on one host. */
  const at = (facts: Fact[], wired: boolean) => {
    const { sim, rows } = simulation(c, crowd(), wired ? { network: wires(c, 3) } : {});
    sim.runUntil(600 * SECOND);
    sim.inject(1200 * SECOND, facts);
    sim.finish();
    return rows.of('jobs').sort((a, b) => a.job_id - b.job_id);
  };
  const takeover: Fact = { kind: FactKind.takeover, from: 0, to: 1, seq: 1 };

  for (const wired of [false, true]) {
    // Jobs 1 and 2 run, the others wait.
    test.each([1, 5])(`the cancel of job %i is kept${wired ? ' over wires' : ''}, whichever pool hears it`, (job) => {
      for (const pool of [0, 1]) {
        const jobs = at([takeover, { kind: FactKind.cancel, pool, job }], wired);
        expect(jobs).toHaveLength(8);
        expect(jobs[job - 1]).toMatchObject({ final_state: 'cancelled', reason: 'by-user' });
        expect(jobs.filter((j) => j.final_state === 'completed')).toHaveLength(7);
      }
    });
  }

  test('a takeover there and back leaves every job with its first pool', () => {
    const back: Fact = { kind: FactKind.takeover, from: 1, to: 0, seq: 2 };
    const jobs = at([takeover, back], false);
    expect(jobs.map((j) => [j.final_state, j.pool])).toEqual(Array(8).fill(['completed', 'east']));
  });
});

test('a cancel in the stamp of its submit is not lost', () => {
  const { sim, rows } = simulation(c, []);
  sim.inject(SECOND, [
    { kind: FactKind.cancel, pool: 0, job: 1 },
    { kind: FactKind.submit, pool: 0, spec: spec(1) },
  ]);
  sim.finish();
  expect(rows.of('jobs')).toMatchObject([{ job_id: 1, final_state: 'cancelled', reason: 'by-user' }]);
});

test('a job keeps its history over a takeover: its attempts count on and its wait ends where it first ran', () => {
  const { sim, rows } = simulation(c, [
    arrival(0, 3000 * SECOND, spec(1, { groups: [task(4)], classes: [0], maxAttempts: 2, patienceUs: 500 * SECOND })),
  ]);
  const lose = (t: number, nodes: number[]) =>
    sim.inject(
      t,
      nodes.map((node) => ({ kind: FactKind.nodeDown, node, cause: 0 })),
    );
  lose(100 * SECOND, [0, 1]);
  sim.inject(1000 * SECOND, [takeoverOf(0, 1)]);
  for (const n of [0, 1]) sim.inject(1001 * SECOND, [{ kind: FactKind.nodeUp, node: n }]);
  lose(1500 * SECOND, [0, 1, 2]);
  sim.finish();
  expect(rows.of('jobs')).toMatchObject([
    { final_state: 'failed', reason: 'attempts-spent', pool: 'west', attempts: 2, waiting_time_us: 0 },
  ]);
});

const takeoverOf = (from: number, to: number): Fact => ({ kind: FactKind.takeover, from, to, seq: 1 });
