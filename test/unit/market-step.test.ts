import { describe, expect, test } from 'vitest';
import { FactKind } from '../../core/facts.ts';
import { configFault } from '../../core/market/config.ts';
import { compareFacts, Market } from '../../core/market/market.ts';
import { specFault } from '../../core/pool/spec.ts';
import { HOUR_US, NEVER } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { arrival, config, node, pool, SECOND, simulation, spec, task } from '../support/market.ts';

describe('step', () => {
  test('refuses stamps that are no time: NaN, negative, fractional, past', () => {
    const m = new Market(config(), shipped);
    for (const bad of [Number.NaN, -1, 0.5, Infinity]) expect(() => m.step(bad, [])).toThrow(/stamp/);
    m.step(0, []);
    m.step(10, []);
    expect(() => m.step(9, [])).toThrow(/stamp 9/);
  });

  test('refuses to skip a deadline', () => {
    const m = new Market(config(), shipped);
    m.step(0, []);
    expect(m.nextWakeup()).toBe(HOUR_US);
    expect(() => m.step(HOUR_US + 1, [])).toThrow(/skips the deadline/);
  });

  test('always asks to be woken later than now', () => {
    const m = new Market(config({ sampleUs: SECOND }), shipped);
    for (let t = 0; t < 100; t++) {
      const due = m.nextWakeup();
      m.pulse(due);
      expect(m.nextWakeup()).toBeGreaterThan(due);
    }
  });

  test('a fact for a machine that does not exist is refused', () => {
    const m = new Market(config(), shipped);
    expect(() => m.step(0, [{ kind: FactKind.nodeUp, node: 99 }])).toThrow(/not here/);
  });

  test('facts of a stamp are taken by phase, then source, then sequence, however they come', () => {
    const facts = [
      { kind: FactKind.submit, pool: 0, spec: spec(2, { user: 'bob' }) },
      { kind: FactKind.nodeDown, node: 1, cause: 0 },
      { kind: FactKind.submit, pool: 0, spec: spec(3, { user: 'alice' }) },
      { kind: FactKind.submit, pool: 0, spec: spec(1, { user: 'bob' }) },
    ] as const;
    const order = [...facts].sort(compareFacts).map((f) => (f.kind === FactKind.submit ? f.spec.job : -1));
    expect(order).toEqual([-1, 3, 1, 2]);
    const digest = (list: readonly (typeof facts)[number][]) => {
      const m = new Market(config(), shipped);
      m.step(0, []);
      m.step(5, list);
      return m.digest;
    };
    expect(digest([facts[3], facts[0], facts[1], facts[2]])).toBe(digest(facts));
  });

  test('one job per quote: what cannot be served is refused with a code, never thrown', () => {
    const cases: [Parameters<typeof spec>[1], string][] = [
      [{ groups: [task(5)] }, 'ok'],
      [{ groups: [task(9)] }, 'never-fits'],
      [{ groups: [task(4, { tasks: 5 })] }, 'never-fits'],
      // Each group alone would fit the 12 GPUs of the pool, together they ask for 14.
      [{ groups: [task(4, { tasks: 3 }), task(2)] }, 'never-fits'],
      [{ groups: [task(4, { tasks: 2 }), task(4)] }, 'ok'],
      [{ bids: [1, 1] }, 'price-above-bid'],
      [{ user: 'nobody' }, 'unknown-user'],
      [{ limitUs: 5000 * HOUR_US }, 'insufficient-funds'],
      [{ limitUs: 0 }, 'invalid-spec'],
      [{ groups: [] }, 'invalid-spec'],
      [{ groups: [task(1, { gpuMilli: 0 })] }, 'invalid-spec'],
      [{ classes: [7] }, 'invalid-spec'],
      [{ bids: [5] }, 'invalid-spec'],
      [{ limitUs: NEVER, user: 'bob', groups: [task(4)] }, 'ok'],
    ];
    const { sim, rows } = simulation(
      config(),
      cases.map(([over], i) => arrival(i * SECOND, SECOND, spec(i + 1, over), { pool: 1 })),
    );
    sim.finish();
    const jobs = [...rows.of('jobs')].sort((a, b) => a.job_id - b.job_id);
    expect(jobs.map((j) => j.reason)).toEqual(cases.map(([, reason]) => reason));
  });

  test('a second job of the same number is refused, the first runs on', () => {
    const { sim, rows } = simulation(config(), [
      arrival(0, 60 * SECOND, spec(1)),
      arrival(SECOND, 60 * SECOND, spec(1, { user: 'bob' })),
    ]);
    sim.finish();
    expect(rows.of('jobs').map((j) => [j.user, j.reason])).toEqual([
      ['bob', 'duplicate-job'],
      ['alice', 'ok'],
    ]);
  });

  test('a job is stopped and billed at its limit; one that ends exactly at it counts as completed', () => {
    const { sim, rows } = simulation(config(), [
      arrival(0, 100 * SECOND, spec(1, { limitUs: 100 * SECOND })),
      arrival(0, 100 * SECOND + 1, spec(2, { limitUs: 100 * SECOND })),
    ]);
    sim.finish();
    const jobs = [...rows.of('jobs')].sort((a, b) => a.job_id - b.job_id);
    expect(jobs.map((j) => [j.final_state, j.reason, j.execution_time_us])).toEqual([
      ['completed', 'ok', 100 * SECOND],
      ['failed', 'limit', 100 * SECOND],
    ]);
    expect(jobs[0]!.charged_micro).toBe(jobs[1]!.charged_micro);
  });

  test('cancelled while waiting costs nothing; cancelled while running costs the time used', () => {
    const { sim, rows } = simulation(config({ nodes: [node('n0', { gpus: 1 })] }), [
      arrival(0, 3600 * SECOND, spec(1)),
      arrival(1, 3600 * SECOND, spec(2)),
    ]);
    sim.inject(36 * SECOND, [
      { kind: FactKind.cancel, pool: 0, job: 2 },
      { kind: FactKind.cancel, pool: 0, job: 1 },
    ]);
    sim.finish();
    const jobs = [...rows.of('jobs')].sort((a, b) => a.job_id - b.job_id);
    expect(jobs.map((j) => [j.final_state, j.reason, j.charged_micro])).toEqual([
      ['cancelled', 'by-user', 10_000n],
      ['cancelled', 'by-user', 0n],
    ]);
  });

  test('who loses patience leaves the queue; a machine failure restarts the job and charges nothing for lost work', () => {
    const c = config({ nodes: [node('n0', { gpus: 1 })] });
    const { sim, rows } = simulation(c, [
      arrival(0, 1000 * SECOND, spec(1)),
      arrival(1, 10 * SECOND, spec(2, { patienceUs: 500 * SECOND })),
    ]);
    sim.inject(400 * SECOND, [{ kind: FactKind.nodeDown, node: 0, cause: 0 }]);
    sim.inject(700 * SECOND, [{ kind: FactKind.nodeUp, node: 0 }]);
    sim.finish();
    const jobs = [...rows.of('jobs')].sort((a, b) => a.job_id - b.job_id);
    expect(jobs[1]).toMatchObject({ final_state: 'cancelled', reason: 'patience', finish_time_us: 500 * SECOND + 1 });
    expect(jobs[0]).toMatchObject({ final_state: 'completed', attempts: 2, finish_time_us: 1700 * SECOND });
    expect(jobs[0]!.charged_micro).toBe(277_777n);
    const lost = rows.of('placements').find((p) => p.outcome === 'node-failure')!;
    expect([lost.start_us, lost.end_us, lost.charge_micro]).toEqual([0, 400 * SECOND, 0n]);
  });

  test('a gang starts together or not at all, and one lost part ends it', () => {
    const c = config({ nodes: [node('n0'), node('n1')], pools: [pool('east')] });
    const { sim, rows } = simulation(c, [
      arrival(0, 100 * SECOND, spec(1, { groups: [task(1)] })),
      arrival(1, 1000 * SECOND, spec(2, { groups: [task(4, { tasks: 2 })], maxAttempts: 1 })),
    ]);
    sim.inject(300 * SECOND, [{ kind: FactKind.nodeDown, node: 1, cause: 0 }]);
    sim.finish();
    const parts = rows.of('placements').filter((p) => p.job_id === 2);
    expect(parts.map((p) => p.start_us)).toEqual([100 * SECOND, 100 * SECOND]);
    expect(parts.map((p) => p.outcome).sort((a, b) => (a < b ? -1 : 1))).toEqual(['aborted', 'node-failure']);
    expect(rows.of('jobs').find((j) => j.job_id === 2)).toMatchObject({
      final_state: 'failed',
      reason: 'attempts-spent',
      charged_micro: 0n,
    });
  });

  test('who pays in tokens is charged at the token’s price', () => {
    const { sim, rows } = simulation(config(), [
      arrival(0, 3600 * SECOND, spec(1, { user: 'carol', currency: 1, classes: [0] })),
    ]);
    sim.finish();
    // 1 USD/hour at 0.02 USD per token: 50 tokens
    expect(rows.of('jobs')[0]).toMatchObject({ currency: 'JCT', charged_micro: 50_000_000n });
  });
});

