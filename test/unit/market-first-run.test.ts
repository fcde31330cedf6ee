import { describe, expect, test } from 'vitest';
import { HOUR_US } from '../../core/types.ts';
import { arrival, config, SECOND, simulation, spec, task } from '../support/market.ts';

/** Twenty jobs on two pools, worked out by hand where it matters. */
function twenty() {
  return Array.from({ length: 20 }, (_, i) => {
    const inEast = i % 2 === 0;
    return arrival(
      i * 60 * SECOND,
      (10 + i) * 60 * SECOND,
      spec(i + 1, { groups: [task(1 + (i % 3))], user: i % 5 === 4 ? 'bob' : 'alice' }),
      {
        pool: inEast ? 0 : 1,
      },
    );
  });
}

describe('twenty jobs on two pools', () => {
  const run = () => {
    const { sim, rows } = simulation(config(), twenty(), { checkEveryEvent: true });
    sim.finish();
    return { sim, rows };
  };

  test('all complete, and the books close to the unit', () => {
    const { sim, rows } = run();
    const jobs = rows.of('jobs');
    expect(jobs).toHaveLength(20);
    expect(jobs.every((j) => j.final_state === 'completed' && j.reason === 'ok')).toBe(true);
    const charged = jobs.reduce((sum, j) => sum + j.charged_micro, 0n);
    const accounts = rows.of('accounts').filter((a) => a.currency === 'USD');
    const of = (prefix: string) =>
      accounts
        .filter((a) => a.account.startsWith(prefix))
        .reduce((sum, a) => sum + a.credits_posted_micro - a.debits_posted_micro, 0n);
    expect(of('provider:') + of('staker:') + of('aggregator:') + of('verifiers') + of('treasury')).toBe(charged);
    expect(of('revenue:')).toBe(0n);
    expect(accounts.every((a) => a.debits_pending_micro === 0n && a.credits_pending_micro === 0n)).toBe(true);
    expect(sim.checks).toBeGreaterThan(300);
  });

  test('a charge is the rate times the time, rounded down once', () => {
    const { rows } = run();
    for (const p of rows.of('placements')) {
      const gpus = p.gpus.split('+').length;
      const exact = BigInt(p.rate_micro_per_gpu_hour) * BigInt(gpus) * BigInt(p.end_us - p.start_us);
      expect(p.charge_micro).toBe(exact / BigInt(HOUR_US));
    }
    // Job 1: one GPU of class a for ten minutes at 1 USD/hour.
    expect(rows.of('jobs').find((j) => j.job_id === 1)!.charged_micro).toBe(166_666n);
  });

  test('a job never waits when there is room, and waits in order when there is none', () => {
    const { rows } = run();
    const first = rows.of('jobs').find((j) => j.job_id === 1)!;
    expect(first.waiting_time_us).toBe(0);
    expect(first.execution_time_us).toBe(600 * SECOND);
  });

  test('the same inputs give the same rows and decisions', () => {
    const a = run();
    const b = run();
    expect(b.rows.recorder.fingerprint).toBe(a.rows.recorder.fingerprint);
    expect(b.sim.markets[0]!.digest).toBe(a.sim.markets[0]!.digest);
  });

  test('revenue is split by the named shares and stakers by their stake', () => {
    const { rows } = run();
    const paid = (party: string) =>
      rows
        .of('transfers')
        .filter((t) => t.credit === party)
        .reduce((sum, t) => sum + t.amount_micro, 0n);
    const sam = paid('staker:sam');
    const tom = paid('staker:tom');
    expect(sam).toBeGreaterThan(0n);
    // 3 : 5, to within one unit per distribution
    expect(Number(tom * 3n - sam * 5n)).toBeLessThanOrEqual(8 * 3);
    expect(Number(tom * 3n - sam * 5n)).toBeGreaterThanOrEqual(-8 * 3);
  });
});
