/** Preemption: what an attempt used is charged, what it checkpointed is kept, the books and the laws agree. */
import { describe, expect, test } from 'vitest';
import { JOURNAL_SCHEMA, JournalWriter, readJournal } from '../../core/journal/journal.ts';
import { replay } from '../../core/journal/replay.ts';
import { clonePlain } from '../../core/plain.ts';
import { HOUR_US, type MarketConfig, type MechanismRef, NEVER } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { Simulation, type SimulationState } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import type { Arrival } from '../../sim/world/demand.ts';
import type { ProcessTimes } from '../../sim/world/processes.ts';
import {
  arrival,
  config,
  generator,
  ListDemand,
  node,
  pool,
  Rows,
  SECOND,
  simulation,
  spec,
  task,
} from '../support/market.ts';
import { runs } from '../support/runs.ts';
import { poolHost, repeatedly, settlementHost, wires } from '../support/wires.ts';
import { type Workload, workload } from '../support/workload.ts';

const PREEMPTIVE: MechanismRef[] = [
  { name: 'priority', params: { preempt: true, minRunUs: 60 * SECOND } },
  { name: 'srtf', params: {} },
  { name: 'las', params: { limitsGpuUs: [1800 * SECOND, 7200 * SECOND] } },
  { name: 'edf', params: { preempt: true, skip: true } },
  { name: 'srsf', params: { migrate: true } },
];
const KEPT: ProcessTimes = {
  startUs: 2 * SECOND,
  killUs: SECOND,
  checkpoint: { everyUs: 300 * SECOND, saveUs: 3 * SECOND, restoreUs: 5 * SECOND },
};

/** A random market whose pools preempt. */
function preemptive(seed: number, jobs: number): Workload {
  const w = workload(seed, jobs);
  const pools = w.config.pools.map((p, i) => ({ ...p, queueing: PREEMPTIVE[(seed + i) % PREEMPTIVE.length]! }));
  w.arrivals.forEach((a, i) => {
    // Four times the pressure.
    a.timeUs = Math.floor(a.timeUs / 4);
    a.spec.priority = i % 3;
    if (i % 4 === 0) a.spec.deadlineUs = 3 * a.spec.limitUs;
  });
  return { ...w, config: { ...w.config, pools } };
}

function one(queueing: MechanismRef, over: Partial<MarketConfig> = {}): MarketConfig {
  return config({
    pools: [pool('east', { queueing })],
    nodes: [node('n0', { gpus: 1 })],
    users: [{ id: 'alice', currency: 0, deposit: '0', postpaid: true }],
    ...over,
  });
}

const low = (work: number) => arrival(0, work * SECOND, spec(1, { priority: 0, maxAttempts: 1 }));
const high = (at: number, work: number) => arrival(at * SECOND, work * SECOND, spec(2, { priority: 1 }));
const instant: ProcessTimes = { startUs: 0, killUs: 0 };

function attempts(rows: Rows) {
  return rows
    .of('placements')
    .filter((p) => p.job_id === 1)
    .map((p) => [p.start_us / SECOND, p.end_us / SECOND, p.outcome, Number(p.charge_micro)]);
}

describe('while room is being made', () => {
  test('those behind take none, though somebody of the same demand who came before could make none', () => {
    const c = one(
      { name: 'priority', params: { preempt: true, skip: true } },
      { nodes: [node('n0', { gpus: 2 }), node('n1', { gpus: 1 })] },
    );
    const job = (number: number, at: number, gpus: number, priority: number) =>
      arrival(at * SECOND, 1000 * SECOND, spec(number, { priority, groups: [task(gpus)], limitUs: 2 * HOUR_US }));
    // Job 2 has job 1 stopped, which takes a minute. Job 3 goes before it and cannot have anybody else stopped.
    const { sim, rows } = simulation(c, [job(1, 0, 2, 0), job(2, 10, 2, 1), job(3, 20, 2, 2), job(4, 25, 1, 0)], {
      processes: { startUs: 0, killUs: 60 * SECOND },
      checkEveryEvent: true,
    });
    sim.finish();
    const started = (number: number) => rows.of('jobs').find((j) => j.job_id === number)!.starting_time_us / SECOND;
    expect([started(3), started(4)]).toEqual([70, 70]);
  });

  test('nobody is stopped for a job that fits as it is', () => {
    const c = one(
      { name: 'priority', params: { preempt: true, skip: true } },
      { nodes: [node('n0', { gpus: 8 }), node('n1', { gpus: 2 })] },
    );
    const job = (number: number, at: number, gpus: number, priority: number) =>
      arrival(at * SECOND, 1000 * SECOND, spec(number, { priority, groups: [task(gpus)], limitUs: 2 * HOUR_US }));
    // At 10 seconds the eight GPUs of n0 are asked back, which takes a minute; one GPU of n1 is free all the time.
    const { sim, rows } = simulation(c, [job(1, 0, 8, 0), job(2, 0, 1, 0), job(3, 10, 8, 1), job(4, 12, 1, 1)], {
      processes: { startUs: 0, killUs: 60 * SECOND },
      checkEveryEvent: true,
    });
    sim.finish();
    expect(rows.of('preemptions').map((p) => [p.job_id, p.by_job_id])).toEqual([[1, 3]]);
    const started = (number: number) => rows.of('jobs').find((j) => j.job_id === number)!.starting_time_us / SECOND;
    expect([started(2), started(3), started(4)]).toEqual([0, 70, 70]);
  });
});

