/** One GPU fails and its machine goes on: what ends, what is billed, what is sold meanwhile, and when it comes back. */
import { describe, expect, test } from 'vitest';
import { CardState, type Fact, FactKind } from '../../core/facts.ts';
import { clonePlain } from '../../core/plain.ts';
import type { Outcome } from '../../core/types.ts';
import { outcomeNames } from '../../core/types.ts';
import type { CardError } from '../../scenarios/resolved.ts';
import { xidClasses } from '../../scenarios/xids.ts';
import { Simulation } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { arrival, config, ListDemand, node, pool, SECOND, simulation, spec, task } from '../support/market.ts';

const one = (gpus: number) => config({ nodes: [node('n0', { gpus })], pools: [pool('east')] });
const gpu = (at: number, state: CardState, xid = 0, n = 0): Fact => ({
  kind: FactKind.gpu,
  node: n,
  gpu: at,
  state,
  xid,
});
const outcomesOf = (rows: ReturnType<typeof simulation>['rows'], job: number): string[] =>
  rows
    .of('placements')
    .filter((p) => p.job_id === job)
    .map((p) => p.outcome);

describe('a card that is lost', () => {
  test('ends what is on it, at no cost, and nothing else; the job starts again on the others', () => {
    const { sim, rows } = simulation(one(3), [arrival(0, 100 * SECOND, spec(1)), arrival(0, 100 * SECOND, spec(2))], {
      checkEveryEvent: true,
    });
    sim.inject(40 * SECOND, [gpu(0, CardState.dead, 79)]);
    sim.finish();
    const first = rows.of('placements').filter((p) => p.job_id === 1);
    expect(first.map((p) => [p.outcome, p.gpus, p.charge_micro > 0n])).toEqual([
      ['gpu-failure', '0', false],
      ['completed', '2', true],
    ]);
    expect(outcomesOf(rows, 2)).toEqual(['completed']);
    expect(rows.of('failures')).toMatchObject([
      { kind: 'gpu-dead', cause: 'Xid 79', gpu: 0, leases_lost: 1, lost_milli_us: BigInt(1000 * 40 * SECOND) },
    ]);
    const [d] = rows.of('devices');
    expect(d!.gpu_out_us).toBe(d!.up_us - 40 * SECOND);
  });

  test('ends gangs as a whole and every share of it, and shares of other cards go on', () => {
    const c = config({ nodes: [node('n0', { gpus: 2 }), node('n1', { gpus: 2 })], pools: [pool('east')] });
    const half = [task(1, { gpuMilli: 500 })];
    const { sim, rows } = simulation(
      c,
      [
        arrival(0, 100 * SECOND, spec(1, { groups: half, maxAttempts: 1 })),
        arrival(1, 100 * SECOND, spec(2, { groups: half, maxAttempts: 1 })),
        arrival(2, 100 * SECOND, spec(3, { groups: half })),
        arrival(3, 100 * SECOND, spec(4, { groups: [task(1, { tasks: 2 })], maxAttempts: 1 })),
      ],
      { checkEveryEvent: true },
    );
    sim.inject(50 * SECOND, [gpu(0, CardState.dead)]);
    sim.inject(60 * SECOND, [gpu(1, CardState.dead, 95, 1)]);
    sim.finish();
    expect([1, 2, 3].map((j) => outcomesOf(rows, j))).toEqual([['gpu-failure'], ['gpu-failure'], ['completed']]);
    expect(outcomesOf(rows, 4).sort((a, b) => (a < b ? -1 : 1))).toEqual(['aborted', 'gpu-failure']);
    expect(rows.of('jobs').find((j) => j.job_id === 4)).toMatchObject({ reason: 'attempts-spent', charged_micro: 0n });
  });

  test('is not sold while it is out, whether or not its machine was away meanwhile, and is when it is back', () => {
    const { sim, rows } = simulation(one(1), [arrival(20 * SECOND, 10 * SECOND, spec(1))], { checkEveryEvent: true });
    sim.inject(SECOND, [gpu(0, CardState.dead, 79)]);
    sim.inject(30 * SECOND, [{ kind: FactKind.nodeDown, node: 0, cause: 0 }]);
    sim.inject(40 * SECOND, [{ kind: FactKind.nodeUp, node: 0 }]);
    sim.inject(90 * SECOND, [gpu(0, CardState.fine)]);
    sim.finish();
    expect(rows.of('placements')[0]!.start_us).toBe(90 * SECOND);
    // Out from 1 to 90 s, and its machine was down for ten of them.
    expect(rows.of('devices')[0]!.gpu_out_us).toBe(79 * SECOND);
  });

  test('stays out over a takeover: the machine tells its new pool', () => {
    const c = config({
      nodes: [node('n0', { gpus: 2 })],
      pools: [pool('east'), pool('west')],
    });
    const { sim, rows } = simulation(c, [arrival(20 * SECOND, 10 * SECOND, spec(1), { pool: 1 })], {
      checkEveryEvent: true,
    });
    sim.inject(SECOND, [gpu(0, CardState.dead, 79)]);
    sim.inject(2 * SECOND, [{ kind: FactKind.takeover, from: 0, to: 1, seq: 0 }]);
    sim.finish();
    expect(rows.of('placements').map((p) => [p.pool, p.gpus])).toEqual([['west', '1']]);
  });
});

