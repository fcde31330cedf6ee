/**
 * Differential oracles: queues and a GPU cluster on recorded times, in our kernel, in simjs and, where a Python with SimPy 3 or
 * later is there, in SimPy. Stamps are whole multiples of a tick, so all engines must give the same departure of every
 * customer to the last digit. Processor sharing divides by the number present: exact for two; with more,
 * our completions are rounded up to a tick, which adds up over a busy period.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ourGpuLoop, ourQueue, processQueue } from '../../bench/kernel-ours.ts';
import { simjsGpuLoop, simjsQueue } from '../../bench/kernel-simjs.ts';
import { type Outcome, packed, type Work, workOf } from '../../bench/kernel-trace.ts';
import { simjs } from '../../bench/simjs.ts';
import {
  oursBreakdown,
  oursClosed,
  oursFcfs,
  oursLcfs,
  oursPreemptive,
  oursPriority,
  oursSharing,
  simjsClosed,
  simjsFacility,
  simjsTimers,
  type Trace,
  trace,
} from './models.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const python = ['python3', '/usr/bin/python3'].find(
  (p) => spawnSync(p, ['-c', 'import simpy; assert simpy.__version__ >= "3"']).status === 0,
);

function simpy(model: string, t: Trace, servers = 1): number[] {
  const done = spawnSync(python!, [here('./models_simpy.py')], {
    input: JSON.stringify({ model, trace: t, servers }),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (done.status !== 0) throw new Error(done.stderr);
  return JSON.parse(done.stdout) as number[];
}

const CUSTOMERS = 1500;
const LOAD = 0.85;
const cases: Record<string, { ours: (t: Trace) => number[]; simjs: (t: Trace) => number[]; simpy?: [string, number] }> =
  {
    'M/M/1': { ours: (t) => oursFcfs(t, 1), simjs: (t) => simjsFacility(t, 'FCFS', 1), simpy: ['fcfs', 1] },
    'M/M/3': { ours: (t) => oursFcfs(t, 3), simjs: (t) => simjsFacility(t, 'FCFS', 3), simpy: ['fcfs', 3] },
    'three priorities': {
      ours: oursPriority,
      simjs: (t) => simjsTimers(t, (i) => t.priorities[i]!, { preempt: false, failures: false }),
      simpy: ['priority', 1],
    },
    'three priorities, pre-emption': {
      ours: oursPreemptive,
      simjs: (t) => simjsTimers(t, (i) => t.priorities[i]!, { preempt: true, failures: false }),
      simpy: ['preemptive', 1],
    },
    'last come first served, pre-emption': {
      ours: oursLcfs,
      simjs: (t) => simjsTimers(t, (i) => -i, { preempt: true, failures: false }),
    },
    'a server that breaks down': {
      ours: oursBreakdown,
      simjs: (t) => simjsTimers(t, (i) => i, { preempt: false, failures: true }),
      simpy: ['breakdown', 1],
    },
  };

describe('queues on a recorded trace', () => {
  for (const [name, c] of Object.entries(cases)) {
    test(`${name}: every departure as in simjs`, () => {
      for (let seed = 1; seed <= 5; seed++) {
        const t = trace(seed, CUSTOMERS, name === 'M/M/3' ? 3 * LOAD : LOAD);
        const ours = c.ours(t);
        expect(ours).toHaveLength(CUSTOMERS);
        expect(ours).toEqual(c.simjs(t));
      }
    });
    if (c.simpy === undefined) continue;
    const [model, servers] = c.simpy;
    test.skipIf(python === undefined)(`${name}: every departure as in SimPy (skipped without SimPy 3)`, () => {
      const t = trace(1, CUSTOMERS, servers * LOAD);
      expect(c.ours(t)).toEqual(simpy(model, t, servers));
    });
  }

  test('the traces tell disciplines apart', () => {
    const t = trace(1, CUSTOMERS, LOAD);
    const all = Object.values(cases).map((c) => c.ours(t).join());
    // M/M/3 at a third of its load is another queue as well.
    expect(new Set(all).size).toBe(all.length);
  });

  test('processor sharing of two: exact; of many: within 200 ticks, of 2^24 to the mean work', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const t = trace(seed, CUSTOMERS, LOAD);
      const gaps = t.arrivals.map((at, i) => at - (t.arrivals[i - 1] ?? 0));
      const closed = oursClosed(gaps, t.works);
      expect(closed).toHaveLength(CUSTOMERS);
      expect(closed).toEqual(simjsClosed(gaps, t.works));
      const ours = oursSharing(t);
      const theirs = simjsFacility(t, 'PS', 1);
      let worst = 0;
      ours.forEach((at, i) => {
        worst = Math.max(worst, Math.abs(at - theirs[i]!));
      });
      expect(worst).toBeGreaterThan(0);
      expect(worst).toBeLessThan(200);
    }
  });
});

describe('the models of the benchmark, small', () => {
  /** The first n; arrivals twice as dense, so that a short run waits too. */
  const cut = (w: Work, n: number): Work => ({
    ...w,
    events: 2 * n,
    gaps: w.gaps.slice(0, n).map((g) => Math.ceil(g / 2)),
    times: w.times.slice(0, n),
    gpus: w.gpus.slice(0, n),
  });
  const sums = ({ waits, end, order }: Outcome) => ({ waits, end, order });
  const models: Record<'mm1' | 'mm32' | 'gpuLoop', [(w: Work) => Outcome, ...((w: Work) => Outcome)[]]> = {
    mm1: [ourQueue, processQueue, simjsQueue],
    mm32: [ourQueue, processQueue, simjsQueue],
    gpuLoop: [ourGpuLoop, simjsGpuLoop],
  };
  for (const model of ['mm1', 'mm32', 'gpuLoop'] as const) {
    test(`${model}: typed events, processes, simjs and SimPy do the same work`, () => {
      const work = cut(workOf(model), 20_000);
      const [first, ...rest] = models[model];
      const expected = sums(first(work));
      expect(expected.waits).toBeGreaterThan(0);
      for (const other of rest) expect(sums(other(work))).toEqual(expected);
      if (python === undefined) return;
      const dir = mkdtempSync(join(tmpdir(), 'janction-oracle-'));
      try {
        writeFileSync(join(dir, 'work'), packed(work));
        const script = here('../../bench/peers/kernel_simpy.py');
        const done = spawnSync(python, [script, model, join(dir, 'work')], { encoding: 'utf8' });
        expect(done.stderr).toBe('');
        expect(sums(JSON.parse(done.stdout) as Outcome)).toEqual(expected);
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    });
  }
});

