import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configFault } from '../../core/market/config.ts';
import { Market } from '../../core/market/market.ts';
import { NEVER } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { canonicalScenario } from '../../scenarios/canonical.ts';
import { scenarioJsonSchema } from '../../scenarios/json-schema.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import { type ResolvedScenario, standardImputation } from '../../scenarios/resolved.ts';
import { bent, minimal } from '../support/scenario-text.ts';

const root = resolve(fileURLToPath(import.meta.url), '../../..');
const readRoot = (path: string) => readFileSync(resolve(root, path));

test('a scenario of fifteen lines resolves, with a default for the rest', () => {
  expect(minimal.trim().split('\n')).toHaveLength(15);
  const s = resolveScenario(minimal, 'f.yaml');
  expect(s.market.nodes.map((n) => n.id)).toEqual(['lab-001/0', 'lab-002/0', 'lab-003/0', 'lab-004/0']);
  expect(s.market.nodes[0]).toEqual({
    id: 'lab-001/0',
    provider: 'lab-001',
    pool: 0,
    gpuClass: 0,
    gpus: 1,
    cpuMilli: 8000,
    ramMiB: 32_768,
  });
  expect(s.market.pools).toEqual([
    {
      id: 'main',
      aggregator: 'main',
      queueing: { name: 'easy', params: {} },
      placement: { name: 'best-fit', params: {} },
      pricing: { name: 'posted', params: { rates: { 'rtx-4090': 400_000 } } },
    },
  ]);
  expect(s.market.users).toEqual([{ id: 'users-1', currency: 0, deposit: '0', postpaid: true }]);
  expect(s.market.shares).toEqual({
    providerBps: 8500,
    stakerBps: 500,
    aggregatorBps: 500,
    verifierBps: 0,
    treasuryBps: 500,
  });
  expect([s.seed, s.warmupUs, s.market.epochUs, s.market.sampleUs]).toEqual([1, 0, 3_600_000_000, 3_600_000_000]);
});

const full = `name: full
question: Everything at once?
horizon: 2 day
warmup: 2 hour
seed: 42
fleet:
  classes:
    - { name: small, memory: 10 GiB, speed: 50 % }
    - { name: big, memory: 80 GB, speed: 2 }
  pools:
    - { name: east, aggregator: alice }
    - { name: west }
  processes: { start: 2 second, kill: 500 ms }
  groups:
    - name: homes
      providers: 3
      class: small
      pool: [west, east]
      availability: { daily: { from: 22:00, to: 7 hour, jitter: 30 minute } }
      cost: 0.05 USD/hour
    - { name: hall, nodes: 2, gpus: 4, class: big, speed: 1.5, cpu: 64 cores, ram: 512 GiB, pool: east }
demand:
  personas:
    - name: artists
      users: 2
      currency: JCT
      deposit: 1000 JCT
      arrivals: { rate: 1 job/minute, swing: 50 %, peak: 09:30 }
      work: { median: 10 minute, sigma: 1, min: 1 minute, max: 1 hour }
      value: { median: 0.5 USD/hour, sigma: 0.25 }
      limitFactor: 3
      patience: 2 hour
      classes: [big, small, big]
      pools: west
      failChance: 2 %
      attempts: 5
      priority: -1
      shapes:
        - { weight: 2, gpus: 1, share: 25 %, memory: 2 GiB, cpu: 500 millicore, ram: 1 GB }
        - { gpus: 4, with: [{ tasks: 2, gpus: 0, cpu: 2 cores }] }
  # The machines of 4 GPUs are in the other pool.
  neverFits: reject
scheduling:
  queueing: { name: sjf, skip: true }
  placement: first-fit
  pools: { west: { queueing: fifo } }
pricing:
  epoch: 15 minute
  rates: { small: 0.1 USD/hour, big: none }
  adjust: { target: 0.9, gain: 10 %, floor: 20 %, cap: 4 }
  pools:
    east: { rates: { big: 1 USD/hour }, adjust: {} }
billing:
  shares: { provider: 70 %, staker: 12.5 %, aggregator: 7.5 %, verifier: 4 %, treasury: 6 % }
  tokenPrice: 0.05 USD/JCT
  graces: { startWindow: 1 s, startAllowance: 3 s, pool: 4 s, hold: 5 s, quote: 6 s }
stake:
  resources:
    - { staker: fund, group: homes, amount: 1000000000000 JCT }
    - { staker: carol, provider: hall-001, amount: 0.5 JCT }
failures:
  groups: { homes: { mtbf: 10 day, repair: 2 hour }, hall: { mtbf: never } }
verification:
network: {}
output: { sample: none }
`;

