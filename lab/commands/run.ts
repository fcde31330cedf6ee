import { type Command, Option } from 'commander';
import type { Row } from '../../core/record/schema.ts';
import { Code, codeNames, NEVER } from '../../core/types.ts';
import { type ResolvedScenario, ScenarioError } from '../../scenarios/index.ts';
import { runScenario } from '../../sim/run.ts';
import type { RunJson } from '../../sim/summary.ts';
import { UsageError } from '../errors.ts';
import { append, print, seedOf } from '../flags.ts';
import { loadScenario, traceRows } from '../load.ts';
import { modulesOf, solversOf } from '../modules/registry.ts';
import { Progress } from '../progress.ts';
import { readable } from '../readable.ts';
import { scenarioHash } from '../rundir/manifest.ts';
import { checkTarget, isDiskFault, RunDirWriter } from '../rundir/writer.ts';
import { YoungGeneration } from '../young-generation.ts';

export interface RunFlags {
  seed?: number;
  set: string[];
  out?: string;
  json?: boolean;
  quiet?: boolean;
  dryRun?: boolean;
  check: 'end' | 'every-event';
}

/** The command line that makes the run again. */
function commandOf(path: string, flags: RunFlags, scenario: ResolvedScenario): string {
  const sets = flags.set.map((s) => `--set ${/^[\w./=:-]+$/.test(s) ? s : `'${s}'`}`);
  return ['janction run', path, `--seed ${scenario.seed}`, ...sets].join(' ');
}

/** Simulates a scenario; writes a run directory when `out` is given. */
export async function runCommand(path: string, flags: RunFlags): Promise<{ text: string; result: RunJson | null }> {
  const scenario = await loadScenario(path, flags.set, flags.seed ?? null);
  if (flags.out !== undefined) checkTarget(flags.out);
  const modules = modulesOf(scenario, path);
  if (flags.dryRun === true) return { text: dryRun(scenario, flags), result: null };
  const out = flags.out === undefined ? null : new RunDirWriter(flags.out);
  const young = new YoungGeneration();
  const progress = new Progress(`simulating ${scenario.name}`, flags.quiet === true);
  try {
    const rows = traceRows(scenario);
    const bounded = scenario.horizonUs < NEVER;
    let neverFit = 0;
    const result = runScenario(scenario, {
      registry: modules.registry,
      bidder: modules.bidder,
      solvers: solversOf(modules.records),
      checkEveryEvent: flags.check === 'every-event',
      ...(rows === undefined ? {} : { traceRows: rows }),
      ...(out === null ? {} : { onChunk: (c) => out.chunk(c), onJournal: (b) => out.journal(b) }),
      watch: {
        row: (table, row) => {
          if (table === 'jobs' && (row as unknown as Row<'jobs'>).reason === codeNames[Code.neverFits]) neverFit++;
        },
      },
      progressEveryUs: bounded ? Math.max(1, Math.floor(scenario.horizonUs / 200)) : 6 * 3_600_000_000,
      onProgress: (now, jobs) => {
        young.check();
        progress.update(bounded ? now / scenario.horizonUs : -1, `${jobs} jobs`, jobs);
      },
    });
    out?.sources(modules.sources);
    out?.finish({
      command: commandOf(path, flags, scenario),
      seed: scenario.seed,
      scenarioSha256: scenarioHash(scenario),
      ...(modules.records.length === 0 ? {} : { modules: modules.records }),
      scenario,
      result,
    });
    progress.done(`simulated ${scenario.name}`, flags.quiet === true);
    if (neverFit > 0)
      process.stderr.write(
        `warning: ${neverFit} of ${result.jobs.submitted} jobs can never fit this fleet; they were rejected (never-fits)\n`,
      );
    return {
      text: flags.json === true ? `${JSON.stringify(result)}\n` : readable(scenario, result, flags.out ?? null),
      result,
    };
  } catch (e) {
    out?.abandon();
    progress.done('', true);
    if (e instanceof ScenarioError) throw new UsageError(e.message);
    if (out !== null && isDiskFault(e))
      throw new UsageError(
        `${flags.out}: cannot be written (${(e as NodeJS.ErrnoException).code}); nothing was kept; make room or choose another --out`,
      );
    throw e;
  }
}

/** Reads a trace to its end: what is wrong in it is found without running anything. */
function jobsOfTrace(scenario: ResolvedScenario): number | null {
  const rows = traceRows(scenario);
  if (rows === undefined) return null;
  let jobs = 0;
  try {
    for (const _ of rows) jobs++;
  } catch (e) {
    if (e instanceof ScenarioError) throw new UsageError(e.message);
    throw e;
  }
  return jobs;
}

function dryRun(scenario: ResolvedScenario, flags: RunFlags): string {
  const jobs = jobsOfTrace(scenario);
  const gpus = scenario.market.nodes.reduce((n, x) => n + x.gpus, 0);
  const plan = {
    scenario: scenario.name,
    seed: scenario.seed,
    sha256: scenarioHash(scenario),
    nodes: scenario.market.nodes.length,
    gpus,
    demand: scenario.demand.kind,
    ...(jobs === null ? {} : { traceJobs: jobs }),
    horizonSeconds: scenario.horizonUs >= NEVER ? null : scenario.horizonUs / 1e6,
    out: flags.out ?? null,
  };
  if (flags.json === true) return `${JSON.stringify(plan)}\n`;
  return `${scenario.name}: ${plan.nodes} nodes, ${gpus} GPUs, demand from ${plan.demand}${jobs === null ? '' : ` (${jobs} jobs)`}, seed ${plan.seed}\nnothing was run or written\n`;
}

export function addRun(program: Command): void {
  program
    .command('run')
    .description('simulate one scenario')
    .argument('<scenario>', 'scenario file (YAML)')
    .option('--seed <n>', 'seed of every random stream (default: the scenario’s, or 1)', seedOf)
    .option(
      '--set <path=value>',
      'change one value of the scenario, for example demand.trace.path=FILE (repeatable)',
      append,
      [],
    )
    .option('--out <dir>', 'write tables, journal and manifest there (must be absent or empty)')
    .option('--json', 'print one JSON document instead of text')
    .option('--quiet', 'no progress and no wall time on stderr')
    .option('--dry-run', 'load and check the scenario, run nothing')
    .addOption(
      new Option('--check <when>', 'when to check every law of the market')
        .choices(['end', 'every-event'])
        .default('end'),
    )
    .addHelpText(
      'after',
      `
The same scenario, seed and version print the same bytes on any machine.

Examples:
  janction run scenarios/quickstart/scenario.yaml --seed 7 --json
  janction run scenarios/quickstart/scenario.yaml --check every-event
  janction run scenarios/replay-philly/scenario.yaml --set demand.trace.path=philly_trace.csv --out runs/philly`,
    )
    .action(async (path: string, flags: RunFlags) => {
      print((await runCommand(path, flags)).text);
    });
}
