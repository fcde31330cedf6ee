/** Placement that knows what lies on which disk, and the pool's memory of it. */
import { describe, expect, test } from 'vitest';
import { FactKind } from '../../core/facts.ts';
import { clonePlain } from '../../core/plain.ts';
import { useImage } from '../../core/pool/disk.ts';
import { Simulation, type SimulationState } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import {
  arrival,
  config,
  generator,
  ListDemand,
  node,
  pool,
  SECOND,
  simulation,
  spec,
  task,
} from '../support/market.ts';

const cacheAware = pool('east', { placement: { name: 'cache-aware', params: {} } });
const with_ = (name: string, mib = 100) => [task(1, { image: { name, mib } })];
const where = (rows: ReturnType<typeof simulation>['rows']): string[] =>
  [...rows.of('placements')].sort((a, b) => a.job_id - b.job_id).map((p) => p.node);

test('a disk keeps what fits, and the longest unused goes first', () => {
  const disk = new Map<string, number>();
  const use = (name: string, mib = 100): boolean => useImage(disk, 250, { name, mib });
  expect([use('a'), use('b'), use('a'), use('c'), use('a'), use('b')]).toEqual([
    false,
    false,
    true,
    false,
    true,
    false,
  ]);
  expect([...disk.keys()]).toEqual(['a', 'b']);
  expect([use('huge', 300), use('huge', 300), use('a')]).toEqual([false, false, true]);
});

describe('cache-aware', () => {
  const c = config({
    pools: [cacheAware],
    nodes: ['n0', 'n1', 'n2'].map((id) => node(id, { gpus: 2, diskMiB: 200 })),
  });

  test('goes where the image is, then where there is room for it, then to the fullest', () => {
    const at = (job: number, name: string | null) =>
      arrival(job * SECOND, 1000 * SECOND, spec(job, name === null ? {} : { groups: with_(name) }));
    const { sim, rows } = simulation(c, [at(1, 'x'), at(2, 'y'), at(3, 'z'), at(4, 'x'), at(5, 'y'), at(6, null)], {
      checkEveryEvent: true,
    });
    sim.finish();
    // x to the first, y beside it (there is room), both of n0's GPUs taken: z elsewhere, and so x and y again.
    expect(where(rows)).toEqual(['n0', 'n0', 'n1', 'n1', 'n2', 'n2']);
  });

  test('finds an image on an emptier machine', () => {
    const { sim, rows } = simulation(c, [
      arrival(0, 10 * SECOND, spec(1, { groups: with_('x') })),
      arrival(0, 10 * SECOND, spec(2, { groups: with_('x') })),
      arrival(SECOND, 50 * SECOND, spec(3, { groups: with_('y') })),
      arrival(20 * SECOND, 10 * SECOND, spec(4, { groups: with_('x') })),
    ]);
    sim.finish();
    expect(where(rows)).toEqual(['n0', 'n0', 'n1', 'n0']);
  });

  test('the memory survives a snapshot and new caches', () => {
    const r = generator(4);
    const arrivals = Array.from({ length: 200 }, (_, i) =>
      arrival(
        i * 20 * SECOND,
        (10 + Math.floor(r() * 100)) * SECOND,
        spec(i + 1, { groups: with_(`i${Math.floor(r() * 5)}`) }),
      ),
    );
    const whole = simulation(c, arrivals);
    whole.sim.finish();
    let { sim, rows } = simulation(c, arrivals);
    for (let t = 300 * SECOND; t < 4000 * SECOND; t += 700 * SECOND) {
      sim.runUntil(t);
      for (const m of sim.markets) m.dropCaches();
      const state = clonePlain(sim.snapshot()) as SimulationState;
      const streams = new Streams(1);
      streams.restore(state.streams);
      const next = new Simulation({ ...sim.options, streams, demand: new ListDemand(arrivals) });
      next.restore(state);
      sim = next;
    }
    sim.finish();
    expect(where(rows)).toEqual(where(whole.rows));
    expect(rows.recorder.fingerprint).toBe(whole.rows.recorder.fingerprint);
  });

  test('and the machines that a takeover brings', () => {
    const two = config({
      pools: [cacheAware, pool('west')],
      nodes: [
        node('n0', { gpus: 1, diskMiB: 200 }),
        node('n1', { gpus: 1, diskMiB: 200 }),
        node('n2', { pool: 1, gpus: 1, diskMiB: 200 }),
      ],
    });
    const { sim, rows } = simulation(two, [
      arrival(0, 10 * SECOND, spec(1)),
      arrival(SECOND, 10 * SECOND, spec(2, { groups: with_('x') })),
      arrival(30 * SECOND, 10 * SECOND, spec(3, { groups: with_('x') })),
    ]);
    sim.inject(20 * SECOND, [{ kind: FactKind.takeover, from: 1, to: 0, seq: 0 }]);
    sim.finish();
    expect(where(rows)).toEqual(['n0', 'n1', 'n1']);
  });
});
