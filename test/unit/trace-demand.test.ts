import { describe, expect, test } from 'vitest';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import { plainJob } from '../../scenarios/readers/row.ts';
import type { TraceDemandSpec, TraceJob } from '../../scenarios/resolved.ts';
import { runScenario, Streams, TraceDemand } from '../../sim/index.ts';

const text = (more = '', fleet = '') => `
name: t
horizon: until done
fleet:
  classes: [{ name: t4, memory: 16 GiB, speed: 0.5 }, { name: a10, memory: 24 GiB }]
  groups:
    - { name: x, providers: 3, gpus: 4, class: t4, cpu: 32 cores, cost: 0.01 USD/hour }
    - { name: y, providers: 2, gpus: 8, class: a10, cpu: 64 cores, cost: 0.02 USD/hour }
${fleet}
demand:
  trace: { path: none, limitFactor: 2 }
${more}
pricing:
  rates: { t4: 0.3 USD/hour, a10: 0.5 USD/hour }
`;
const load = (more = '', fleet = '', sets: string[] = []) => resolveScenario(text(more, fleet), 't.yaml', sets);

function arrivals(rows: TraceJob[], more = '', sets: string[] = []) {
  const s = load(more, '', sets);
  const demand = new TraceDemand(
    s,
    s.demand as TraceDemandSpec,
    rows.map((r) => ({ ...r })),
    new Streams(s.seed),
  );
  const out = [];
  for (let a = demand.next(); a !== null; a = demand.next()) out.push(a);
  return { out, notes: demand.notes() };
}

const jobs = (n: number): TraceJob[] => Array.from({ length: n }, (_, i) => plainJob(String(i), i * 1e6, 1, 60e6));

