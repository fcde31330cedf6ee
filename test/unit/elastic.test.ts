/** Elastic jobs: sizes between limits, work in proportion, and what a change of size costs. */
import { describe, expect, test } from 'vitest';
import { type Fact, FactKind } from '../../core/facts.ts';
import { JOURNAL_SCHEMA, JournalWriter, readJournal } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import { HOUR_US, type MechanismRef } from '../../core/types.ts';
import { placementNames, queueingNames, shipped } from '../../mechanisms/index.ts';
import {
  arrival,
  config,
  generator,
  node,
  pool,
  type Rows,
  SECOND,
  simulation,
  spec,
  task,
} from '../support/market.ts';

const MINUTE = 60 * SECOND;
const checkpoint = { everyUs: 0, saveUs: 0, restoreUs: 0 };
const elastic: MechanismRef = { name: 'elastic', params: { settleUs: 5 * MINUTE } };

const market = (queueing: MechanismRef, nodes = 4) =>
  config({
    pools: [pool('east', { queueing })],
    nodes: Array.from({ length: nodes }, (_, i) => node(`n${i}`, { gpus: 1 })),
    users: [{ id: 'alice', currency: 0, deposit: '0', postpaid: true }],
  });
const growing = (job: number, at: number, work: number, over = {}) =>
  arrival(
    at * MINUTE,
    work * MINUTE,
    spec(job, { groups: [task(1, { tasks: 4, least: 1 })], limitUs: 9 * HOUR_US, ...over }),
  );

function attempts(rows: Rows, job: number): [start: number, end: number, tasks: number, outcome: string][] {
  const of = rows.of('placements').filter((p) => p.job_id === job);
  return [...new Set(of.map((p) => p.attempt))]
    .map((a) => of.filter((p) => p.attempt === a))
    .map((ps): [number, number, number, string] => [
      ps[0]!.start_us / MINUTE,
      ps[0]!.end_us / MINUTE,
      ps[0]!.parts,
      ps[0]!.outcome,
    ])
    .sort((a, b) => a[0] - b[0]);
}

