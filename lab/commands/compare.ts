/** `janction compare A B`: two scenarios on the same random numbers, differences pair by pair. */
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.ts';
import { append, levelOf, pairsOf, print, seedOf, workersOf } from '../flags.ts';
import { loadScenario } from '../load.ts';
import { holm, pairedComparison } from '../stats/paired.ts';
import { type Figures, headOf, numberOf, refuseUnknown, unitOf } from '../sweep/figures.ts';
import { runAll } from '../sweep/run-all.ts';
import type { Task } from '../sweep/task.ts';

export interface CompareFlags {
  replications: number;
  workers: number;
  seed?: number;
  set: string[];
  aSet: string[];
  bSet: string[];
  metric: string[];
  independent?: boolean;
  level: number;
  json?: boolean;
  quiet?: boolean;
}

export const defaultMetrics = [
  'jobs_completed',
  'gpu_utilisation',
  'wait_seconds_mean',
  'wait_seconds_p95',
  'jct_seconds_mean',
  'money_charged',
  'money_providers',
  'economics_welfare',
  'economics_user_surplus',
  'economics_provider_profit',
  'economics_clearing_price_mean',
];

interface Compared {
  a: { mean: number; half: number };
  b: { mean: number; half: number };
  /** b - a. */
  difference: { mean: number; half: number };
  /** After Holm's correction over all metrics shown. */
  p: number;
  verdict: 'higher' | 'lower' | 'no difference found';
  varianceReduction: number | null;
}

export interface CompareJson {
  schema: 'janction.compare/1';
  a: { scenario: string; set: string[] };
  b: { scenario: string; set: string[] };
  seed: number;
  replications: number;
  level: number;
  commonRandomNumbers: boolean;
  metrics: Record<string, Compared>;
}

/** Replication r of both scenarios: the same substream, or substreams far apart when `independent`. */
export const FAR = 1_000_000;

export async function compareCommand(pathA: string, pathB: string, flags: CompareFlags): Promise<CompareJson> {
  const sides = [
    { scenario: pathA, sets: [...flags.set, ...flags.aSet] },
    { scenario: pathB, sets: [...flags.set, ...flags.bSet] },
  ];
  const loaded = [];
  for (const s of sides) loaded.push(await loadScenario(s.scenario, s.sets, flags.seed ?? null));
  if (pathA === pathB && flags.aSet.join('\0') === flags.bSet.join('\0'))
    throw new UsageError('A and B are the same scenario; change one with --a-set or --b-set');
  const seed = loaded[0]!.seed;
  const tasks: Task[] = [];
  for (let r = 0; r < flags.replications; r++) {
    sides.forEach((s, side) => {
      const substream = side === 1 && flags.independent === true ? FAR + r : r;
      tasks.push({
        id: `${side}/${r}`,
        point: side,
        replication: r,
        substream,
        scenario: s.scenario,
        sets: s.sets,
        seed,
      });
    });
  }
  const label = { doing: 'comparing', done: 'compared', quiet: flags.quiet === true };
  const results = await runAll(tasks, flags.workers, label, (f) => refuseUnknown(() => '--metric', flags.metric, f));
  return summarise(pathA, pathB, flags, seed, results);
}

function summarise(pathA: string, pathB: string, flags: CompareFlags, seed: number, results: Figures[][]): CompareJson {
  const known = Object.keys(results[0]![0]!);
  const wanted = flags.metric.length > 0 ? flags.metric : defaultMetrics.filter((m) => known.includes(m));
  const compared = wanted.flatMap((m) => {
    const [a, b] = results.map((side) => side.map((f) => numberOf(f[m])));
    return [...a!, ...b!].some((x) => !Number.isFinite(x)) ? [] : [{ m, c: pairedComparison(a!, b!, flags.level) }];
  });
  const ps = holm(compared.map((x) => x.c.p));
  const metrics: Record<string, Compared> = {};
  compared.forEach(({ m, c }, i) => {
    const sure = ps[i]! < 1 - flags.level;
    metrics[m] = {
      a: { mean: c.a.mean, half: c.a.half },
      b: { mean: c.b.mean, half: c.b.half },
      difference: { mean: c.difference.mean, half: c.difference.half },
      p: ps[i]!,
      verdict: !sure ? 'no difference found' : c.difference.mean > 0 ? 'higher' : 'lower',
      varianceReduction:
        c.varianceReduction === null || !Number.isFinite(c.varianceReduction) ? null : c.varianceReduction,
    };
  });
  return {
    schema: 'janction.compare/1',
    a: { scenario: pathA, set: [...flags.set, ...flags.aSet] },
    b: { scenario: pathB, set: [...flags.set, ...flags.bSet] },
    seed,
    replications: flags.replications,
    level: flags.level,
    commonRandomNumbers: flags.independent !== true,
    metrics,
  };
}

