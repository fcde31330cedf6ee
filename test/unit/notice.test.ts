/** Owners who say when they take their machine back: it drains, and what keeps checkpoints is saved in time. */
import { describe, expect, test } from 'vitest';
import { HOUR_US } from '../../core/types.ts';
import type { ProcessTimes } from '../../sim/world/processes.ts';
import { arrival, config, node, pool, SECOND, simulation, spec } from '../support/market.ts';

const MINUTE = 60 * SECOND;
const c = config({ nodes: [node('n0', { gpus: 2 })], pools: [pool('east')] });

/** Away from 10:00 to 11:00; two-hour jobs come at 9:00, and a short one two minutes before the owner does. */
function run(noticeUs: number, checkpoint?: ProcessTimes['checkpoint'], mtbfUs = 0) {
  const { sim, rows } = simulation(
    c,
    [
      arrival(9 * HOUR_US, 2 * HOUR_US, spec(1, { limitUs: 9 * HOUR_US })),
      arrival(10 * HOUR_US - 2 * MINUTE, MINUTE, spec(2)),
    ],
    {
      checkEveryEvent: true,
      lives: [
        {
          availability: { kind: 'daily', fromUs: 11 * HOUR_US, toUs: 10 * HOUR_US, jitterUs: 0 },
          ...(noticeUs > 0 ? { noticeUs } : {}),
          mtbfUs,
          repairUs: MINUTE,
        },
      ],
      processes: { startUs: 1, killUs: SECOND, ...(checkpoint === undefined ? {} : { checkpoint }) },
    },
  );
  sim.finish();
  const of = (job: number) => rows.of('placements').filter((p) => p.job_id === job);
  return { sim, rows, of, end: rows.of('jobs').find((j) => j.job_id === 1)!.finish_time_us };
}

const save = { everyUs: 0, saveUs: 20 * SECOND, restoreUs: 5 * SECOND };

describe('notice', () => {
  test('without it what runs is lost, with it and no checkpoints too; but nothing new begins', () => {
    const none = run(0);
    expect(none.of(1).map((p) => p.outcome)).toEqual(['node-failure', 'completed']);
    expect(none.of(2).map((p) => p.outcome)).toEqual(['completed']);
    expect(none.of(2)[0]!.start_us).toBeLessThan(10 * HOUR_US);
    const told = run(5 * MINUTE);
    expect(told.of(1).map((p) => p.outcome)).toEqual(['node-failure', 'completed']);
    expect(told.of(2)[0]!.start_us).toBeGreaterThan(11 * HOUR_US);
    expect(told.rows.of('failures').map((f) => f.kind)).toEqual(['notice', 'node-down', 'node-up']);
  });

  test('work is saved just before the owner comes, paid for, and gone on with', () => {
    const { sim, of, end } = run(5 * MINUTE, save);
    const [first, second] = of(1);
    expect([first!.outcome, first!.end_us]).toEqual(['preempted', 10 * HOUR_US - 21 * SECOND]);
    expect(first!.charge_micro).toBeGreaterThan(0n);
    // An hour less 21 seconds is done; back at eleven, and five seconds to read it.
    const left = HOUR_US + 21 * SECOND + 5 * SECOND;
    expect(Math.abs(end - (11 * HOUR_US + left))).toBeLessThan(10);
    expect(second!.outcome).toBe('completed');
    expect(sim.lostMilliUs).toBe(0n);
  });

  test('one that is not long enough saves nothing, or what a former checkpoint had', () => {
    const { sim, of, end } = run(10 * SECOND, save);
    expect(of(1).map((p) => p.outcome)).toEqual(['preempted', 'completed']);
    expect(end).toBeGreaterThan(13 * HOUR_US);
    expect(Number(sim.lostMilliUs) / (1000 * HOUR_US)).toBeCloseTo(1, 2);
    const every = run(10 * SECOND, { ...save, everyUs: 10 * MINUTE });
    // 50 minutes are kept.
    expect(Math.abs(every.end - (11 * HOUR_US + 70 * MINUTE + 5 * SECOND))).toBeLessThan(10);
    expect(Number(every.sim.lostMilliUs) / (1000 * MINUTE)).toBeCloseTo(10 - 10 / 60, 2);
  });

  test('a machine repaired in between hears it again', () => {
    const { rows } = run(50 * MINUTE, { ...save, everyUs: MINUTE }, 8 * MINUTE);
    const of = rows.of('failures').filter((f) => f.time_us < 10 * HOUR_US && f.time_us > 9 * HOUR_US + 10 * MINUTE);
    const kinds = of.map((f) => f.kind);
    expect(kinds).toContain('node-up');
    for (const [i, k] of kinds.entries()) if (k === 'node-up') expect(kinds[i + 1]).toBe('notice');
  });
});
