/**
 * The FGD study (Weng et al., "Beware of Fragmentation", USENIX ATC 2023) through this project's own scenario, core and policy
 * files: pods of the openb trace arrive one by one on 1,213 nodes and stay; one that fits nowhere is dropped. After each
 * arrival the allocated GPUs and the fragmentation are measured, and averaged per percent of GPUs asked for.
 */
import { type Command, Option } from 'commander';
import type { MechanismRegistry } from '../../core/interfaces.ts';
import { HOUR_US, type MarketConfig, type TaskGroup } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import {
  Fragmentation,
  type NodeLeft,
  readLeft,
  type TypicalTask,
} from '../../mechanisms/placement/lib/fragmentation.ts';
import type { ListedArrival, ResolvedScenario } from '../../scenarios/resolved.ts';
import { prepareRun } from '../../sim/run.ts';
import { Finding, UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { Progress } from '../progress.ts';
import { type FgdNode, type FgdPod, readNodes, readPods, studyOrder, typicalPods } from './fgd-input.ts';
import { dataDir, findData, needData, type Study, type StudyFlags, studyCommand, type ValidationRow } from './study.ts';

export const fgdTraces = [
  'default',
  'cpu050',
  'cpu100',
  'cpu200',
  'cpu250',
  'gpushare40',
  'gpushare60',
  'gpushare80',
  'gpushare100',
  'gpuspec10',
  'gpuspec20',
  'gpuspec25',
  'gpuspec33',
  'multigpu20',
  'multigpu30',
  'multigpu40',
  'multigpu50',
] as const;
export const fgdSeeds = [42, 43, 44, 45, 46, 47, 48, 49, 50, 51] as const;

/** The study's policies: ours, and the name in its tables. */
export const fgdPolicies = {
  random: { ours: 'random', theirs: '01-Random' },
  dotprod: { ours: 'dot-product', theirs: '02-DotProd' },
  gpuclustering: { ours: 'gpu-clustering', theirs: '03-GpuClustering' },
  gpupacking: { ours: 'gpu-packing', theirs: '04-GpuPacking' },
  bestfit: { ours: 'best-fit-2d', theirs: '05-BestFit' },
  fgd: { ours: 'fgd', theirs: '06-FGD' },
} as const;
export type FgdPolicy = keyof typeof fgdPolicies;

/** Percent of the cluster's GPUs asked for so far -> value. */
export type Columns = Record<string, number>;

export interface FgdSeries {
  allocatedPercent: Columns;
  fragRatioPercent: Columns;
  fragPercent: Columns;
}

export interface FgdResult {
  study: 'fgd';
  trace: string;
  seed: number;
  policy: FgdPolicy;
  published: FgdSeries | null;
  obtained: FgdSeries & { pods: number; failedPods: number };
  /** Columns compared over the three series, those equal to the printed digit, and the largest difference. */
  agreement: { columns: number; equal: number; largestDifference: number } | null;
}

const PLACES = ['traces/openb', 'data/csv', '.'];
const PUBLISHED = ['reference/fgd', 'experiments/analysis/expected_results', '.'];
const WHERE = 'clone github.com/hkust-adsl/kubernetes-scheduler-simulator and give it with --data DIR';

/** One second between arrivals, and a job that finds no room gives up a microsecond later. */
const SPACING_US = 1_000_000;
const PATIENCE_US = 1;

export interface FgdInput {
  nodes: FgdNode[];
  pods: FgdPod[];
}

export function fgdInput(data: string | null, trace: string): FgdInput {
  const nodeFile = 'openb_node_list_gpu_node.csv';
  const podFile = `openb_pod_list_${trace}.csv`;
  try {
    return {
      nodes: readNodes(needData(data, PLACES, nodeFile, WHERE), nodeFile),
      pods: readPods(needData(data, PLACES, podFile, WHERE), podFile),
    };
  } catch (e) {
    throw e instanceof UsageError ? e : new UsageError((e as Error).message);
  }
}

/** The study's run as a scenario of this simulator. */
export function fgdScenario(input: FgdInput, trace: string, seed: number, policy: FgdPolicy): ResolvedScenario {
  const { nodes, pods } = input;
  const { order, rank } = studyOrder(pods, nodes, seed);
  const models = [...new Set(nodes.map((n) => n.model))].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const classesOf = (spec: string): number[] => {
    if (spec === '') return [];
    const wanted = spec.split('|');
    return models.flatMap((m, i) => (wanted.includes(m) ? [i] : []));
  };
  // Ties go to the smallest name, and the study prefixes names with the rank.
  const ranked = nodes.map((n, i) => ({ n, rank: rank[i]! })).sort((a, b) => a.rank - b.rank);
  const endUs = (order.length + 1) * SPACING_US;
  const groups = new Map<string, TaskGroup[]>();
  const groupsOf = (p: FgdPod): TaskGroup[] => {
    const key = `${p.gpus},${p.gpuMilli},${p.cpuMilli},${p.memoryMiB}`;
    let g = groups.get(key);
    if (g === undefined) {
      g = [
        {
          tasks: 1,
          gpus: p.gpus,
          gpuMilli: p.gpus === 0 ? 1000 : p.gpuMilli,
          gpuMemoryMiB: 0,
          cpuMilli: p.cpuMilli,
          ramMiB: p.memoryMiB,
        },
      ];
      groups.set(key, g);
    }
    return g;
  };
  const arrivals = order.map((pod, i): ListedArrival => {
    const p = pods[pod]!;
    return {
      timeUs: (i + 1) * SPACING_US,
      pool: 0,
      spec: {
        job: i + 1,
        user: 'study',
        label: p.name,
        groups: groupsOf(p),
        classes: classesOf(p.spec),
        bids: [],
        currency: 0,
        limitUs: 2 * endUs,
        estimateUs: 2 * endUs,
        patienceUs: PATIENCE_US,
        maxAttempts: 1,
        priority: 0,
      },
      workUs: 2 * endUs,
      fails: false,
      valueMicro: -1,
    };
  });
  const typical = typicalPods(pods).map(({ spec, ...t }): TypicalTask => ({ ...t, classes: classesOf(spec) }));
  const rates = Object.fromEntries(models.map((m) => [m, 1_000_000]));
  const market: Omit<MarketConfig, 'key'> = {
    schema: 'janction.core/1',
    epochUs: 24 * HOUR_US,
    sampleUs: 0,
    currencies: [{ code: 'USD', scale: 6 }],
    classes: models.map((name) => ({ name, memoryMiB: 16_384 })),
    pools: [
      {
        id: 'openb',
        aggregator: 'openb',
        queueing: { name: 'fifo', params: {} },
        placement: { name: fgdPolicies[policy].ours, params: policy === 'fgd' ? { typical } : {} },
        pricing: { name: 'posted', params: { rates } },
      },
    ],
    nodes: ranked.map(({ n }) => ({
      id: n.name,
      provider: 'openb',
      pool: 0,
      gpuClass: models.indexOf(n.model),
      gpus: n.gpus,
      cpuMilli: n.cpuMilli,
      ramMiB: n.memoryMiB,
    })),
    users: [{ id: 'study', currency: 0, deposit: '0', postpaid: true }],
    tokenPriceMicro: 0,
    shares: { providerBps: 10_000, stakerBps: 0, aggregatorBps: 0, verifierBps: 0, treasuryBps: 0 },
    stakes: [],
    graces: { startWindowUs: 1000, startAllowanceUs: 1000, poolUs: 1000, holdUs: 1000, quoteUs: 24 * HOUR_US },
  };
  return {
    schema: 'janction.scenario/1',
    name: `fgd-${trace}`,
    question: 'How much of the cluster can be allocated before fragmentation stops it?',
    seed,
    horizonUs: endUs,
    warmupUs: 0,
    market,
    nodes: ranked.map(() => ({
      group: 'openb',
      speedMilli: 1000,
      costMicroPerGpuHour: 0,
      availability: { kind: 'always' },
      mtbfUs: 0,
      repairUs: 0,
    })),
    demand: { kind: 'list', arrivals },
    costs: [],
    processes: { startUs: 0, killUs: 0 },
  };
}

export interface FgdRunOptions {
  registry?: MechanismRegistry;
  onProgress?: (share: number) => void;
  onJournal?: (bytes: Uint8Array) => void;
}

/** Runs the scenario and measures after every arrival. */
export function measureFgd(
  input: FgdInput,
  scenario: ResolvedScenario,
  options: FgdRunOptions = {},
): FgdResult['obtained'] {
  const { simulation } = prepareRun(scenario, {
    registry: options.registry ?? shipped,
    ...(options.onJournal === undefined ? {} : { onJournal: options.onJournal }),
  });
  const pool = simulation.markets[0]!.pools[0]!;
  const arrivals = scenario.demand.kind === 'list' ? scenario.demand.arrivals : [];
  const models = scenario.market.classes.map((c) => c.name);
  const typical = typicalPods(input.pods).map(({ spec, ...t }): TypicalTask => {
    const wanted = spec.split('|');
    return { ...t, classes: spec === '' ? [] : models.flatMap((m, i) => (wanted.includes(m) ? [i] : [])) };
  });
  const fragmentation = new Fragmentation(typical, models.length);
  const gpus = scenario.market.nodes.reduce((n, x) => n + x.gpus, 0);
  const perPercent = gpus * 10;
  const total = gpus * 1000;
  const frag = new Float64Array(scenario.market.nodes.length);
  const left: NodeLeft = { gpuClass: 0, cpuMilli: 0, left: new Int32Array(8), gpus: 0 };
  const bins = Array.from({ length: 131 }, (): Bin => ({ allo: [], ratio: [], frag: [] }));
  let seen = 0;
  let asked = 0;
  for (let i = 0; i < arrivals.length; i++) {
    simulation.runUntil(arrivals[i]!.timeUs);
    const cluster = pool.cluster;
    const first = cluster.changeCount - seen > cluster.changesKept || i === 0;
    const measure = (node: number) => {
      readLeft(cluster, node, left);
      frag[node] = fragmentation.measure(left);
    };
    if (first) for (let node = 0; node < cluster.nodeCount; node++) measure(node);
    else for (let c = seen; c < cluster.changeCount; c++) measure(cluster.changedNode(c));
    seen = cluster.changeCount;
    for (const g of arrivals[i]!.spec.groups) asked += g.tasks * g.gpus * g.gpuMilli;
    let used = 0;
    for (let c = 0; c < cluster.classCount; c++) used += cluster.usedMilli[c]!;
    let lost = 0;
    for (let node = 0; node < frag.length; node++) lost += frag[node]!;
    const bin = bins[halfEven(asked / perPercent)];
    if (bin !== undefined) {
      bin.allo.push(hundredths(used / perPercent));
      bin.ratio.push(hundredths((100 * lost) / (total - used)));
      bin.frag.push((100 * lost) / 1000 / gpus);
    }
    if (i % 256 === 0) options.onProgress?.(i / arrivals.length);
  }
  simulation.finish();
  const { cancelled, rejected } = pool.counts;
  const columns = (value: (b: Bin) => number): Columns =>
    Object.fromEntries(bins.flatMap((b, k) => (b.allo.length === 0 ? [] : [[String(k), value(b)]])));
  return {
    pods: arrivals.length,
    failedPods: cancelled + rejected,
    allocatedPercent: columns((b) => hundredths(numpyMean(b.allo))),
    fragRatioPercent: columns((b) => numpyMean(b.ratio)),
    fragPercent: columns((b) => hundredths(numpyMean(b.frag))),
  };
}

/** What was measured at each event of one column. */
interface Bin {
  allo: number[];
  ratio: number[];
  frag: number[];
}

/**
 * Mean of a list as numpy adds it, which decides how a mean halfway between two printed digits is rounded: up to 128 numbers in
 * eight interleaved sums, longer lists in halves whose length is a multiple of eight.
 */
function numpyMean(list: readonly number[]): number {
  const sum = (from: number, to: number): number => {
    const n = to - from;
    if (n > 128) {
      const half = from + Math.floor(n / 16) * 8;
      return sum(from, half) + sum(half, to);
    }
    const whole = n < 8 ? from : to - (n % 8);
    let total = 0;
    if (whole > from) {
      const r = list.slice(from, from + 8);
      for (let i = from + 8; i < whole; i++) r[(i - from) % 8]! += list[i]!;
      total = r[0]! + r[1]! + (r[2]! + r[3]!) + (r[4]! + r[5]! + (r[6]! + r[7]!));
    }
    for (let i = whole; i < to; i++) total += list[i]!;
    return total;
  };
  return sum(0, list.length) / list.length;
}

/** To the nearest whole number, halves to the even one (as numpy does). */
function halfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

const hundredths = (x: number): number => halfEven(x * 100) / 100;

/** Row of a published table, or null. */
function publishedRow(text: string | null, trace: string, policy: FgdPolicy, seed: number): Columns | null {
  if (text === null) return null;
  const lines = text.split(/\r?\n/);
  const header = lines[0]!.split(',');
  const at = ['workload', 'sc_policy', 'seed'].map((c) => header.indexOf(c));
  for (const line of lines) {
    const cells = line.split(',');
    if (cells[at[0]!] !== `openb_pod_list_${trace}` || cells[at[1]!] !== fgdPolicies[policy].theirs) continue;
    if (Number(cells[at[2]!]) !== seed) continue;
    return Object.fromEntries(
      header.flatMap((h, i) => (/^\d+$/.test(h) && cells[i] !== '' ? [[h, Number(cells[i])]] : [])),
    );
  }
  return null;
}

export type Published = Record<'allo' | 'frag' | 'frag_ratio', string | null>;

/** The study's result tables, whole or cut down to some of their rows. */
export function publishedTables(data: string | null): Published {
  const table = (name: string) =>
    findData(data, PUBLISHED, `expected_${name}.csv`) ?? findData(data, PUBLISHED, `analysis_${name}_discrete.csv`);
  return { allo: table('allo'), frag: table('frag'), frag_ratio: table('frag_ratio') };
}

export function publishedSeries(tables: Published, trace: string, policy: FgdPolicy, seed: number): FgdSeries | null {
  const allocatedPercent = publishedRow(tables.allo, trace, policy, seed);
  const fragRatioPercent = publishedRow(tables.frag_ratio, trace, policy, seed);
  const fragPercent = publishedRow(tables.frag, trace, policy, seed);
  if (allocatedPercent === null || fragRatioPercent === null || fragPercent === null) return null;
  return { allocatedPercent, fragRatioPercent, fragPercent };
}

/** Means printed without rounding carry the noise of their summation in the last digits. */
const SUMMATION = 1e-9;

export function compareFgd(published: FgdSeries, obtained: FgdSeries): NonNullable<FgdResult['agreement']> {
  const a = { columns: 0, equal: 0, largestDifference: 0 };
  for (const series of ['allocatedPercent', 'fragRatioPercent', 'fragPercent'] as const) {
    for (const [k, want] of Object.entries(published[series])) {
      const got = obtained[series][k];
      const off = got === undefined ? Number.MAX_VALUE : Math.abs(got - want);
      a.columns++;
      if (off <= SUMMATION) a.equal++;
      if (off > a.largestDifference) a.largestDifference = off;
    }
  }
  return a;
}

export function reproduceFgd(
  input: FgdInput,
  tables: Published,
  trace: string,
  seed: number,
  policy: FgdPolicy,
  options: FgdRunOptions = {},
): FgdResult {
  const obtained = measureFgd(input, fgdScenario(input, trace, seed, policy), options);
  const published = publishedSeries(tables, trace, policy, seed);
  return {
    study: 'fgd',
    trace,
    seed,
    policy,
    published,
    obtained,
    agreement: published === null ? null : compareFgd(published, obtained),
  };
}

/** Its draws interleave with the scheduler's own in the study's simulator, so one run of it cannot be had again. */
export const isExact = (policy: FgdPolicy): boolean => policy !== 'random';

function readable(r: FgdResult): string {
  const head = `fgd: trace ${r.trace}, seed ${r.seed}, policy ${r.policy}: ${r.obtained.pods} pods, ${r.obtained.failedPods} found no room`;
  const row = (k: string) => {
    const cell = (s: keyof FgdSeries) => {
      const got = r.obtained[s][k];
      const want = r.published?.[s][k];
      const text = got === undefined ? '-' : got.toFixed(2);
      return `${text.padStart(7)}${r.published === null ? '' : `  ${(want === undefined ? '-' : want.toFixed(2)).padStart(9)}`}`;
    };
    return `  ${k.padStart(5)} %  ${cell('allocatedPercent')}  ${cell('fragRatioPercent')}  ${cell('fragPercent')}`;
  };
  const names = ['allocated %', 'frag ratio %', 'frag %'];
  const width = r.published === null ? 7 : 18;
  const lines = [
    head,
    `  asked    ${names.map((n) => n.padStart(width)).join('  ')}`,
    ...(r.published === null ? [] : [`           ${names.map(() => '    ours  published').join('  ')}`]),
    ...['10', '50', '80', '90', '100', '110', '120', '130'].map(row),
  ];
  if (r.agreement === null) lines.push('no published values at hand for this run');
  else {
    const { columns, equal, largestDifference } = r.agreement;
    lines.push(
      isExact(r.policy)
        ? `${equal} of ${columns} published values equal, largest difference ${largestDifference}`
        : `largest difference to the published run ${largestDifference.toFixed(2)}: random draws cannot be repeated, compare means over seeds`,
    );
  }
  return `${lines.join('\n')}\n`;
}

async function printGrid(data: string | null, flags: FgdFlags): Promise<void> {
  const { gridResult, gridTasks, readableGrid, runGrid } = await import('./fgd-grid.ts');
  fgdInput(data, 'default');
  const tasks = gridTasks();
  const progress = new Progress('reproducing fgd', flags.quiet === true);
  const runs = await runGrid(data!, tasks, flags.workers, (done) =>
    progress.update(done / tasks.length, `${done} of ${tasks.length} runs`),
  );
  progress.done(`reproduced fgd: ${tasks.length} runs`, flags.quiet === true);
  const result = gridResult(tasks, runs);
  print(flags.json === true ? `${JSON.stringify(result)}\n` : readableGrid(result));
  const { compared, equal } = result.values;
  if (equal < compared) throw new Finding(`${compared - equal} of ${compared} published values differ`);
}

function wholeAbove0(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`--workers ${text}: want a whole number from 1 to 9999`);
  return Number(text);
}