describe('jobs of a trace', () => {
  test('models name classes; the unknown are ignored and counted; none means any', () => {
    const rows = [
      { ...plainJob('a', 0, 1, 1e6), models: 'a10|G2' },
      { ...plainJob('b', 1, 1, 1e6), models: 'G2' },
      plainJob('c', 2, 1, 1e6),
    ];
    const { out, notes } = arrivals(rows);
    expect(out.map((a) => a.spec.classes)).toEqual([[1], [], []]);
    expect(notes).toEqual(['GPU models of 1 jobs ignored: the scenario has no such class']);
    expect(arrivals(rows, '', ['demand.trace.classes=t4']).out.map((a) => a.spec.classes)).toEqual([[0], [0], [0]]);
  });

  test('a large job becomes whole machines and a rest, with its CPU and memory', () => {
    const row = { ...plainJob('a', 0, 20, 1e6), cpuMilli: 40_000, ramMiB: 2000 };
    const task = { gpuMilli: 1000, gpuMemoryMiB: 0 };
    expect(arrivals([row]).out[0]!.spec.groups).toEqual([
      { ...task, tasks: 2, gpus: 8, cpuMilli: 16_000, ramMiB: 800 },
      { ...task, tasks: 1, gpus: 4, cpuMilli: 8000, ramMiB: 400 },
    ]);
    const cpu = { ...plainJob('a', 0, 0, 1e6), cpuMilli: 7000, ramMiB: 50 };
    expect(arrivals([cpu]).out[0]!.spec.groups).toEqual([{ ...task, tasks: 1, gpus: 0, cpuMilli: 7000, ramMiB: 50 }]);
  });

  test('limits: the own one, or the run time stretched', () => {
    const own = { ...plainJob('a', 0, 1, 10e6), limitUs: 50e6 };
    expect(arrivals([own, plainJob('b', 0, 1, 10e6)]).out.map((a) => a.spec.limitUs)).toEqual([50e6, 20e6]);
  });

  test('values are drawn one per job, follow the speed of classes, and say so', () => {
    const values = '  values: { uniform: { min: 1 USD/hour, max: 3 USD/hour } }';
    const { out, notes } = arrivals(jobs(2000), values);
    expect(notes).toEqual(['values of all jobs: uniform from 1 USD/GPU-hour to 3 USD/GPU-hour']);
    const perHour = out.map((a) => a.spec.bids[1]!);
    for (const [i, a] of out.entries()) {
      expect(perHour[i]).toBeGreaterThanOrEqual(1e6);
      expect(perHour[i]).toBeLessThanOrEqual(3e6);
      expect(a.spec.bids[0]).toBe(Math.floor(perHour[i]! / 2));
      // A minute of one GPU.
      expect(a.valueMicro).toBe(Math.round(perHour[i]! / 60));
    }
    // Uniform: mean 2, standard deviation 1 / sqrt(3); 3.9 standard errors.
    const mean = perHour.reduce((n, v) => n + v, 0) / perHour.length / 1e6;
    expect(Math.abs(mean - 2)).toBeLessThan(3.9 / Math.sqrt(3) / Math.sqrt(2000));
    expect(arrivals(jobs(5), values).out).toEqual(out.slice(0, 5));
    expect(arrivals(jobs(5), values, ['seed=2']).out).not.toEqual(out.slice(0, 5));
    expect(arrivals(jobs(1)).out[0]!.spec.bids).toEqual([]);
    expect(arrivals(jobs(1)).out[0]!.valueMicro).toBe(-1);
  });

  test.each([
    ['{ lognormal: { median: 1 USD/hour } }', '"sigma" is missing in demand.values.lognormal; add it'],
    ['{ lognormal: { median: 1, sigma: 1 } }', '1 has no unit; write a price such as "0.35 USD/hour"'],
    ['{ uniform: { min: 2 USD/hour, max: 1 USD/hour } }', 'min lies above max; put the two in order'],
    ['{ normal: { mean: 1 USD/hour } }', 'normal'],
    ['{ fixed: 1 USD/hour, exponential: { mean: 1 USD/hour } }', 'no distribution of prices; write one such as'],
    ['1 USD/hour', 'no distribution of prices; write one such as'],
    ['{}', 'no distribution of prices; write one such as'],
  ])('distributions that are none: %s', (values, message) => {
    expect(() => load(`  values: ${values}`)).toThrow(message);
  });

  test('what is imputed for one thing does not move another', () => {
    const rows = jobs(50).map((j, i) => (i % 2 === 0 ? { ...j, durationUs: -1 } : j));
    const values = '  values: { exponential: { mean: 1 USD/hour } }';
    const both = arrivals(rows, values);
    const known = arrivals(jobs(50), values);
    expect(both.out.map((a) => a.spec.bids)).toEqual(known.out.map((a) => a.spec.bids));
    expect(both.notes[1]).toBe('run times of 25 jobs: lognormal with median 3600 s, sigma 1.5');
    const timeless = arrivals(
      rows.map((j) => ({ ...j, submitUs: -1 })),
      values,
    );
    expect(timeless.out.map((a) => a.workUs)).toEqual(both.out.map((a) => a.workUs));
    expect(timeless.notes[1]).toBe('arrival times of 50 jobs: exponential gaps of mean 60 s');
  });

  test('a fork that reads the trace again stands where it was', () => {
    const rows = jobs(40).map((j) => ({ ...j, durationUs: -1, submitUs: -1 }));
    const s = load('  values: { fixed: 1 USD/hour }');
    const make = () =>
      new TraceDemand(
        s,
        s.demand as TraceDemandSpec,
        rows.map((r) => ({ ...r })),
        new Streams(1),
      );
    const first = make();
    for (let i = 0; i < 17; i++) first.next();
    const fork = make();
    fork.restore(first.snapshot());
    for (let i = 17; i < 40; i++) expect(fork.next()).toEqual(first.next());
  });
});