describe('an elastic job', () => {
  test('takes all when it is alone, makes room for who comes, and grows again', () => {
    const c = market(elastic);
    // Work of 60 minutes on 4 GPUs. At 20 minutes somebody wants 2 GPUs for 30 minutes.
    const two = arrival(20 * MINUTE, 30 * MINUTE, spec(2, { groups: [task(1, { tasks: 2 })] }));
    const { sim, rows } = simulation(c, [growing(1, 0, 60), two], {
      processes: { startUs: 0, killUs: 0, checkpoint },
      checkEveryEvent: true,
    });
    sim.finish();
    // It had 20 of 60, shrinks to 1 as long as the other waits, then has 1 GPU only (the other came after it and waits behind it).
    const its = attempts(rows, 1);
    expect(its[0]).toEqual([0, 20, 4, 'preempted']);
    expect(its[1]!.slice(0, 3)).toEqual([20, 25, 1]);
    // After it has settled there is room for one more: 2 GPUs until the other is done, then all 4.
    expect(its[2]!.slice(0, 3)).toEqual([25, 50, 2]);
    const last = its.at(-1)!;
    expect(last[2]).toBe(4);
    expect(last[3]).toBe('completed');
    // GPU-time is what the work takes, whatever the sizes: 4 GPUs x 60 minutes.
    expect(its.reduce((sum, [from, to, n]) => sum + (to - from) * n, 0)).toBeCloseTo(240, 3);
    expect(attempts(rows, 2)).toEqual([[20, 50, 2, 'completed']]);
  });

  test('counts for its user by what it was given, not by what it asked for (fair-share)', () => {
    const c = config({
      pools: [pool('east', { queueing: { name: 'fair-share', params: {} } })],
      nodes: Array.from({ length: 4 }, (_, i) => node(`n${i}`, { gpus: 1 })),
      users: ['alice', 'bob', 'carol'].map((id) => ({ id, currency: 0, deposit: '0', postpaid: true })),
    });
    const of = (user: string, job: number, at: number, work: number, tasks = 1) =>
      arrival(at * MINUTE, work * MINUTE, spec(job, { user, groups: [task(1, { tasks })], limitUs: 9 * HOUR_US }));
    // Bob has two GPUs and carol one when alice's job for up to four comes: it gets the last.
    const { sim, rows } = simulation(
      c,
      [of('bob', 1, 0, 30, 2), of('carol', 2, 0, 20), growing(3, 1, 60, { user: 'alice' })].concat([
        of('bob', 4, 2, 10),
        of('alice', 5, 3, 10),
      ]),
      { processes: { startUs: 0, killUs: 0, checkpoint } },
    );
    sim.finish();
    expect(attempts(rows, 3)[0]!.slice(0, 3)).toEqual([1, 241, 1]);
    // Of those who wait for carol's, alice with one GPU goes before bob with two.
    expect(attempts(rows, 5)[0]![0]).toBe(20);
    expect(attempts(rows, 4)[0]![0]).toBe(30);
  });

  test('never stands below its least, nor above its most, under any policy; laws hold after every step and the journal replays', () => {
    queueingNames.forEach((name, i) => {
      const r = generator(i + 1);
      const below = (n: number) => Math.floor(r() * n);
      const c = market({ name, params: name === 'elastic' ? elastic.params : {} }, 6);
      c.pools[0]!.placement = { name: placementNames[i % placementNames.length]!, params: {} };
      const limits = new Map<number, [number, number]>();
      const arrivals = Array.from({ length: 50 }, (_, k) => {
        const tasks = 1 + below(6);
        const least = 1 + below(tasks);
        const isElastic = below(3) > 0;
        limits.set(k + 1, [isElastic ? least : tasks, tasks]);
        const groups = [task(1, { tasks, gpuMilli: below(4) === 0 ? 500 : 1000, ...(isElastic ? { least } : {}) })];
        return arrival(
          k * 4 * MINUTE,
          (1 + below(20)) * MINUTE,
          spec(k + 1, { groups, limitUs: 20 * HOUR_US, priority: below(3) }),
        );
      });
      const chunks: Uint8Array[] = [];
      const journal = new JournalWriter(
        { schema: JOURNAL_SCHEMA, engine: 'test', host: 0, config: c, solvers: {} },
        (b) => {
          chunks.push(b.slice());
        },
      );
      const { sim, rows } = simulation(c, arrivals, {
        processes: { startUs: SECOND, killUs: SECOND, checkpoint },
        checkEveryEvent: true,
        journals: [journal],
      });
      sim.finish();
      expect(
        rows.of('jobs').filter((j) => j.final_state === 'completed'),
        name,
      ).toHaveLength(50);
      const sizes = new Set<number>();
      for (const p of rows.of('placements')) {
        const [least, most] = limits.get(p.job_id)!;
        expect(p.parts).toBeGreaterThanOrEqual(least);
        expect(p.parts).toBeLessThanOrEqual(most);
        if (p.parts < most) sizes.add(p.parts);
      }
      expect(sizes.size, name).toBeGreaterThan(0);
      const { market: again } = replayed(chunks);
      expect(again).toBe(sim.markets[0]!.digest);
    });
  });

  test('one that is taken back is left alone, even when the whole line is taken back at the same stamp', () => {
    const c = market({ name: 'elastic', params: { settleUs: SECOND } });
    const rigid = (job: number, tasks: number) => spec(job, { groups: [task(1, { tasks })] });
    const elasticJob = spec(2, { groups: [task(1, { tasks: 4, least: 2 })] });
    const arrivals = [rigid(1, 2), elasticJob, rigid(3, 4)].map((s, i) => arrival(i, HOUR_US, s));
    const { sim, rows } = simulation(c, arrivals, {
      processes: { startUs: 0, killUs: 20 * SECOND },
      checkEveryEvent: true,
    });
    const cancel = (job: number): Fact => ({ kind: FactKind.cancel, pool: 0, job });
    // Room for two more tasks, and the head wants all four machines.
    sim.inject(MINUTE, [cancel(1)]);
    // Nobody waits any more: job 2 could grow.
    sim.inject(2 * MINUTE, [cancel(2), cancel(3)]);
    sim.finish();
    expect(rows.of('jobs').map((j) => j.final_state)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(rows.of('preemptions')).toEqual([]);
  });

  test('what cannot be is refused by core', () => {
    const jobs = [{ least: 5 }, { least: 0 }, { least: 1.5 }].map((over, i) =>
      arrival(0, MINUTE, spec(i + 1, { groups: [task(1, { tasks: 4, ...over })] })),
    );
    jobs.push(arrival(0, MINUTE, spec(9, { groups: [task(1, { tasks: 4, least: 1 }), task(1)] })));
    const { sim, rows } = simulation(market(elastic), jobs);
    sim.finish();
    expect(rows.of('jobs').map((j) => j.reason)).toEqual(jobs.map(() => 'invalid-spec'));
  });
});

function replayed(chunks: readonly Uint8Array[]): { market: unknown } {
  const all = new Uint8Array(chunks.reduce((n, b) => n + b.length, 0));
  let at = 0;
  for (const b of chunks) {
    all.set(b, at);
    at += b.length;
  }
  const { markets } = replay(readJournal(all), shipped, { row: () => {} });
  return { market: markets[0]!.digest };
}