describe('why simjs is a peer and not the kernel: its defects, as recorded in docs/decisions/0004', () => {
  const { Sim, Entity } = simjs();
  const times = (delays: number[], horizons: number[]): { fired: number[]; end: number } => {
    const sim = new Sim();
    const fired: number[] = [];
    class Timers extends Entity {
      start(): void {
        for (const d of delays) this.setTimer(d).done(() => fired.push(this.time()), this, []);
      }
    }
    sim.addEntity(Timers);
    for (const h of horizons) sim.simulate(h);
    return { fired, end: sim.time() };
  };

  test('the first event past a horizon is lost', () => {
    expect(times([1, 4, 6], [3, 10])).toEqual({ fired: [1, 6], end: 6 });
  });

  test('its own last-come-first-served facility disagrees with the same queue on its own timers', () => {
    // It puts a resumed request into the heap a second time and changes the key of the entry that is still there.
    const t = trace(1, CUSTOMERS, LOAD);
    const timers = simjsTimers(t, (i) => -i, { preempt: true, failures: false });
    expect(simjsFacility(t, 'LCFS', 1)).not.toEqual(timers);
    expect(oursLcfs(t)).toEqual(timers);
  });

  test('the clock runs backwards on a negative delay, and NaN is accepted', () => {
    const sim = new Sim();
    const fired: number[] = [];
    class Back extends Entity {
      start(): void {
        this.setTimer(5).done(this.first, this, []);
      }
      first(): void {
        fired.push(this.time());
        this.setTimer(-3).done(() => fired.push(this.time()), this, []);
      }
    }
    sim.addEntity(Back);
    sim.simulate(100);
    expect(fired).toEqual([5, 2]);
    expect(times([Number.NaN, 2], [10]).fired).toContain(2);
  });
});