describe('one GPU, a job of higher priority comes', () => {
  const rule = { name: 'priority', params: { preempt: true } };
  // 1 USD per GPU-hour.
  const cost = (seconds: number) => Math.floor((seconds * 1_000_000) / 3600);

  test('with checkpoints the low job goes on where it was; each attempt is charged for its metered use', () => {
    const checkpoint = { everyUs: 0, saveUs: 0, restoreUs: 0 };
    const { sim, rows } = simulation(one(rule), [low(100), high(30, 10)], { processes: { ...instant, checkpoint } });
    sim.finish();
    expect(attempts(rows)).toEqual([
      [0, 30, 'preempted', cost(30)],
      [40, 110, 'completed', cost(70)],
    ]);
    const job = rows.of('jobs').find((j) => j.job_id === 1)!;
    // Preempted attempts do not count towards maxAttempts, which is 1 here.
    expect([job.final_state, job.attempts, Number(job.charged_micro)]).toEqual(['completed', 2, cost(30) + cost(70)]);
    expect(sim.markets[0]!.pools[0]!.counts.preemptions).toBe(1);
  });

  test('without checkpoints it begins again', () => {
    const { sim, rows } = simulation(one(rule), [low(100), high(30, 10)]);
    sim.finish();
    expect(attempts(rows).map((a) => a.slice(0, 3))).toEqual([
      [0, 30, 'preempted'],
      [40, 140, 'completed'],
    ]);
  });

  test('a checkpoint costs its time: saved before the GPU is free, restored before work goes on', () => {
    const checkpoint = { everyUs: 0, saveUs: 4 * SECOND, restoreUs: 6 * SECOND };
    const { sim, rows } = simulation(one(rule), [low(100), high(30, 10)], { processes: { ...instant, checkpoint } });
    sim.finish();
    // The bill ends with the order; the other starts when the GPU is free.
    expect(rows.of('placements').find((p) => p.job_id === 2)!.start_us).toBe(34 * SECOND);
    expect(attempts(rows).map((a) => a.slice(0, 3))).toEqual([
      [0, 30, 'preempted'],
      [44, 44 + 6 + 70, 'completed'],
    ]);
  });

  test('a least run is respected, to the microsecond', () => {
    const patient = { name: 'priority', params: { preempt: true, minRunUs: 50 * SECOND } };
    const { sim, rows } = simulation(one(patient), [low(100), high(30, 10)]);
    sim.finish();
    expect(attempts(rows)[0]!.slice(0, 3)).toEqual([0, 50, 'preempted']);
  });

  test('without preemption, or with equal priority, nobody is disturbed', () => {
    for (const queueing of [{ name: 'priority', params: {} }, rule]) {
      const equal = arrival(30 * SECOND, 10 * SECOND, spec(2, { priority: queueing === rule ? 0 : 1 }));
      const { sim, rows } = simulation(one(queueing), [low(100), equal]);
      sim.finish();
      expect(attempts(rows).map((a) => a.slice(0, 3))).toEqual([[0, 100, 'completed']]);
    }
  });

  test('periodic checkpoints take their time; a write that is cut off does not count', () => {
    const checkpoint = { everyUs: 20 * SECOND, writeUs: 5 * SECOND, saveUs: 0, restoreUs: 0 };
    const processes = { ...instant, checkpoint };
    const alone = simulation(one(rule), [low(100)], { processes });
    alone.sim.finish();
    // Four writes on the way, none at the end.
    expect(attempts(alone.rows).map((a) => a.slice(0, 3))).toEqual([[0, 120, 'completed']]);
    // Told to end at 48 s: one cycle of 25 s, 20 s of work in the next and 3 s of a write. Told, it saves all it has done.
    const told = simulation(one(rule), [low(100), high(48, 10)], { processes });
    told.sim.finish();
    expect(attempts(told.rows).map((a) => a.slice(0, 3))).toEqual([
      [0, 48, 'preempted'],
      [58, 58 + 60 + 10, 'completed'],
    ]);
    // Losing its machine then, it has the first checkpoint only.
    const c = one({ name: 'fifo', params: {} });
    const lost = simulation(c, [arrival(0, 100 * SECOND, spec(1, { maxAttempts: 3 }))], {
      processes,
      lives: c.nodes.map(() => ({
        availability: { kind: 'always' as const },
        mtbfUs: 0,
        repairUs: 0,
        outages: [{ fromUs: 48 * SECOND, toUs: 60 * SECOND, cause: 'x' }],
      })),
    });
    lost.sim.finish();
    expect(attempts(lost.rows).map((a) => a.slice(0, 3))).toEqual([
      [0, 48, 'node-failure'],
      [60, 60 + 80 + 15, 'completed'],
    ]);
  });

  test('a machine’s loss keeps what was checkpointed in time', () => {
    const checkpoint = { everyUs: 20 * SECOND, saveUs: 0, restoreUs: 0 };
    const c = one({ name: 'fifo', params: {} });
    const job = arrival(0, 100 * SECOND, spec(1, { maxAttempts: 3 }));
    const lives = c.nodes.map(() => ({
      availability: { kind: 'always' as const },
      mtbfUs: 40 * SECOND,
      repairUs: SECOND,
    }));
    const again = simulation(c, [job], { processes: { ...instant, checkpoint }, lives, seed: 3 });
    again.sim.finish();
    const worked = again.rows.of('placements').filter((p) => p.start_us >= 0);
    const kept = worked
      .slice(0, -1)
      .reduce((sum, p) => sum + Math.floor((p.end_us - p.start_us) / (20 * SECOND)) * 20, 0);
    const last = worked.at(-1)!;
    if (last.outcome === 'completed') expect((last.end_us - last.start_us) / SECOND).toBe(100 - kept);
    expect(worked.length).toBeGreaterThan(1);
  });
});

