/** Performance models against hand calculation and the laws they claim. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clonePlain } from '../../core/plain.ts';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario, ScenarioError } from '../../scenarios/index.ts';
import { attainable } from '../../scenarios/load/performance.ts';
import type { PerformanceModel, PerformanceSpec } from '../../scenarios/resolved.ts';
import { runScenario } from '../../sim/run.ts';
import { gangSpeedMilli, Performance, transferUs } from '../../sim/world/performance.ts';
import { root } from '../support/cli.ts';
import { arrival, config, node, SECOND, simulation, spec, task } from '../support/market.ts';
import { minimal } from '../support/scenario-text.ts';

const GROUP = { fabricKBps: 1_250_000, downloadKBps: 125_000, cacheMiB: 20_000 };
const model = (over: Partial<PerformanceModel> = {}): PerformanceModel => ({
  speedMilli: [1000, 2000],
  scaling: null,
  image: null,
  ...over,
});
const performanceSpec = (models: PerformanceModel[], interferenceMilli = 0): PerformanceSpec => ({
  classes: [0, 1].map(() => ({ speedMilli: 1000, linkKBps: 32_000_000, isolation: 'time-slice', interferenceMilli })),
  groups: { g: GROUP },
  models,
});
const open = () => [readFileSync(join(root, 'scenarios/gpus.csv'))];

describe('roofline', () => {
  test('by hand: an A100 80 GB has 2,039 GB/s and 312 TFLOP/s, so its ridge lies at 153 operations a byte', () => {
    expect(attainable(312, 2039, 10)).toBeCloseTo(20.39, 9);
    expect(attainable(312, 2039, 153)).toBeCloseTo(311.967, 9);
    expect(attainable(312, 2039, 154)).toBe(312);
  });

  test('speeds of a scenario: bandwidths to the left of the ridge, peaks to the right', () => {
    const text = minimal
      .replace('memory: 24 GiB }', 'model: rtx-4090 }\n    - { name: h100, model: h100-sxm }')
      .replace('{ rtx-4090: 0.4 USD/hour }', '{ rtx-4090: 0.4 USD/hour, h100: 2 USD/hour }');
    const speeds = (intensity: number, precision: string) => {
      const of = `{ roofline: { intensity: ${intensity}, precision: ${precision} } }`;
      const s = resolveScenario(
        text.replace('      work:', `      performance: ${of}\n      work:`),
        'f.yaml',
        [],
        undefined,
        open,
      );
      return s.performance!.models[0]!.speedMilli;
    };
    const rows = readFileSync(join(root, 'scenarios/gpus.csv'), 'utf8')
      .split('\n')
      .map((l) => l.split(','));
    const figure = (name: string, column: string) => Number(rows.find((r) => r[0] === name)![rows[0]!.indexOf(column)]);
    const ratio = (column: string) => Math.round((1000 * figure('h100-sxm', column)) / figure('rtx-4090', column));
    expect(speeds(1, 'half')).toEqual([1000, ratio('bandwidth_gbps')]);
    expect(speeds(100_000, 'half')).toEqual([1000, ratio('half_tflops')]);
    expect(speeds(100_000, 'fp32')).toEqual([1000, ratio('fp32_tflops')]);
  });

  test('never falls with intensity, peak or bandwidth', () => {
    const x = fc.double({ min: 0.001, max: 1e5, noNaN: true });
    fc.assert(
      fc.property(x, x, x, x, (peak, bandwidth, intensity, more) => {
        const at = attainable(peak, bandwidth, intensity);
        expect(attainable(peak + more, bandwidth, intensity)).toBeGreaterThanOrEqual(at);
        expect(attainable(peak, bandwidth + more, intensity)).toBeGreaterThanOrEqual(at);
        expect(attainable(peak, bandwidth, intensity + more)).toBeGreaterThanOrEqual(at);
        expect(at).toBeLessThanOrEqual(peak);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe('gangs', () => {
  test('by hand: 8 GPUs, 95 % parallel, 1 s steps, 1 GiB exchanged over 10 Gbit/s', () => {
    const m = model({ scaling: { parallel: 0.95, stepUs: SECOND, syncMiB: 1024 } });
    // 50 ms + 950/8 ms of work, 7/4 x 1,073,741,824 B / 1.25e9 B/s = 1,503.239 ms on the wire: 1 / 1.671988...
    expect(gangSpeedMilli(m, 1000, 8, 1_250_000)).toBe(598);
    // Over NVLink of 450 GB/s 4.176 ms: 1 / 0.172926.
    expect(gangSpeedMilli(m, 1000, 8, 450_000_000)).toBe(5783);
  });

  test('laws: nothing to exchange and all of it parallel is linear; Amdahl is the ceiling; wires only help', () => {
    const gpus = fc.integer({ min: 1, max: 512 });
    const speed = fc.integer({ min: 1, max: 10_000 });
    const wire = fc.integer({ min: 1000, max: 1_000_000_000 });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(gpus, speed, wire, share, fc.integer({ min: 0, max: 4096 }), (n, s, kBps, parallel, syncMiB) => {
        const scaling = { parallel, stepUs: SECOND, syncMiB };
        const linear = gangSpeedMilli(model({ scaling: { ...scaling, parallel: 1, syncMiB: 0 } }), s, n, kBps);
        expect(Math.abs(linear - n * s)).toBeLessThanOrEqual(1);
        const amdahl = gangSpeedMilli(model({ scaling: { ...scaling, syncMiB: 0 } }), s, n, kBps);
        expect(amdahl).toBeLessThanOrEqual(Math.max(1, n * s));
        if (parallel < 1) expect(amdahl).toBeLessThanOrEqual(Math.max(1, s / (1 - parallel) + 1));
        const got = gangSpeedMilli(model({ scaling }), s, n, kBps);
        expect(got).toBeLessThanOrEqual(amdahl);
        expect(gangSpeedMilli(model({ scaling }), s, n, 2 * kBps)).toBeGreaterThanOrEqual(got);
        expect(gangSpeedMilli(model({ scaling }), s, 1, kBps)).toBe(gangSpeedMilli(model(), s, 1, kBps));
      }),
      { seed: 2, numRuns: 400 },
    );
  });

  test('where a gang stands decides: one machine by its link, two by the fabric', () => {
    const m = model({ scaling: { parallel: 1, stepUs: SECOND, syncMiB: 1024 } });
    const nodes = [node('n0', { gpus: 8 }), node('n1', { gpus: 8 })];
    const p = new Performance(performanceSpec([m]), nodes, ['g', 'g'], [1000, 500]);
    const four = [0, 1, 2, 3];
    expect(p.speedMilli(0, [{ node: 0, gpus: [...four, 4, 5, 6, 7] }])).toBe(gangSpeedMilli(m, 1000, 8, 32_000_000));
    // The second machine's GPUs are slower than their class, and the slowest sets the pace.
    const apart = p.speedMilli(0, [
      { node: 0, gpus: four },
      { node: 1, gpus: four },
    ]);
    expect(apart).toBe(gangSpeedMilli(m, 500, 8, 1_250_000));
  });
});

describe('images', () => {
  test('by hand: 12 GiB at 1 Gbit/s take 103.079 s', () => {
    expect(transferUs(12 * 1024, 125_000)).toBe(103_079_216);
  });

  test('the disk keeps what was used last, as a list that is sorted anew each time does', () => {
    const size = fc.integer({ min: 1, max: 12_000 });
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 2, maxLength: 6 }),
        fc.array(fc.nat(5), { maxLength: 40 }),
        (sizes, uses) => {
          const models = sizes.map((mib, i) => model({ image: { name: `i${i}`, mib } }));
          const p = new Performance(performanceSpec(models), [node('n0')], ['g'], [1000]);
          let disk: number[] = [];
          for (const u of uses) {
            const m = u % sizes.length;
            const hit = disk.includes(m);
            expect(p.fetchUs(m, 0)).toBe(hit ? 0 : transferUs(sizes[m]!, GROUP.downloadKBps));
            disk = [...disk.filter((x) => x !== m), m];
            while (disk.reduce((n, x) => n + sizes[x]!, 0) > GROUP.cacheMiB) disk.shift();
          }
        },
      ),
      { seed: 3, numRuns: 200 },
    );
  });

  test('the first job of a machine waits for its image, the second does not; both pay for the time', () => {
    const m = model({ image: { name: 'llm', mib: 12 * 1024 } });
    const nodes = [node('n0', { gpus: 1 })];
    const { sim, rows } = simulation(
      config({ nodes }),
      [1, 2].map((job) => arrival((job - 1) * 1000 * SECOND, 100 * SECOND, spec(job), { model: 0 })),
      { performance: new Performance(performanceSpec([m]), nodes, ['g'], [1000]) },
    );
    sim.finish();
    expect(rows.of('placements').map((p) => p.end_us - p.start_us)).toEqual([203_079_216, 100 * SECOND]);
    expect(sim.performance).toMatchObject({ coldStarts: 1, warmStarts: 1 });
  });
});

describe('neighbours on a card', () => {
  const nodes = [node('n0', { gpus: 1 })];
  const shares = (job: number, at: number, user = 'alice') =>
    arrival(at * SECOND, 100 * SECOND, spec(job, { user, groups: [task(1, { gpuMilli: 500 })] }), {});
  const shared = (interferenceMilli: number) =>
    new Performance(performanceSpec([], interferenceMilli), nodes, ['g'], [1000]);

  test('by hand: half as long again while two are there', () => {
    const { sim, rows } = simulation(config({ nodes }), [shares(1, 0), shares(2, 40, 'bob')], {
      performance: shared(500),
    });
    sim.finish();
    // The first is alone for 40 s; the other 60 s of work take 90 s. Then the second has had 60 of its 100 s and is alone.
    const ends = rows.of('placements').map((p) => p.end_us / SECOND);
    expect(ends[0]).toBeCloseTo(130, 5);
    expect(ends[1]).toBeCloseTo(170, 5);
    expect(sim.performance!.sharedCardHours['time-slice']).toBeCloseTo(90 / 3600, 6);
  });

  test('one user is not exposed to itself, and without interference nobody is slowed', () => {
    const { sim, rows } = simulation(config({ nodes }), [shares(1, 0), shares(2, 40)], { performance: shared(0) });
    sim.finish();
    expect(rows.of('placements').map((p) => p.end_us / SECOND)).toEqual([100, 140]);
    expect(sim.performance!.sharedCardHours['time-slice']).toBe(0);
  });

  test('a run that is cut in two and restored goes on as if it had not been', () => {
    const jobs = Array.from({ length: 30 }, (_, i) => shares(i + 1, i * 37, i % 3 === 0 ? 'bob' : 'alice'));
    const whole = simulation(config({ nodes }), jobs, { performance: shared(300) });
    whole.sim.finish();
    const first = simulation(config({ nodes }), jobs, { performance: shared(300) });
    first.sim.runUntil(700 * SECOND);
    const state = clonePlain(first.sim.snapshot());
    const second = simulation(config({ nodes }), jobs, { performance: shared(300) });
    second.sim.restore(state);
    second.sim.finish();
    const ends = (r: typeof whole) => r.rows.of('jobs').map((j) => [j.job_id, j.finish_time_us]);
    expect([...ends(first), ...ends(second)]).toEqual(ends(whole));
    expect(second.sim.performance).toEqual(whole.sim.performance);
  });

  test('work is conserved: whatever comes and goes, each job gets its work and no more', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 200 })), { minLength: 1, maxLength: 12 }),
        (list) => {
          const jobs = list
            .sort((a, b) => a[0] - b[0])
            .map(([at, work], i) =>
              arrival(at * SECOND, work * SECOND, spec(i + 1, { groups: [task(1, { gpuMilli: 250 })] })),
            );
          const { sim, rows } = simulation(config({ nodes }), jobs, { performance: shared(250) });
          sim.finish();
          const placed = rows.of('placements');
          // Integrates each job's speed over the others' presence, slowly.
          for (const p of placed) {
            const cuts = [...new Set([p.start_us, p.end_us, ...placed.flatMap((o) => [o.start_us, o.end_us])])]
              .filter((t) => t >= p.start_us && t <= p.end_us)
              .sort((a, b) => a - b);
            let work = 0;
            for (let i = 0; i + 1 < cuts.length; i++) {
              const there = placed.filter((o) => o.start_us <= cuts[i]! && o.end_us >= cuts[i + 1]!).length;
              work += (cuts[i + 1]! - cuts[i]!) / (1 + 0.25 * (there - 1));
            }
            expect(Math.abs(work - jobs[p.job_id - 1]!.workUs)).toBeLessThanOrEqual(2 * cuts.length);
          }
        },
      ),
      { seed: 4, numRuns: 60 },
    );
  });
});

describe('in a scenario', () => {
  const text = (line: string, classes = 'memory: 24 GiB') =>
    minimal.replace('memory: 24 GiB', classes).replace('      work:', `      ${line}\n      work:`);
  const refused = (source: string): string => {
    try {
      resolveScenario(source, 'f.yaml', [], undefined, open);
    } catch (e) {
      if (e instanceof ScenarioError) return e.message.split('\n')[0]!;
      throw e;
    }
    throw new Error('the scenario was taken');
  };

  test.each([
    ['performance: { roofline: { intensity: 10 } }', 'names no model'],
    ['performance: { roofline: { intensity: 0 } }', 'out of range'],
    ['performance: { throughput: { of: { rtx-409: 1 }, reference: rtx-4090 } }', 'rtx-409'],
    ['performance: { throughput: { of: { rtx-4090: 1 }, reference: a100 } }', 'has no throughput of its own'],
    ['performance: { throughput: { of: {}, reference: a100 } }', 'names no class'],
    ['performance: { scaling: { step: 0 second } }', 'no time at all'],
    ['image: { size: 12 }', 'has no unit'],
    ['isolation: mig', 'shapes'],
    ['isolation: best', 'isolation'],
  ])('%s is refused: %s', (line, what) => {
    const source = line.startsWith('isolation: mig') ? text(`${line}\n      shapes: [{ share: 50 % }]`) : text(line);
    if (what === 'shapes') expect(refused(source)).toContain('no class it may use keeps tenants apart by mig');
    else expect(refused(source)).toContain(what);
  });

  test('tenants who want MIG get MIG: their jobs run on no other class', () => {
    const source = text('isolation: mig\n      shapes: [{ share: 50 % }]').replace(
      'memory: 24 GiB }',
      'memory: 24 GiB }\n    - { name: slice, model: h100-sxm, mig: 1g.10gb }',
    );
    // None of the machines is of that class: said before anything runs.
    expect(refused(source)).toContain('no machine is of a class it may use');
    const sold = source
      .replace('class: rtx-4090 }', 'class: rtx-4090 }\n    - { name: halls, gpus: 7, class: slice }')
      .replace('rtx-4090: 0.4', 'slice: 0.1 USD/hour, rtx-4090: 0.4');
    const s = resolveScenario(sold, 'f.yaml', [], undefined, open);
    expect(s.demand.kind === 'personas' && s.demand.personas[0]!.classes).toEqual([1]);
  });

  test('a scenario that says nothing of it resolves as it did', () => {
    expect(resolveScenario(minimal, 'f.yaml').performance).toBeUndefined();
  });

  test('limits cover the slowest way: nobody is killed on machines that nobody shares', () => {
    const source = text(
      'performance: { scaling: { parallel: 90 %, step: 1 second, sync: 1 GiB } }\n      image: { size: 30 GiB }\n      shapes: [{ tasks: 2 }]\n      limitFactor: 1',
    );
    const r = runScenario(resolveScenario(source, 'f.yaml'), { registry: shipped, checkEveryEvent: true });
    expect(r.jobs.completed).toBeGreaterThan(20);
    expect(r.jobs.failed).toBe(0);
  });
});