describe('LLM requests', () => {
  const request = (id: string, seconds: number, input: number, output: number): TraceJob => ({
    ...plainJob(id, seconds * 1e6, 1, -1),
    inputTokens: input,
    outputTokens: output,
  });
  const rows = [request('1', 0, 8000, 400), request('2', 5, 16_000, 40), request('3', 65, 800, 4)];

  test('a job each: input over prefill plus output over decode, on a share', () => {
    const { out, notes } = arrivals(rows);
    expect(out.map((a) => a.workUs)).toEqual([11e6, 3e6, 0.2e6]);
    expect(out[0]!.spec.groups[0]).toMatchObject({ gpus: 1, gpuMilli: 50 });
    expect(notes).toEqual([
      'GPU time of 3 LLM requests: input over 8000 plus output over 40 tokens per second, on 5 % of 1 GPU',
    ]);
  });

  test('replicas: as many per window as keep each below its load', () => {
    const more = [
      'demand.trace.impute.replicas={ window: 1 minute, load: 50 % }',
      'demand.trace.impute.request={ share: 100 %, gpus: 2 }',
    ];
    const many = [...Array.from({ length: 10 }, (_, i) => request(`a${i}`, i, 8000, 400)), ...rows.slice(2)];
    const { out, notes } = arrivals(many, '', more);
    // 110 s of work in a window of 60 s at load 0.5: four replicas; then one.
    expect(out.map((a) => [a.timeUs / 1e6, a.spec.groups[0]!.gpus, a.workUs / 1e6])).toEqual([
      ...Array.from({ length: 4 }, () => [0, 2, 60]),
      [60, 2, 60],
    ]);
    expect(notes[0]).toMatch(/^5 replicas from 11 LLM requests: /);
    expect(() => arrivals(jobs(1), '', more)).toThrow('job 0: is no LLM request, and only requests become replicas');
  });
});

describe('private costs', () => {
  const costs = '  costs: { t4: { lognormal: { median: 0.1 USD/hour, sigma: 0.5 } } }';
  const run = (fleet: string, sets: string[] = []) =>
    runScenario(load('  values: { fixed: 9 USD/hour }', fleet, sets), {
      registry: shipped,
      traceRows: jobs(60).map((j) => ({ ...j, durationUs: 600e6 })),
    });

  test('one draw per provider and class, named in the result; other classes keep theirs', () => {
    const plain = run('');
    const drawn = run(costs);
    expect(plain.economics.imputed).toEqual(['values of all jobs: always 9 USD/GPU-hour']);
    expect(drawn.economics.imputed).toEqual([
      'values of all jobs: always 9 USD/GPU-hour',
      'costs of providers of t4: lognormal with median 0.1 USD/GPU-hour, sigma 0.5',
    ]);
    // Posted prices do not look at costs: the same happens, and the books of providers differ.
    expect(drawn.fingerprint).toBe(plain.fingerprint);
    expect(drawn.economics.providerProfit).toBeLessThan(plain.economics.providerProfit);
    const fixed = run('  costs: { t4: { fixed: 0.01 USD/hour } }');
    expect(fixed.economics.providerProfit).toBe(plain.economics.providerProfit);
    expect(run(costs, ['seed=3']).economics.providerProfit).not.toBe(drawn.economics.providerProfit);
  });
});

describe('machine lists', () => {
  const list = 'sn,cpu_milli,memory_mib,gpu,model\nn-1,64000,262144,2,a10\nn-2,32000,1000,0,\n';
  const open = (content: string) => () => [new TextEncoder().encode(content)];
  const withList = (content: string, more = '') =>
    resolveScenario(
      text().replace(/ {2}groups:[\s\S]*(?=demand:)/, `  list: { path: nodes.csv, cost: 0.2 USD/hour${more} }\n`),
      't.yaml',
      [],
      undefined,
      open(content),
    );

  test('machines by their names and models', () => {
    const s = withList(list);
    expect(s.market.nodes).toEqual([
      { id: 'n-1', provider: 'listed-001', pool: 0, gpuClass: 1, gpus: 2, cpuMilli: 64000, ramMiB: 262144 },
      { id: 'n-2', provider: 'listed-001', pool: 0, gpuClass: 0, gpus: 0, cpuMilli: 32000, ramMiB: 1000 },
    ]);
    expect(s.nodes[0]).toMatchObject({ group: 'listed', speedMilli: 1000, costMicroPerGpuHour: 200_000 });
  });

  test.each([
    [list.replace('a10', 'a11'), 'nodes.csv:2: GPU model "a11" is no class; did you mean "a10"?'],
    [list.replace('2,a10', 'x,a10'), 'nodes.csv:2:18: gpu "x" is no whole number; write one from 0'],
    ['duration\n5\n', 'this is a job list in the CSV of this project (format: csv), not what is wanted'],
  ])('faults name the list %#', (content, message) => {
    expect(() => withList(content)).toThrow(message);
  });

  test('where no file can be opened, the key is refused', () => {
    expect(() => resolveScenario(text('', '  list: { path: x }'), 't.yaml')).toThrow(
      't.yaml:9:17: path: names a file, and files cannot be opened here; write the machines as groups',
    );
  });
});