describe('gangs', () => {
  test('all parts of a gang give way together, and no more jobs than it takes', () => {
    const c = config({
      pools: [pool('east', { queueing: { name: 'priority', params: { preempt: true } } })],
      nodes: [node('n0', { gpus: 4 }), node('n1', { gpus: 4 }), node('n2', { gpus: 4 })],
      users: [{ id: 'alice', currency: 0, deposit: '0', postpaid: true }],
    });
    const jobs: Arrival[] = [
      arrival(0, 1000 * SECOND, spec(1, { groups: [task(4, { tasks: 2 })], priority: 0 })),
      arrival(1, 1000 * SECOND, spec(2, { groups: [task(2)], priority: 0 })),
      arrival(2, 1000 * SECOND, spec(3, { groups: [task(2)], priority: 1 })),
      arrival(10 * SECOND, 100 * SECOND, spec(4, { groups: [task(4)], priority: 2 })),
    ];
    const { sim, rows } = simulation(c, jobs, { checkEveryEvent: true });
    sim.finish();
    const preempted = rows.of('placements').filter((p) => p.outcome === 'preempted');
    // On the third node a job of priority 1 would have to go; the gang is of priority 0.
    expect(new Set(preempted.map((p) => p.job_id))).toEqual(new Set([1]));
    expect(preempted).toHaveLength(2);
    for (const j of rows.of('jobs')) expect(j.final_state).toBe('completed');
  });

  test('victims are a least set: leaving out any one of them the job would not fit', () => {
    let found = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const r = generator(seed);
      const below = (n: number) => Math.floor(r() * n);
      const nodes = Array.from({ length: 3 }, (_, i) => node(`n${i}`, { gpus: 4 }));
      const checked = {
        ...shipped,
        queueing: (name: string, params: Record<string, unknown>) => {
          const inner = shipped.queueing(name, params);
          const schedule = inner.schedule.bind(inner);
          inner.schedule = (view) =>
            schedule({
              ...Object.fromEntries(
                ['start', 'reserve', 'running', 'preempt', 'layout', 'nodesOf'].map((k) => [
                  k,
                  (...a: unknown[]) => (view as never as Record<string, (...x: unknown[]) => unknown>)[k]!(...a),
                ]),
              ),
              now: view.now,
              cluster: view.cluster,
              victims: (job: never, e: never) => {
                const chosen = view.victims(job, e);
                if (chosen !== null) {
                  found++;
                  for (const spared of chosen) {
                    const rest = new Set(chosen.filter((v) => v !== spared));
                    const again = view.victims(job, {
                      ...(e as object),
                      may: (v: never) => rest.has(v),
                      order: () => -1,
                    } as never);
                    expect(again).toBeNull();
                  }
                }
                return chosen;
              },
            } as never);
          return inner;
        },
      };
      const c = config({
        pools: [pool('east', { queueing: { name: 'priority', params: { preempt: true } } })],
        nodes,
        users: [{ id: 'alice', currency: 0, deposit: '0', postpaid: true }],
      });
      const arrivals = Array.from({ length: 40 }, (_, i) =>
        arrival(
          i * 20 * SECOND,
          (50 + below(300)) * SECOND,
          spec(i + 1, { groups: [task(1 + below(4), { tasks: below(4) === 0 ? 2 : 1 })], priority: below(4) }),
        ),
      );
      const { sim } = simulation(c, arrivals, { registry: checked });
      sim.finish();
    }
    expect(found).toBeGreaterThan(100);
  });
});