test('every key lands where the simulator reads it', () => {
  const s = resolveScenario(full, 'f.yaml');
  expect(configFault({ ...s.market, key: [s.seed, 0] })).toBeNull();
  expect([s.name, s.question, s.seed, s.horizonUs, s.warmupUs]).toEqual([
    'full',
    'Everything at once?',
    42,
    172_800_000_000,
    7_200_000_000,
  ]);
  expect(s.processes).toEqual({ startUs: 2_000_000, killUs: 500_000 });
  expect(s.market.classes).toEqual([
    { name: 'small', memoryMiB: 10_240 },
    { name: 'big', memoryMiB: 76_293 },
  ]);
  expect(s.market.nodes.map((n) => [n.id, n.pool, n.gpus, n.cpuMilli, n.ramMiB])).toEqual([
    ['homes-001/0', 1, 1, 8000, 32_768],
    ['homes-002/0', 0, 1, 8000, 32_768],
    ['homes-003/0', 1, 1, 8000, 32_768],
    ['hall-001/0', 0, 4, 64_000, 524_288],
    ['hall-001/1', 0, 4, 64_000, 524_288],
  ]);
  expect([s.nodes[0], s.nodes[4]]).toEqual([
    {
      group: 'homes',
      speedMilli: 500,
      costMicroPerGpuHour: 50_000,
      availability: { kind: 'daily', fromUs: 79_200_000_000, toUs: 25_200_000_000, jitterUs: 1_800_000_000 },
      mtbfUs: 864_000_000_000,
      repairUs: 7_200_000_000,
    },
    {
      group: 'hall',
      speedMilli: 1500,
      costMicroPerGpuHour: 0,
      availability: { kind: 'always' },
      mtbfUs: 0,
      repairUs: 0,
    },
  ]);
  expect(s.market.pools.map((p) => [p.id, p.aggregator, p.queueing, p.placement.name])).toEqual([
    ['east', 'alice', { name: 'sjf', params: { skip: true } }, 'first-fit'],
    ['west', 'west', { name: 'fifo', params: {} }, 'first-fit'],
  ]);
  expect(s.market.pools.map((p) => p.pricing.params)).toEqual([
    {
      rates: { small: 100_000, big: 1_000_000 },
      adjust: { targetBps: 8000, gainBps: 2000, floorBps: 5000, capBps: 30_000 },
    },
    { rates: { small: 100_000 }, adjust: { targetBps: 9000, gainBps: 1000, floorBps: 2000, capBps: 40_000 } },
  ]);
  expect(s.market.shares).toEqual({
    providerBps: 7000,
    stakerBps: 1250,
    aggregatorBps: 750,
    verifierBps: 400,
    treasuryBps: 600,
  });
  expect(s.market.graces).toEqual({
    startWindowUs: 1e6,
    startAllowanceUs: 3e6,
    poolUs: 4e6,
    holdUs: 5e6,
    quoteUs: 6e6,
  });
  expect([s.market.tokenPriceMicro, s.market.epochUs, s.market.sampleUs]).toEqual([50_000, 900_000_000, 0]);
  expect(s.market.users).toEqual([
    { id: 'artists-1', currency: 1, deposit: '1000000000', postpaid: false },
    { id: 'artists-2', currency: 1, deposit: '1000000000', postpaid: false },
  ]);
  expect(s.market.stakes).toEqual([
    { staker: 'fund', provider: 'homes-001', amount: '1000000000000000000' },
    { staker: 'fund', provider: 'homes-002', amount: '1000000000000000000' },
    { staker: 'fund', provider: 'homes-003', amount: '1000000000000000000' },
    { staker: 'carol', provider: 'hall-001', amount: '500000' },
  ]);
  expect(s.demand).toEqual({
    kind: 'personas',
    personas: [
      {
        name: 'artists',
        users: 2,
        currency: 1,
        deposit: '1000000000',
        postpaid: false,
        jobsPerHour: 60,
        swing: 0.5,
        peakUs: 34_200_000_000,
        hours: [],
        days: [],
        batchMean: 1,
        bursts: null,
        shapes: [
          { weight: 2, groups: [{ tasks: 1, gpus: 1, gpuMilli: 250, gpuMemoryMiB: 2048, cpuMilli: 500, ramMiB: 954 }] },
          {
            weight: 1,
            groups: [
              { tasks: 1, gpus: 4, gpuMilli: 1000, gpuMemoryMiB: 0, cpuMilli: 1000, ramMiB: 1024 },
              { tasks: 2, gpus: 0, gpuMilli: 1000, gpuMemoryMiB: 0, cpuMilli: 2000, ramMiB: 1024 },
            ],
          },
        ],
        work: { family: 'lognormal', medianUs: 600_000_000, sigma: 1 },
        workMinUs: 60_000_000,
        workMaxUs: 3_600_000_000,
        limitFactor: 3,
        valueMedianMicro: 500_000,
        valueSigma: 0.25,
        urgency: { deadlineUs: 0, halfLifeUs: 0 },
        patienceUs: 7_200_000_000,
        classes: [0, 1],
        pools: [1],
        failChance: 0.02,
        maxAttempts: 5,
        priority: -1,
      },
    ],
  });
});