test('a snapshot at any moment keeps cards that are out, draining, or lost under a job', () => {
  const arrivals = () => [0, 1, 2, 3, 4].map((i) => arrival(i * 15 * SECOND, 50 * SECOND, spec(i + 1)));
  const facts: [number, Fact][] = [
    [10, gpu(0, CardState.dead, 79)],
    [25, gpu(1, CardState.draining, 95)],
    [40, { kind: FactKind.nodeDown, node: 0, cause: 0 }],
    [50, { kind: FactKind.nodeUp, node: 0 }],
    [130, gpu(0, CardState.fine)],
    [160, gpu(1, CardState.fine)],
  ];
  const run = (stops: readonly number[]) => {
    const first = simulation(one(3), arrivals(), { checkEveryEvent: true });
    let { sim } = first;
    for (const t of [...new Set([...stops, ...facts.map(([at]) => at)])].sort((x, y) => x - y)) {
      for (const [at, fact] of facts) if (at === t) sim.inject(t * SECOND, [fact]);
      sim.runUntil(t * SECOND);
      if (!stops.includes(t)) continue;
      const state = clonePlain(sim.snapshot());
      const streams = new Streams(1);
      streams.restore(state.streams);
      sim = new Simulation({ ...sim.options, streams, demand: new ListDemand(arrivals()) });
      sim.restore(state);
    }
    sim.finish();
    return first.rows;
  };
  const whole = run([]);
  expect(whole.of('failures').filter((f) => f.gpu >= 0).length).toBeGreaterThan(1);
  expect(whole.of('placements').some((p) => p.outcome === 'gpu-failure')).toBe(true);
  for (const stops of [[10], [12], [25, 41], [45], [51], [129, 131], [140], [10, 25, 40, 50, 130, 160]]) {
    const rows = run(stops);
    for (const table of ['placements', 'failures', 'devices', 'jobs'] as const)
      expect(rows.of(table), `${table} with stops at ${stops.join(', ')} s`).toEqual(whole.of(table));
  }
});

test('a card that is to be reset takes on nothing, and what is on it ends in peace', () => {
  const { sim, rows } = simulation(
    one(2),
    [
      arrival(0, 100 * SECOND, spec(1)),
      arrival(30 * SECOND, 10 * SECOND, spec(2)),
      arrival(31 * SECOND, 5 * SECOND, spec(3)),
    ],
    { checkEveryEvent: true },
  );
  sim.inject(20 * SECOND, [gpu(0, CardState.draining, 63)]);
  sim.finish();
  expect(outcomesOf(rows, 1)).toEqual(['completed']);
  expect(rows.of('placements').map((p) => [p.job_id, p.gpus])).toEqual([
    [2, '1'],
    [3, '1'],
    [1, '0'],
  ]);
});