describe('random markets whose pools preempt', () => {
  for (let seed = 1; seed <= runs(5); seed++) {
    test(`laws after every step, charges add up, replay and restored runs agree (workload ${seed})`, () => {
      const w = preemptive(seed, 150);
      const chunks: Uint8Array[] = [];
      const header = { schema: JOURNAL_SCHEMA, engine: 'test', host: 0, config: w.config, solvers: {} } as const;
      const journal = new JournalWriter(header, (b) => chunks.push(b.slice()), 512);
      const options = { lives: w.lives, seed, processes: KEPT };
      const { sim, rows } = simulation(w.config, w.arrivals, {
        ...options,
        journals: [journal],
        checkEveryEvent: true,
      });
      sim.finish();
      expect(sim.markets[0]!.pools.reduce((n, p) => n + p!.counts.preemptions, 0)).toBeGreaterThan(3);
      const jobs = rows.of('jobs');
      expect(new Set(jobs.map((j) => j.job_id)).size).toBe(150);
      const charged = new Map<number, bigint>();
      for (const p of rows.of('placements')) charged.set(p.job_id, (charged.get(p.job_id) ?? 0n) + p.charge_micro);
      for (const j of jobs) expect(j.charged_micro, `job ${j.job_id}`).toBe(charged.get(j.job_id) ?? 0n);

      const bytes = new Uint8Array(chunks.reduce((n, b) => n + b.length, 0));
      let at = 0;
      for (const b of chunks) {
        bytes.set(b, at);
        at += b.length;
      }
      const again = new Rows();
      const { market, difference } = replay(readJournal(bytes), shipped, again);
      market.report();
      expect(difference).toBeNull();
      expect(again.recorder.fingerprint).toBe(rows.recorder.fingerprint);

      let other = simulation(w.config, w.arrivals, options);
      const last = w.arrivals.at(-1)!.timeUs;
      const r = generator(seed + 500);
      let { sim: restored } = other;
      for (let t = Math.floor(last / 9); t < last; t += Math.floor((r() * last) / 4)) {
        restored.runUntil(t);
        for (const m of restored.markets) m.dropCaches();
        const state = clonePlain(restored.snapshot()) as SimulationState;
        const streams = new Streams(seed);
        streams.restore(state.streams);
        const next = new Simulation({ ...restored.options, streams, demand: new ListDemand(w.arrivals) });
        next.restore(state);
        restored = next;
      }
      restored.finish();
      expect(other.rows.recorder.fingerprint).toBe(rows.recorder.fingerprint);
      other = { sim: restored, rows };
    });
  }

  for (let seed = 1; seed <= runs(2); seed++) {
    test(`with faults on the wires nobody is lost, doubled or charged twice (workload ${seed})`, () => {
      const w = preemptive(seed, 200);
      const graces = { ...w.config.graces, startWindowUs: 30 * SECOND, holdUs: 6 * HOUR_US };
      const c = { ...w.config, graces };
      const network = wires(c, seed, {
        loss: 0.1,
        duplicate: 0.1,
        minUs: 20_000,
        meanUs: SECOND,
        partitions: [
          ...repeatedly([settlementHost], 4 * HOUR_US, 20 * 60 * SECOND, 60 * HOUR_US),
          ...repeatedly([poolHost(0)], 5 * HOUR_US, 30 * 60 * SECOND, 60 * HOUR_US),
        ],
      });
      const { sim, rows } = simulation(c, w.arrivals, {
        seed,
        network,
        processes: KEPT,
        checkEveryEvent: true,
        horizonUs: NEVER,
      });
      sim.finish();
      const ended = rows.of('jobs').map((j) => j.job_id);
      expect(ended).toHaveLength(200);
      expect(new Set(ended).size).toBe(200);
      const posted = new Map<number, bigint>();
      const attemptsPosted = new Set<string>();
      for (const t of rows.of('transfers')) {
        if (t.kind !== 'post') continue;
        const key = `${t.job_id}#${t.attempt}`;
        expect(attemptsPosted.has(key)).toBe(false);
        attemptsPosted.add(key);
        posted.set(t.job_id, (posted.get(t.job_id) ?? 0n) + t.amount_micro);
      }
      for (const j of rows.of('jobs')) expect(j.charged_micro).toBe(posted.get(j.job_id) ?? 0n);
      expect(rows.of('placements').some((p) => p.outcome === 'preempted')).toBe(true);
    });
  }
});
