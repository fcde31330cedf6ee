/** Users who come back with jobs that came to nothing. */
import { describe, expect, test } from 'vitest';
import { clonePlain } from '../../core/plain.ts';
import { HOUR_US } from '../../core/types.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import type { RetryRule } from '../../scenarios/resolved.ts';
import { arrival, config, node, SECOND, simulation, spec } from '../support/market.ts';
import { minimal, persona, refusal } from '../support/scenario-text.ts';

const rule = (over: Partial<RetryRule> = {}): RetryRule => ({
  persona: 'test',
  on: ['refused', 'gave-up', 'failed'],
  times: 2,
  afterUs: 100 * SECOND,
  backoff: 3,
  ...over,
});
const one = () => config({ nodes: [node('n0', { gpus: 1 })] });
const rows = (r: ReturnType<typeof simulation>) => r.rows.of('jobs').map((j) => [j.final_state, j.submission_time_us]);

describe('retries', () => {
  test('a job refused for its price comes again as often as its user will, later each time', () => {
    let sum = 0;
    let later = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const poor = arrival(0, SECOND, spec(1, { bids: [1, 1] }));
      const r = simulation(one(), [poor], { retries: [rule()], horizonUs: 100 * HOUR_US, seed });
      r.sim.finish();
      const all = rows(r);
      expect(all.map((j) => j[0])).toEqual(['rejected', 'rejected', 'rejected']);
      expect(new Set(r.rows.of('jobs').map((j) => j.job_id)).size).toBe(3);
      sum += (all[1]![1] as number) / SECOND;
      later += ((all[2]![1] as number) - (all[1]![1] as number)) / SECOND;
      expect(r.sim.submitted).toBe(3);
    }
    // Exponential with means of 100 and 300 s: 3.29 deviations over 400 runs.
    expect(Math.abs(sum / 400 - 100)).toBeLessThan((3.29 * 100) / 20);
    expect(Math.abs(later / 400 - 300)).toBeLessThan((3.29 * 300) / 20);
  });

  test('only after what the rule names, and never a job that was completed', () => {
    const bad = arrival(0, SECOND, spec(1), { fails: true });
    const refusedOnly = simulation(one(), [bad], { retries: [rule({ on: ['refused'] })], horizonUs: HOUR_US });
    refusedOnly.sim.finish();
    expect(refusedOnly.sim.submitted).toBe(1);
    const failed = simulation(one(), [bad], { retries: [rule({ on: ['failed'], times: 1 })], horizonUs: HOUR_US });
    failed.sim.finish();
    expect(rows(failed).map((j) => j[0])).toEqual(['failed', 'failed']);
    const good = simulation(one(), [arrival(0, SECOND, spec(1))], { retries: [rule()], horizonUs: HOUR_US });
    good.sim.finish();
    expect(good.sim.submitted).toBe(1);
  });

  test('who lost patience comes back, and finds the GPU free', () => {
    const long = arrival(0, 1000 * SECOND, spec(1, { label: 'other' }));
    const short = arrival(SECOND, SECOND, spec(2, { patienceUs: 10 * SECOND }));
    const r = simulation(one(), [long, short], {
      retries: [rule({ afterUs: HOUR_US, times: 5 })],
      horizonUs: 60 * HOUR_US,
    });
    r.sim.finish();
    expect(rows(r).filter((j) => j[0] === 'completed').length).toBe(2);
  });

  test('a run that is cut in two goes on as if it had not been', () => {
    const jobs = Array.from({ length: 12 }, (_, i) => arrival(i * 50 * SECOND, SECOND, spec(i + 1, { bids: [1, 1] })));
    const build = () => simulation(one(), jobs, { retries: [rule()], horizonUs: 4 * HOUR_US });
    const whole = build();
    whole.sim.finish();
    const first = build();
    first.sim.runUntil(400 * SECOND);
    const state = clonePlain(first.sim.snapshot());
    const second = build();
    second.sim.options.streams.restore(state.streams);
    second.sim.restore(state);
    second.sim.finish();
    const all = (r: ReturnType<typeof simulation>) => r.rows.of('jobs').map((j) => [j.job_id, j.submission_time_us]);
    expect([...all(first), ...all(second)]).toEqual(all(whole));
  });

  test('in a scenario', () => {
    expect(resolveScenario(persona('retry: {}'), 'f.yaml').retries).toEqual([
      { persona: 'users', on: ['refused', 'gave-up', 'failed'], times: 3, afterUs: HOUR_US, backoff: 2 },
    ]);
    expect(resolveScenario(minimal, 'f.yaml').retries).toBeUndefined();
    expect(refusal(persona('retry: { after: 0 hour }'))).toContain('no time at all');
    expect(refusal(persona('retry: { on: [bored] }'))).toContain('have: refused, gave-up, failed');
  });
});