test('a trace resolves to what the replay needs', () => {
  const text = minimal.replace(
    / {2}personas[\s\S]*(?=pricing)/,
    '  trace: { format: philly, path: a/b.csv, user: ms, firstRows: 10 }\n',
  );
  const s = resolveScenario(
    text.replace('horizon: 1 day', 'horizon: until done').replace('providers: 4', 'gpus: 8'),
    'f.yaml',
  );
  expect(s.horizonUs).toBe(NEVER);
  expect(s.demand).toEqual({
    kind: 'trace',
    format: 'philly',
    path: 'a/b.csv',
    gpusPerNode: 8,
    user: 'ms',
    currency: 0,
    pools: [0],
    classes: [],
    limitFactor: 1,
    maxAttempts: 3,
    firstRows: 10,
    member: '',
    values: null,
    impute: standardImputation,
  });
  expect(s.market.users).toEqual([{ id: 'ms', currency: 0, deposit: '0', postpaid: true }]);
});

test('anchors and merge keys work, and own keys rule over merged ones', () => {
  const s = resolveScenario(
    bent(
      '    - { name: lab, providers: 4, class: rtx-4090 }',
      '    - &lab { name: lab, providers: 4, class: rtx-4090 }\n    - &far { <<: *lab, name: far, cost: 1 USD/hour }\n    - { <<: [*far, *lab], name: off, providers: 1 }',
    ),
    'f.yaml',
  );
  expect(s.market.nodes.map((n) => n.provider).slice(4)).toEqual([
    'far-001',
    'far-002',
    'far-003',
    'far-004',
    'off-001',
  ]);
  expect(s.nodes[8]!.costMicroPerGpuHour).toBe(1_000_000);
});

test('Windows line ends, a byte-order mark and umlauts change nothing but the text they are in', () => {
  const text = bent('name: tiny', 'name: tiny\nquestion: "Wie groß? 🖥"');
  const plain = resolveScenario(text, 'f.yaml');
  const bytes = new TextEncoder().encode(`\ufeff${text.replaceAll('\n', '\r\n')}`);
  expect(resolveScenario(bytes, 'f.yaml')).toEqual(plain);
  expect(plain.question).toBe('Wie groß? 🖥');
});

test('names of machines stay when others come or go', () => {
  const ids = (n: number) =>
    resolveScenario(minimal, 'f.yaml', [`fleet.groups.lab.providers=${n}`]).market.nodes.map((x) => x.id);
  expect(ids(1001).slice(0, 4)).toEqual(ids(4));
  expect(ids(1001)[1000]).toBe('lab-1001/0');
});