describe('configuration', () => {
  test('faults are named', () => {
    const base = config();
    const bad: [Partial<typeof base>, RegExp][] = [
      [{ shares: { ...base.shares, providerBps: 7_999 } }, /10,000/],
      [{ nodes: [node('x'), node('x')] }, /duplicate node x/],
      [{ nodes: [node('x', { pool: 5 })] }, /unknown pool/],
      [{ nodes: [node('x', { gpuClass: 5 })] }, /unknown GPU class/],
      [{ graces: { ...base.graces, poolUs: 0 } }, /poolUs/],
      [{ epochUs: 0 }, /epochUs/],
      [{ users: [{ id: 'u', currency: 0, deposit: '-1', postpaid: false }] }, /deposit/],
      [{ stakes: [{ staker: 's', provider: 'p', amount: '0' }] }, /zero/],
    ];
    for (const [over, message] of bad) expect(configFault({ ...base, ...over })).toMatch(message);
    expect(configFault(base)).toBeNull();
  });

  test('an unknown mechanism is refused with what there is', () => {
    const c = config({ pools: [pool('east', { queueing: { name: 'fifoo', params: {} } }), pool('west')] });
    expect(() => new Market(c, shipped)).toThrow(/unknown queueing policy "fifoo" \(have fifo, sjf, easy, /);
  });

  test('a spec may not exceed what a hold number can carry', () => {
    expect(specFault(spec(0), config())).toMatch(/job number/);
    expect(specFault(spec(2 ** 40), config())).toMatch(/job number/);
    expect(specFault(spec(1, { groups: [task(1, { tasks: 5000 })] }), config())).toMatch(/task count/);
    expect(specFault(spec(1), config())).toBeNull();
  });
});
