import { describe, expect, test } from 'vitest';
import { hasShared, sharedPath } from '../../bench/shared-data.ts';
import { chunksOf } from '../../lab/trace-files.ts';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import { readInfiniteHbd } from '../../scenarios/readers/faults.ts';
import { PersonaDemand, prepareRun, runScenario, Simulation, type SimulationState, Streams } from '../../sim/index.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (group: string, failures = '', nodes = 4) => `
name: f
horizon: 10 day
fleet:
  classes: [{ name: k, memory: 1 GiB }]
  groups: [{ name: g, nodes: ${nodes}, gpus: 2, class: k${group} }]
demand:
  personas:
    - { name: p, arrivals: { rate: 2 jobs/hour }, work: { median: 1 hour }, value: { median: 9 USD/hour } }
pricing:
  rates: { k: 1 USD/hour }
${failures}`;
const load = (group: string, failures?: string, trace?: string, nodes?: number) =>
  resolveScenario(text(group, failures, nodes), 'f.yaml', [], undefined, () => [bytes(trace ?? '')]);

const event = (server: string, day: number, type: string, cls: string) => ({
  node_id: server,
  event_time: day,
  event_type: `fault_${type}`,
  fault_type: { Level: 'Hardware Failure', Class: cls },
});
const TRACE = 'failures: { trace: { path: t.json, group: g } }';

describe('faults that are replayed', () => {
  const list = [
    event('a', 1, 'start', 'GPU'),
    event('b', 2, 'start', 'NIC'),
    event('a', 2, 'start', 'fan'),
    event('a', 3, 'end', 'GPU'),
    event('a', 4, 'end', 'fan'),
    event('b', 12, 'end', 'NIC'),
  ];
  test('a machine is down while any of its faults lasts', () => {
    const s = load('', TRACE, JSON.stringify(list));
    expect(s.nodes.map((n) => n.outages?.length ?? 0)).toEqual([2, 1, 0, 0]);
    const r = runScenario(s, { registry: shipped });
    expect(r.failures.byCause).toEqual({ GPU: 1, NIC: 1, fan: 1 });
    // Machine 0 is away for 3 of 10 days, machine 1 for 8: of 80 GPU-days 22 are lost. Two changes of state.
    expect(r.gpu.capacityGpuHours).toBeCloseTo((80 - 22) * 24, 6);
    expect(r.failures.node).toBe(2);
  });

  test('one that never ends keeps the machine away', () => {
    const r = runScenario(load('', TRACE, JSON.stringify(list.slice(0, 1))), { registry: shipped });
    expect(r.gpu.capacityGpuHours).toBeCloseTo((80 - 18) * 24, 6);
  });

  test.each([
    ['', 'no JSON; give fault_trace.json as a whole (was it cut off?)'],
    ['{}', 'no list of events; give fault_trace.json of InfiniteHBD'],
    ['[{"node_id": 1}]', 'event 0 lacks node_id, event_time or fault_type.Level'],
    [
      JSON.stringify([event('a', 1, 'stop', 'GPU')]),
      'event_type "fault_stop" is unknown; write fault_start or fault_end',
    ],
    [JSON.stringify([event('a', 1, 'end', 'GPU')]), 'ends a fault that has not begun; add its fault_start before it'],
    [JSON.stringify([event('a', -1, 'start', 'GPU')]), 'event_time "-1" is no time; write days from 0'],
    [JSON.stringify([event('a', 5, 'start', 'x'), event('a', 4, 'end', 'x')]), 'ends before it began'],
  ])('faults of the file %#', (content, message) => {
    expect(() => load('', TRACE, content)).toThrow(`t.json:1:1: `);
    expect(() => load('', TRACE, content)).toThrow(message);
  });

  test('more servers than machines, another group', () => {
    expect(() => load('', TRACE, JSON.stringify(list), 1)).toThrow('1 machines for 2 servers with faults');
    expect(() => load('', TRACE.replace('group: g', 'group: h'), '[]')).toThrow('unknown group "h"');
  });

  test.skipIf(!hasShared('traces/faults_infinitehbd'))(
    'the public trace (skipped where ../shared does not hold it)',
    () => {
      const faults = readInfiniteHbd(chunksOf(sharedPath('traces/faults_infinitehbd/fault_trace.json')), 'x');
      expect(faults.length).toBe(584);
      expect(new Set(faults.map((f) => f.server)).size).toBe(231);
      expect(faults.filter((f) => f.cause === 'GPU').length).toBe(158);
      const days = faults.reduce((n, f) => n + (f.toUs - f.fromUs), 0) / 86_400e6;
      expect(Math.round(days)).toBe(3232);
    },
  );
});

describe('models', () => {
  test('sessions begin in the long-run mixture: no drift over time', () => {
    // Up 1 of 5 h on average with heavy tails both ways; 400 machines, 10 days.
    const up = '{ gamma: { mean: 1 hour, shape: 0.5 } }';
    const down = '{ hyperexponential: [{ share: 0.9, mean: 1 hour }, { share: 0.1, mean: 31 hour }] }';
    const s = load(`, availability: { sessions: { up: ${up}, down: ${down} } }`, '', '', 400);
    const shares = Array.from({ length: 8 }, (_, replication) => {
      const first = runScenario({ ...s, horizonUs: 6 * 3_600_000_000 }, { registry: shipped, replication });
      const whole = runScenario(s, { registry: shipped, replication });
      const of = (r: typeof whole) => r.gpu.capacityGpuHours / (r.gpu.count * (r.simulatedSeconds / 3600));
      return [of(first), of(whole)] as const;
    });
    const mean = (k: 0 | 1) => shares.reduce((n, x) => n + x[k], 0) / shares.length;
    // 3,200 machines: about 0.4 / sqrt(3200) x correlation; four standard errors.
    expect(Math.abs(mean(0) - 0.2)).toBeLessThan(4 * (0.4 / Math.sqrt(3200)));
    expect(Math.abs(mean(1) - 0.2)).toBeLessThan(0.02);
  });

  test('causes are drawn by weight, and each has its repair', () => {
    const failures = `failures:
  groups:
    g:
      between: { weibull: { scale: 5 hour, shape: 0.7 } }
      causes:
        short: { weight: 3, repair: { exponential: { mean: 1 minute } } }
        long: { weight: 1, repair: { lognormal: { median: 2 hour, sigma: 0.1 } } }`;
    const r = runScenario(load('', failures, '', 200), { registry: shipped });
    const { short = 0, long = 0 } = r.failures.byCause;
    const n = short + long;
    expect(n).toBeGreaterThan(5000);
    expect(Math.abs(short / n - 0.75)).toBeLessThan(4 * Math.sqrt(0.1875 / n));
    // Mean up 5 h x gamma(1 + 1/0.7) = 6.33 h; down a quarter of 2.01 h and a little: 92.6 % there.
    const there = r.gpu.capacityGpuHours / (r.gpu.count * 240);
    expect(Math.abs(there - 6.329 / (6.329 + 0.25 * 2.01 + 0.75 / 60))).toBeLessThan(0.01);
  });

  test('a snapshot in the middle goes on as the run would have', () => {
    const failures = 'failures: { groups: { g: { preset: infinitehbd } } }';
    const s = load(', availability: volunteer-hosts', failures, '', 40);
    const whole = prepareRun(s, { registry: shipped });
    whole.simulation.runUntil(4 * 86_400_000_000);
    const state = JSON.parse(
      JSON.stringify(whole.simulation.snapshot(), (_, v) => (typeof v === 'bigint' ? `${v}n` : v)),
      (_, v) => (typeof v === 'string' && /^-?\d+n$/.test(v) ? BigInt(v.slice(0, -1)) : v),
    ) as SimulationState;
    const streams = new Streams(s.seed);
    streams.restore(state.streams);
    const personas = s.demand.kind === 'personas' ? s.demand.personas : [];
    const demand = new PersonaDemand(s, personas, streams);
    const fork = new Simulation({ ...whole.simulation.options, streams, demand });
    fork.restore(state);
    whole.simulation.finish();
    fork.finish();
    expect(fork.markets[0]!.digest).toBe(whole.simulation.markets[0]!.digest);
    expect([...fork.failureCauses]).toEqual([...whole.simulation.failureCauses]);
  });

  test.each([
    ['', 'failures: { groups: { g: { preset: llama3-405b, mtbf: 1 day } } }', 'wants one of preset, mtbf and between'],
    ['', 'failures: { groups: { g: {} } }', 'wants one of preset, mtbf and between'],
    ['', 'failures: { groups: { g: { preset: llama } } }', 'llama3-405b'],
    [', availability: sometimes', '', 'unknown "sometimes"; have: always, volunteer-hosts'],
    [
      ', availability: { sessions: { up: 1 hour, down: { exponential: { mean: 1 hour } } } }',
      '',
      'no distribution of times',
    ],
    [
      ', availability: { sessions: { up: { hyperexponential: [{ share: 0.5, mean: 1 hour }, { share: 0.4, mean: 1 hour }] }, down: { exponential: { mean: 1 hour } } } }',
      '',
      'the shares sum to 0.9, not to 1; change one of them',
    ],
    [
      ', availability: { sessions: { up: { exponential: { mean: 0 hour } }, down: { exponential: { mean: 1 hour } } } }',
      '',
      'a time or shape of zero',
    ],
  ])('faults %#', (group, failures, message) => {
    expect(() => load(group, failures)).toThrow(message);
  });
});