describe('the canonical text', () => {
  test('is sorted JSON without spaces', () => {
    const text = canonicalScenario(resolveScenario(minimal, 'f.yaml'));
    expect(
      text.startsWith('{"costs":[],"demand":{"kind":"personas","personas":[{"batchMean":1,"bursts":null,"classes":[],'),
    ).toBe(true);
    expect(JSON.parse(text)).toEqual(resolveScenario(minimal, 'f.yaml'));
  });

  test('does not depend on the order of keys', () => {
    const plain = canonicalScenario(resolveScenario(full, 'f.yaml'));
    const shuffled = (value: unknown, order: () => number): unknown => {
      if (Array.isArray(value)) return value.map((v) => shuffled(v, order));
      if (typeof value !== 'object' || value === null) return value;
      const keyed = Object.entries(value).map(([k, v]) => ({ k, v: shuffled(v, order), at: order() }));
      return Object.fromEntries(keyed.sort((a, b) => a.at - b.at).map(({ k, v }) => [k, v]));
    };
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (stream) => {
        const other = shuffled(JSON.parse(plain), () => stream.next().value!) as ResolvedScenario;
        expect(canonicalScenario(other)).toBe(plain);
      }),
      { seed: 1, numRuns: 30 },
    );
    const [head, ...blocks] = full.split(/\n(?=[a-z])/);
    const reversed = [...blocks.reverse(), head].map((b) => b!.trimEnd()).join('\n');
    expect(canonicalScenario(resolveScenario(reversed, 'g.yaml'))).toBe(plain);
  });
});

// After a change: npx janction schema > schema/scenario.schema.json
test('the JSON Schema on disk is the one the code makes', () => {
  const schema = scenarioJsonSchema();
  expect(readRoot('schema/scenario.schema.json').toString()).toBe(`${JSON.stringify(schema, null, 2)}\n`);
  expect(schema['$schema']).toBe('https://json-schema.org/draft/2020-12/schema');
});

test('every key of the schema is described', () => {
  const bare: string[] = [];
  const walk = (node: { properties?: Record<string, object>; description?: string }, path: string) => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      if (!('description' in child) && !('const' in child)) bare.push(`${path}.${key}`);
    }
    for (const [key, child] of Object.entries(node))
      if (typeof child === 'object') walk(child as object, `${path}.${key}`);
  };
  walk(scenarioJsonSchema(), '');
  expect(bare).toEqual([]);
});

describe('shipped scenarios', () => {
  const trace = ['demand.trace.path=philly_trace.csv'];
  test.each([
    ['scenarios/quickstart/scenario.yaml', []],
    ['scenarios/replay-philly/scenario.yaml', trace],
    ['scenarios/replay-philly/scenario-200.yaml', trace],
  ])('%s can be built', (path, sets) => {
    const s = resolveScenario(readRoot(path), path, sets);
    expect(s.question).toMatch(/\?$/);
    expect(readRoot(path).toString()).toMatch(
      /^# yaml-language-server: \$schema=\.\.\/\.\.\/schema\/scenario\.schema\.json\n/,
    );
    const market = new Market({ ...s.market, key: [s.seed, 0] }, shipped, { row: () => {} }, null, null);
    expect(market.hasLiveJobs).toBe(false);
  });

  test('the replays say where the trace is', () => {
    const path = 'scenarios/replay-philly/scenario.yaml';
    expect(() => resolveScenario(readRoot(path), path)).toThrow(
      /^scenarios\/replay-philly\/scenario\.yaml:18:3: path: no trace given; give a job list with --set demand\.trace\.path=FILE/,
    );
    const gpus = (file: string) =>
      resolveScenario(readRoot(`scenarios/replay-philly/${file}`), file, trace).market.nodes.map((n) => n.gpus);
    expect(gpus('scenario.yaml')).toEqual(Array(350).fill(8));
    expect(gpus('scenario-200.yaml')).toEqual(Array(200).fill(8));
  });
});