export function readableComparison(c: CompareJson): string {
  const name = (s: { scenario: string; set: string[] }) =>
    [s.scenario, ...s.set.map((x) => x.replace(/\s+/g, ' ').trim())].join(' ');
  const shown = (m: string, v: { mean: number; half: number }): string => {
    const [mean, half] = [v.mean, v.half].map((x) => Number((x / unitOf(m).per).toPrecision(5)));
    return `${mean} ± ${half}`;
  };
  const rows = Object.entries(c.metrics).map(([m, v]) => [
    headOf(m),
    shown(m, v.a),
    shown(m, v.b),
    shown(m, v.difference),
    v.varianceReduction === null ? '-' : `${v.varianceReduction.toFixed(1)}x`,
    v.verdict === 'no difference found'
      ? v.verdict
      : `B ${v.verdict} (p ${v.p < 0.0001 ? '< 0.0001' : v.p.toFixed(4)})`,
  ]);
  const header = ['figure', 'A', 'B', 'B - A', 'fewer runs', 'verdict'];
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)));
  const line = (r: string[]) =>
    `  ${r
      .map((x, i) => x.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()}`;
  return `A: ${name(c.a)}\nB: ${name(c.b)}\n${c.replications} replications of seed ${c.seed}, ${c.commonRandomNumbers ? 'common' : 'independent'} random numbers, ${c.level * 100} % intervals, p-values corrected over all figures (Holm)\n${[header, ...rows].map(line).join('\n')}\n`;
}

export function addCompare(program: Command): void {
  program
    .command('compare')
    .description('compare two scenarios on the same random numbers: paired differences with intervals')
    .argument('<a>', 'scenario file')
    .argument('[b]', 'scenario file (default: A, changed by --b-set)')
    .addOption(new Option('--replications <n>', 'pairs of runs').argParser(pairsOf).default(30))
    .addOption(
      new Option('--workers <n>', 'worker threads').argParser(workersOf).default(availableParallelism(), 'one a core'),
    )
    .addOption(new Option('--level <share>', 'confidence level').argParser(levelOf).default(0.95))
    .option('--seed <n>', 'seed of both', seedOf)
    .option('--set <path=value>', 'change both scenarios (repeatable)', append, [])
    .option('--a-set <path=value>', 'change A (repeatable)', append, [])
    .option('--b-set <path=value>', 'change B (repeatable)', append, [])
    .option(
      '--metric <name>',
      'figure to compare, a column of a sweep’s table (repeatable; default: the main ones)',
      append,
      [],
    )
    .option('--independent', 'give B random numbers of its own, to see what pairing is worth')
    .option('--json', 'print one JSON document instead of text')
    .option('--quiet', 'no progress on stderr')
    .addHelpText(
      'after',
      `
Exit 0 whatever is found. "fewer runs" says how many times more replications independent random numbers would need.

Examples:
  janction compare scenarios/quickstart/scenario.yaml --b-set scheduling.queueing=fifo
  janction compare a.yaml b.yaml --replications 50 --metric economics_welfare --json`,
    )
    .action(async (a: string, b: string | undefined, flags: CompareFlags) => {
      const c = await compareCommand(a, b ?? a, flags);
      print(flags.json === true ? `${JSON.stringify(c)}\n` : readableComparison(c));
    });
}