test('an error that condemns no card changes nothing but the record', () => {
  const run = (facts: Fact[]) => {
    const { sim, rows } = simulation(one(1), [arrival(0, 100 * SECOND, spec(1))]);
    sim.inject(20 * SECOND, facts);
    sim.finish();
    return rows;
  };
  const rows = run([gpu(0, CardState.fine, 31)]);
  expect(rows.of('placements')).toEqual(run([]).of('placements'));
  expect(rows.of('failures')).toMatchObject([{ kind: 'gpu-error', cause: 'Xid 31', leases_lost: 0 }]);
});

describe('in the world', () => {
  const error = (xid: number, everyUs: number): CardError => ({
    xid,
    card: xidClasses.get(xid)!.card,
    ends: xidClasses.get(xid)!.ends,
    between: { family: 'lognormal', medianUs: everyUs, sigma: 1e-9 },
    repair: { family: 'lognormal', medianUs: 60 * SECOND, sigma: 1e-9 },
  });
  const half = [task(1, { gpuMilli: 500 })];
  const run = (xid: number) => {
    const { sim, rows } = simulation(
      one(1),
      [
        arrival(10 * SECOND, 65 * SECOND, spec(1, { groups: half })),
        arrival(10 * SECOND, 65 * SECOND, spec(2, { groups: half })),
      ],
      { checkEveryEvent: true, cards: [{ nodes: [0], errors: [error(xid, 70 * SECOND)] }] },
    );
    sim.finish();
    return { sim, rows };
  };
  const ended = ({ rows }: ReturnType<typeof run>): string[] =>
    [1, 2].map((j) => outcomesOf(rows, j).join(' ')).sort((a, b) => (a < b ? -1 : 1));

  test('a program’s error ends one program, which has failed and pays', () => {
    const r = run(31);
    expect(ended(r)).toEqual(['completed', 'failed']);
    const failed = r.rows.of('placements').find((p) => p.outcome === 'failed')!;
    expect([failed.end_us, failed.charge_micro > 0n]).toEqual([70 * SECOND, true]);
    expect([...r.sim.failureCauses]).toEqual([['Xid 31', 1]]);
  });

  test('a contained memory error ends one, its provider’s loss; the reset waits for the other', () => {
    const r = run(94);
    expect(ended(r)).toEqual(['completed', 'gpu-failure completed']);
    const back = r.rows.of('failures').find((f) => f.kind === 'gpu-back')!;
    expect(back.time_us).toBe(135 * SECOND);
    // A minute of half a card.
    expect(r.sim.lostMilliUs).toBe(BigInt(60 * SECOND * 500));
  });

  test('a recorded remapping ends none', () => {
    const r = run(63);
    expect(ended(r)).toEqual(['completed', 'completed']);
    expect(r.rows.of('failures').map((f) => f.kind)).toContain('gpu-drain');
  });

  test('off the bus ends all, and they go on when the card is back', () => {
    const r = run(79);
    expect(ended(r)).toEqual(['gpu-failure completed', 'gpu-failure completed']);
    expect(
      r.rows
        .of('placements')
        .filter((p) => p.outcome === 'completed')
        .map((p) => p.start_us),
    ).toEqual([130 * SECOND, 130 * SECOND]);
  });
});

test('every outcome has a name', () => {
  const last: Outcome = 8;
  expect(outcomeNames[last]).toBe('gpu-failure');
});

test('packing leaves a machine alone whose GPUs in service are all idle, its dead ones do not count', () => {
  const packing = pool('east', { placement: { name: 'gpu-packing', params: {} } });
  const c = config({ nodes: [node('n0', { gpus: 4 }), node('n1', { gpus: 4 })], pools: [packing] });
  const { sim, rows } = simulation(c, [
    arrival(20 * SECOND, 900 * SECOND, spec(1, { groups: [task(3)] })),
    arrival(30 * SECOND, 100 * SECOND, spec(2)),
  ]);
  sim.inject(10 * SECOND, [gpu(0, CardState.dead), gpu(1, CardState.dead)]);
  sim.finish();
  expect(rows.of('placements').map((p) => p.node)).toEqual(['n1', 'n1']);
});
