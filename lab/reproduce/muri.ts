/**
 * The simulations published with Muri (Zhao et al., "Multi-Resource Interleaving for Deep Learning Training", SIGCOMM 2022) of
 * SRTF, SRSF and Tiresias-L on 64 GPUs, through this project's own scenario, core and policy files. The artifact's progress
 * model is `muri-artifact` (sim/world/processes.ts); its clock is binary floating point, ours is whole microseconds, in which
 * all its inputs are exact. Where that shows in the figures, an independent program (muri-artifact.ts) runs the same rules in
 * both: it must give the published figures in one and ours in the other.
 */
import { type Command, Option } from 'commander';
import type { MechanismRegistry } from '../../core/interfaces.ts';
import { HOUR_US, NEVER, type NodeSpec, type TaskGroup } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import type { ListedArrival, ResolvedScenario } from '../../scenarios/resolved.ts';
import { prepareRun } from '../../sim/run.ts';
import { Finding, UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { Progress } from '../progress.ts';
import { type Parting, parting } from './muri-artifact.ts';
import { agreementWith, muriPublished } from './muri-published.ts';
import { dataDir, findData, needData, type Study, type StudyFlags, studyCommand, type ValidationRow } from './study.ts';

export const muriTraces = [
  'trace1',
  'trace2',
  'trace3',
  'trace4',
  'trace1_pr',
  'trace2_pr',
  'trace3_pr',
  'trace4_pr',
] as const;

/** The study's policies: our queueing policy with its parameters, and the name in its table. */
export const muriPolicies = {
  srtf: { queueing: { name: 'srtf', params: { migrate: true } }, theirs: 'SRTF' },
  srsf: { queueing: { name: 'srsf', params: { migrate: true } }, theirs: 'SRSF' },
  'tiresias-l': { queueing: { name: 'las', params: { migrate: true } }, theirs: 'Tiresias_L' },
} as const;
export type MuriPolicy = keyof typeof muriPolicies;

export interface MuriFigures {
  avgJctSeconds: number;
  makespanSeconds: number;
  p99JctSeconds: number;
}

export interface MuriResult {
  study: 'muri';
  trace: string;
  policy: MuriPolicy;
  published: MuriFigures;
  obtained: MuriFigures;
  /** Whether every figure rounds to the digits printed, and the largest difference in seconds of those that do not. */
  agreement: { largestDifference: number; toPrintedDigits: boolean };
  /** Where a figure differs: the same rules in binary floating point and in whole microseconds, and where they part. */
  arithmetic: (Parting & { explains: boolean }) | null;
  /** What `arithmetic` comes to, in words. */
  note: string | null;
}

/** Seconds that a start costs, for 1, 2, 4, 8, 16 and 32 GPUs; 10 for models that are not named. */
const OVERHEAD: Record<string, readonly number[]> = {
  vgg16: [7, 7, 8, 9, 9, 10],
  vgg19: [7, 7, 8, 9, 10, 10],
  resnet18: [4, 5, 5, 7, 7, 7],
  shufflenet_v2_x1_0: [4, 4, 5, 5, 7, 8],
  bert: [10, 10, 10, 10, 10, 10],
  gpt2: [10, 10, 10, 10, 10, 10],
  a2c: [38, 39, 39, 46, 46, 46],
  dqn: [5, 5, 6, 6, 8, 8],
};
const SIZES = [1, 2, 4, 8, 16, 32];
const SECOND = 1_000_000;
const NODES = 8;
const PER_NODE = 8;

export interface MuriJob {
  gpus: number;
  submitUs: number;
  workUs: number;
  overheadUs: number;
  /** As the artifact reads them, for its own arithmetic (muri-artifact.ts). */
  submitMs: number;
  iterations: number;
  iterationMs: number;
}

export function readMuri(text: string, file: string): MuriJob[] {
  const lines = text.split(/\r?\n/).filter((l) => l !== '');
  const header = (lines[0] ?? '').split(',');
  const column = (name: string): number => {
    const at = header.indexOf(name);
    if (at < 0) throw new UsageError(`${file}:1: no column "${name}"; want a trace of the Muri artifact`);
    return at;
  };
  const at = ['num_gpu', 'submit_time', 'iterations', 'iteration_time'].map(column);
  const model = column('model_name');
  return lines.slice(1).map((line, i) => {
    const cells = line.split(',');
    const [gpus, submitMs, iterations, iterationMs] = at.map((c) => {
      const n = Number(cells[c]);
      if (cells[c] === undefined || cells[c] === '' || !Number.isFinite(n) || n < 0)
        throw new UsageError(`${file}:${i + 2}: ${header[c]} "${cells[c] ?? ''}" is not a number`);
      return n;
    }) as [number, number, number, number];
    // An iteration takes 1.5 % longer than measured: whole microseconds for whole milliseconds.
    const workUs = Math.round(iterationMs * 1015 * iterations);
    const seconds = OVERHEAD[cells[model]!]?.[SIZES.indexOf(gpus)] ?? 10;
    const read = { submitMs, iterations, iterationMs };
    return { gpus, submitUs: Math.round(submitMs * 1000), workUs, overheadUs: seconds * SECOND, ...read };
  });
}

/** The study's run as a scenario. Tiresias-L counts GPUs only: one machine of 64. */
export function muriScenario(jobs: readonly MuriJob[], trace: string, policy: MuriPolicy): ResolvedScenario {
  const single = policy === 'tiresias-l';
  const nodes: NodeSpec[] = Array.from({ length: single ? 1 : NODES }, (_, i) => ({
    id: `node${i}`,
    provider: 'study',
    pool: 0,
    gpuClass: 0,
    gpus: single ? NODES * PER_NODE : PER_NODE,
    cpuMilli: 0,
    ramMiB: 0,
  }));
  const task = (tasks: number, gpus: number): TaskGroup => ({
    tasks,
    gpus,
    gpuMilli: 1000,
    gpuMemoryMiB: 0,
    cpuMilli: 0,
    ramMiB: 0,
  });
  const gangs = new Map<number, TaskGroup[]>();
  const gang = (gpus: number): TaskGroup[] => {
    let groups = gangs.get(gpus);
    if (groups === undefined) {
      groups = single || gpus <= PER_NODE ? [task(1, gpus)] : [task(Math.floor(gpus / PER_NODE), PER_NODE)];
      if (!single && gpus > PER_NODE && gpus % PER_NODE > 0) groups.push(task(1, gpus % PER_NODE));
      gangs.set(gpus, groups);
    }
    return groups;
  };
  const LONG = 1e15;
  const arrivals = jobs
    .map(
      (j, i): ListedArrival => ({
        timeUs: j.submitUs,
        pool: 0,
        spec: {
          job: i + 1,
          user: 'study',
          label: trace,
          groups: gang(j.gpus),
          classes: [],
          bids: [],
          currency: 0,
          limitUs: LONG,
          estimateUs: j.workUs,
          patienceUs: NEVER,
          maxAttempts: 255,
          priority: 0,
        },
        workUs: j.workUs,
        fails: false,
        valueMicro: -1,
        overheadUs: j.overheadUs,
      }),
    )
    .sort((a, b) => a.timeUs - b.timeUs || a.spec.job - b.spec.job);
  return {
    schema: 'janction.scenario/1',
    name: `muri-${trace}`,
    question: 'How long do jobs take under preemptive schedulers?',
    seed: 1,
    horizonUs: NEVER,
    warmupUs: 0,
    market: {
      schema: 'janction.core/1',
      // One epoch: a stamp at which nothing of the study happens would be an interval of its progress model.
      epochUs: LONG,
      sampleUs: 0,
      currencies: [{ code: 'USD', scale: 6 }],
      classes: [{ name: 'v100', memoryMiB: 32_768 }],
      pools: [
        {
          id: 'cluster',
          aggregator: 'cluster',
          queueing: muriPolicies[policy].queueing,
          placement: { name: 'first-fit', params: {} },
          pricing: { name: 'posted', params: { rates: { v100: 1000 } } },
        },
      ],
      nodes,
      users: [{ id: 'study', currency: 0, deposit: '0', postpaid: true }],
      tokenPriceMicro: 0,
      shares: { providerBps: 10_000, stakerBps: 0, aggregatorBps: 0, verifierBps: 0, treasuryBps: 0 },
      stakes: [],
      graces: {
        startWindowUs: HOUR_US,
        startAllowanceUs: HOUR_US,
        poolUs: HOUR_US,
        holdUs: HOUR_US,
        quoteUs: LONG,
      },
    },
    nodes: nodes.map(() => ({
      group: 'study',
      speedMilli: 1000,
      costMicroPerGpuHour: 0,
      availability: { kind: 'always' },
      mtbfUs: 0,
      repairUs: 0,
    })),
    costs: [],
    demand: { kind: 'list', arrivals },
    processes: {
      startUs: 0,
      killUs: 0,
      checkpoint: { everyUs: 0, saveUs: 0, restoreUs: 0 },
      progress: 'muri-artifact',
      // The artifact finds ends of SRTF and SRSF by their time, with a tolerance; those of Tiresias-L by equality.
      ...(single ? {} : { endsWithinPpb: 1 }),
    },
  };
}

export interface MuriRunOptions {
  registry?: MechanismRegistry;
  onProgress?: (done: number) => void;
}

export function measureMuri(scenario: ResolvedScenario, options: MuriRunOptions = {}): MuriFigures {
  const jct: number[] = [];
  let makespan = 0;
  const prepared = prepareRun(scenario, {
    registry: options.registry ?? shipped,
    onChunk: (chunk) => {
      if (chunk.table !== 'jobs') return;
      const column = (name: string) => chunk.columns.find((c) => c.name === name)!.ints;
      const finish = column('finish_time_us');
      const submit = column('submission_time_us');
      for (let i = 0; i < chunk.rows; i++) {
        const end = finish[i]!;
        jct.push(end - submit[i]!);
        if (end > makespan) makespan = end;
      }
      options.onProgress?.(jct.length);
    },
  });
  prepared.simulation.finish();
  prepared.recorder.finish();
  const { completed } = prepared.simulation.markets[0]!.pools[0]!.counts;
  if (completed !== jct.length) throw new Error(`muri: only ${completed} of ${jct.length} jobs completed`);
  const sum = jct.reduce((a, b) => a + BigInt(b), 0n);
  jct.sort((a, b) => a - b);
  return {
    avgJctSeconds: Number((sum * 1000n) / BigInt(jct.length)) / 1e9,
    makespanSeconds: makespan / SECOND,
    p99JctSeconds: jct[Math.floor(0.99 * jct.length)]! / SECOND,
  };
}

const PLACES = ['traces/muri', 'simulator/trace-data', '.'];
const WHERE = 'clone github.com/Rivendile/Muri and give it with --data DIR';

export function muriJobs(data: string | null, trace: string): MuriJob[] {
  const ours = findData(data, PLACES, `simulator__trace-data__${trace}.csv`);
  const file = `${trace}.csv`;
  return readMuri(ours ?? needData(data, PLACES, file, WHERE), file);
}

/** In words: why the artifact's figures are not the exact ones. */
function explain(found: Parting & { explains: boolean }): string {
  const { first, events, drift, explains } = found;
  if (!explains) return 'its arithmetic does not explain this: an error here or there';
  const rules =
    'the same rules give the published figures in binary floating point, as the artifact counts, and ours in exact numbers: ';
  if (first === null)
    return (
      `${rules}at each of ${events} events the same jobs end and run, but rounding errors grow, as the start cost is taken off ` +
      `every interval; they reach ${drift.toPrecision(2)} s`
    );
  const { event, seconds, fall } = first;
  const at = `${rules}they part at event ${event}, ${seconds} s`;
  if (fall === null) return at;
  return (
    `${at}, where job ${fall.job} has had ${fall.wholeUs} GPU-seconds and ${fall.wholeUs >= fall.limit ? 'falls' : 'does not fall'} ` +
    `at ${fall.limit}; rounded sums make it ${fall.binaryFloat}`
  );
}

export function reproduceMuri(
  jobs: readonly MuriJob[],
  trace: string,
  policy: MuriPolicy,
  options: MuriRunOptions = {},
): MuriResult {
  const obtained = measureMuri(muriScenario(jobs, trace, policy), options);
  const agreement = agreementWith(obtained, trace, policy);
  let arithmetic: MuriResult['arithmetic'] = null;
  if (!agreement.toPrintedDigits) {
    const found = parting(jobs, policy);
    // Sums of some thousand floats are off by less than this.
    const ours = fields.every((k) => Math.abs(found.wholeUs[k] - obtained[k]) < 1e-7);
    arithmetic = { ...found, explains: ours && agreementWith(found.binaryFloat, trace, policy).toPrintedDigits };
  }
  const note = arithmetic === null ? null : explain(arithmetic);
  return {
    study: 'muri',
    trace,
    policy,
    published: muriPublished(trace, policy),
    obtained,
    agreement,
    arithmetic,
    note,
  };
}

const fields = ['avgJctSeconds', 'makespanSeconds', 'p99JctSeconds'] as const;

function readable(r: MuriResult): string {
  const columns: [string, MuriFigures][] = [
    ['ours', r.obtained],
    ['published', r.published],
  ];
  if (r.arithmetic !== null) columns.push(['in binary floats', r.arithmetic.binaryFloat]);
  const line = (name: string, cells: readonly string[]) =>
    `  ${name.padEnd(14)}${cells.map((c) => ` ${c.padStart(18)}`).join('')}`;
  const figures = (name: string, k: keyof MuriFigures) =>
    line(
      name,
      columns.map(([, f]) => f[k].toFixed(6)),
    );
  const lines = [
    `muri: ${r.trace}, ${r.policy}, 64 GPUs`,
    line(
      'seconds',
      columns.map(([name]) => name),
    ),
    figures('average JCT', 'avgJctSeconds'),
    figures('makespan', 'makespanSeconds'),
    figures('99 % JCT', 'p99JctSeconds'),
    r.agreement.toPrintedDigits
      ? 'equal to the published values in every digit they print'
      : `largest difference ${r.agreement.largestDifference.toFixed(6)} s: ${r.note} (docs/decisions/0011)`,
  ];
  return `${lines.join('\n')}\n`;
}

interface MuriFlags extends StudyFlags {
  trace: string;
  policy: MuriPolicy;
}

const differs = (r: MuriResult): boolean => !r.agreement.toPrintedDigits && r.arithmetic?.explains !== true;

export const muriStudy: Study = {
  name: 'muri',
  add(reproduce: Command): void {
    studyCommand(reproduce, 'muri', 'SRTF, SRSF and Tiresias-L on Philly jobs, 64 GPUs (Zhao et al., SIGCOMM 2022)')
      .addOption(new Option('--trace <name>', 'which job list').choices(muriTraces).default('trace3'))
      .addOption(new Option('--policy <name>', 'which policy').choices(Object.keys(muriPolicies)).default('srtf'))
      .addHelpText(
        'after',
        `
Where a figure differs from the published one in a printed digit, the artifact's rules are run once more by a program of their own,
in binary floating point (as the artifact counts) and in exact numbers. Exit 1 unless the first gives every published digit
and the second our figures.

Examples:
  janction reproduce muri
  janction reproduce muri --trace trace2 --policy tiresias-l --json`,
      )
      .action((flags: MuriFlags, command: Command) => {
        const data = dataDir(flags.data ?? (command.parent?.opts() as StudyFlags | undefined)?.data);
        const jobs = muriJobs(data, flags.trace);
        const progress = new Progress('reproducing muri', flags.quiet === true);
        const result = reproduceMuri(jobs, flags.trace, flags.policy, {
          onProgress: (done) => progress.update(done / jobs.length, `${done} jobs`),
        });
        progress.done('reproduced muri', flags.quiet === true);
        print(flags.json === true ? `${JSON.stringify(result)}\n` : readable(result));
        if (differs(result)) throw new Finding(`differs by ${result.agreement.largestDifference} s`);
      });
  },
  async validate(data): Promise<ValidationRow[]> {
    return (Object.keys(muriPolicies) as MuriPolicy[]).map((policy): ValidationRow => {
      const row = { study: 'muri', what: `trace3, ${policy}: average JCT, seconds` };
      let jobs: MuriJob[];
      try {
        jobs = muriJobs(data, 'trace3');
      } catch (e) {
        return { ...row, published: '-', obtained: '-', agrees: false, skipped: (e as Error).message };
      }
      const r = reproduceMuri(jobs, 'trace3', policy);
      return {
        ...row,
        published: String(r.published.avgJctSeconds),
        obtained: r.obtained.avgJctSeconds.toFixed(6),
        agrees: r.agreement.toPrintedDigits,
      };
    });
  },
};