interface FgdFlags extends StudyFlags {
  all?: boolean;
  workers?: number;
  trace: string;
  seed: number;
  policy: FgdPolicy;
}

export const fgdStudy: Study = {
  name: 'fgd',
  add(reproduce: Command): void {
    studyCommand(reproduce, 'fgd', 'fragmentation gradient descent on the openb traces (Weng et al., ATC 2023)')
      .addOption(new Option('--trace <name>', 'which pod list').choices(fgdTraces).default('default'))
      .addOption(
        new Option('--seed <n>', 'the study’s seed: 42 to 51 are published').default(42).argParser((text) => {
          const n = Number(text);
          if (!/^\d+$/.test(text) || n < 1 || n > 2_147_483_646)
            throw new UsageError(`--seed ${text}: want a whole number from 1 to 2147483646`);
          return n;
        }),
      )
      .addOption(new Option('--policy <name>', 'which policy').choices(Object.keys(fgdPolicies)).default('fgd'))
      .option(
        '--all',
        'every trace, seed and policy (1,020 runs) through worker threads, means beside the published ones',
      )
      .option('--workers <n>', 'threads of --all (default: one per core)', wholeAbove0)
      .addHelpText(
        'after',
        `
Exit 1 when a deterministic policy differs from a published value.

Examples:
  janction reproduce fgd
  janction reproduce fgd --trace cpu250 --seed 44 --policy bestfit --json
  janction reproduce fgd --all --workers 2`,
      )
      .action(async (flags: FgdFlags, command: Command) => {
        // `reproduce` has these flags too, and takes them wherever they stand.
        const outer = command.parent?.opts() as FgdFlags | undefined;
        const data = dataDir(flags.data ?? outer?.data);
        if ((flags.all ?? outer?.all) === true) return printGrid(data, flags);
        const input = fgdInput(data, flags.trace);
        const progress = new Progress('reproducing fgd', flags.quiet === true);
        const result = reproduceFgd(input, publishedTables(data), flags.trace, flags.seed, flags.policy, {
          onProgress: (share) => progress.update(share, ''),
        });
        progress.done('reproduced fgd', flags.quiet === true);
        print(flags.json === true ? `${JSON.stringify(result)}\n` : readable(result));
        const a = result.agreement;
        if (a !== null && isExact(flags.policy) && a.equal < a.columns)
          throw new Finding(`${a.columns - a.equal} of ${a.columns} published values differ`);
      });
  },
  async validate(data): Promise<ValidationRow[]> {
    const what = 'openb default, seed 42: allocated % with 130 % asked';
    const tables = publishedTables(data);
    const rows: ValidationRow[] = [];
    for (const policy of Object.keys(fgdPolicies) as FgdPolicy[]) {
      if (!isExact(policy)) continue;
      const row = { study: 'fgd', what: `${what}, ${policy}` };
      let input: FgdInput;
      try {
        input = fgdInput(data, 'default');
      } catch (e) {
        rows.push({ ...row, published: '-', obtained: '-', agrees: false, skipped: (e as Error).message });
        continue;
      }
      const r = reproduceFgd(input, tables, 'default', 42, policy);
      const a = r.agreement;
      rows.push({
        ...row,
        published: r.published === null ? '-' : String(r.published.allocatedPercent['130']),
        obtained: `${r.obtained.allocatedPercent['130']} (${a === null ? 'not compared' : `${a.equal} of ${a.columns} values equal`})`,
        agrees: a !== null && a.equal === a.columns,
      });
    }
    return rows;
  },
};
