/** Partitions that cut one way: who is heard, who hears, and what the chain makes of it. */
import { describe, expect, test } from 'vitest';
import { NEVER } from '../../core/types.ts';
import { cutWindows } from '../../sim/world/network.ts';
import { arrival, config, node, pool, SECOND, simulation, spec } from '../support/market.ts';
import { added, refusal } from '../support/scenario-text.ts';
import { poolHost, settlementHost, wires } from '../support/wires.ts';

const MINUTE = 60 * SECOND;
const window = { fromUs: 2 * MINUTE, toUs: 12 * MINUTE };
const c = config({
  pools: [pool('east'), pool('west')],
  nodes: [node('n0', { gpus: 1 }), node('n1', { pool: 1, gpus: 1 })],
});

describe('one-way', () => {
  test('out: what the side sends does not arrive; in: what is sent to it does not', () => {
    const net = (way?: 'out' | 'in') =>
      wires(c, 1, { partitions: [{ ...window, side: [1], ...(way === undefined ? {} : { way }) }] });
    const t = 3 * MINUTE;
    const of = (way?: 'out' | 'in') => [net(way).cut(t, 1, 0), net(way).cut(t, 0, 1), net(way).cut(t, 0, 2)];
    expect(of()).toEqual([true, true, false]);
    expect(of('out')).toEqual([true, false, false]);
    expect(of('in')).toEqual([false, true, false]);
    expect(cutWindows(net('out').partitions, 1, 0)).toEqual([[window.fromUs, window.toUs]]);
    expect(cutWindows(net('out').partitions, 0, 1)).toEqual([]);
  });

  /** A pool that the chain does not hear, or that does not hear the chain, while a job comes to it. */
  function run(way: 'out' | 'in', users: string[]) {
    const { sim, rows } = simulation(c, [arrival(3 * MINUTE, MINUTE, spec(1))], {
      checkEveryEvent: true,
      horizonUs: NEVER,
      network: wires(c, 1, { partitions: [{ ...window, side: [poolHost(0)], way, users }] }),
      mesh: { heartbeat: { everyUs: 5 * SECOND, ttlUs: 15 * SECOND }, takeover: { afterUs: 4 * MINUTE, by: [1] } },
    });
    sim.finish();
    expect(settlementHost).toBe(0);
    return {
      takeovers: sim.wires!.takeovers,
      job: rows.of('jobs')[0]!,
      events: rows.of('network').map((n) => n.event),
    };
  }

  test('the chain takes the machines of a pool that it does not hear, though the pool hears the chain', () => {
    const { takeovers, job, events } = run('out', []);
    expect(takeovers).toBe(1);
    expect(events).toEqual(['partition', 'takeover', 'heal']);
    // Its users do not hear it either, and go to whoever has taken it over.
    expect(job).toMatchObject({ final_state: 'completed', pool: 'west' });
    expect(job.starting_time_us).toBeLessThan(window.toUs);
    // One on its own side is with it when it learns that it has lost its machines: the chain has never heard of that job.
    expect(run('out', ['test']).job).toMatchObject({ final_state: 'rejected', reason: 'superseded' });
  });

  test('of one that it hears, and that does not hear it, the chain thinks nothing; the job runs when it is healed', () => {
    const { takeovers, job } = run('in', ['test']);
    expect(takeovers).toBe(0);
    expect(job.final_state).toBe('completed');
    expect(job.starting_time_us).toBeGreaterThan(window.toUs);
  });

  test('in a scenario', () => {
    const network = (way: string) =>
      added(`network:\n  partitions: [{ from: 1 hour, to: 2 hour, side: { chain: true }, way: ${way} }]\n`);
    expect(refusal(network('sideways'))).toMatch(/^f\.yaml:17:\d+: way: /);
  });
});
