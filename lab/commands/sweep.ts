/** `janction sweep plan|run|status|collect`: scenario sweeps that resume. */
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ENGINE_VERSION } from '../../core/version.ts';
import { Finding, UsageError } from '../errors.ts';
import { print, workersOf } from '../flags.ts';
import { Progress, rateOf, timed } from '../progress.ts';
import { parquetBytes, tableOf } from '../sweep/collect.ts';
import { setText } from '../sweep/design.ts';
import { type Figures, refuseUnknown } from '../sweep/figures.ts';
import { unchanged } from '../sweep/foreign.ts';
import {
  inputsHash,
  makePlan,
  maxReplications,
  mostRuns,
  type Plan,
  runId,
  scenarioDifferences,
  substreamOf,
} from '../sweep/plan.ts';
import { runSweep, type SweepStatus, statusOf } from '../sweep/run.ts';
import { Runner } from '../sweep/runner.ts';
import { needSlurm, runOnSlurm } from '../sweep/slurm.ts';
import { SweepStore } from '../sweep/store.ts';
import { type LoadedStudy, loadStudy } from '../sweep/study.ts';
import { readableSummary, summaryOf } from '../sweep/summary.ts';
import type { Task } from '../sweep/task.ts';

interface SweepFlags {
  out?: string;
  json?: boolean;
  quiet?: boolean;
  workers: number;
  engine: 'local' | 'slurm';
  shard?: { i: number; of: number };
  failFast?: boolean;
  retryFailed?: boolean;
  only?: string;
  slurmTasks?: number;
}

const outOf = (flags: SweepFlags): string => {
  if (flags.out === undefined || flags.out === '')
    throw new UsageError('--out DIR is needed: where the sweep keeps its results');
  return flags.out;
};

/** The plan on disk when its inputs are the same, else a new one; says why results are stale when there are some. */
async function planFor(
  loaded: LoadedStudy,
  store: SweepStore,
  quiet: boolean,
): Promise<{ plan: Plan; stale: string[]; fresh: boolean }> {
  const known = store.plan();
  // The scenario may be reached by another path than when the plan was made.
  if (
    known !== null &&
    known.engine === ENGINE_VERSION &&
    known.inputs === inputsHash(loaded) &&
    unchanged(known.files)
  )
    return { plan: { ...known, scenario: loaded.scenario }, stale: [], fresh: false };
  const progress = new Progress(`planning ${loaded.study.name}`, quiet);
  const plan = await makePlan(loaded, (share) => progress.update(share, ''));
  progress.done('', true);
  if (known === null) return { plan, stale: [], fresh: true };
  const stale = known.engine === plan.engine ? [] : [`engine: ${known.engine} -> ${plan.engine}`];
  const differences = scenarioDifferences(known.base, plan.base);
  // The same scenario, another id: its trace or a module was changed.
  if (stale.length + differences.length === 0 && known.points[0]?.hash !== plan.points[0]?.hash)
    stale.push('a trace or a module was changed');
  return { plan, stale: [...stale, ...differences], fresh: true };
}

/** A misspelt figure is found by the first run that there is, not after the last. */
const refuseMetrics = (loaded: LoadedStudy, figures: Figures): void =>
  refuseUnknown((i) => loaded.placeOf(['metrics', i]), loaded.study.metrics, figures);

export async function sweepPlan(study: string, flags: SweepFlags): Promise<string> {
  const loaded = loadStudy(study);
  const progress = new Progress(`checking every point of ${loaded.study.name}`, flags.quiet === true);
  const plan = await makePlan(loaded, (share) => progress.update(share, ''));
  progress.done('', true);
  const runs = mostRuns(plan.replications, plan.points.length);
  // One run, to say what the whole will take.
  const first = plan.points[0]!;
  const substream = substreamOf(plan, 0, 0);
  const task = {
    id: runId(first, substream),
    point: 0,
    replication: 0,
    substream,
    scenario: plan.scenario,
    sets: first.sets,
    seed: plan.seed,
  };
  const { seconds, value: trial } = await timed(() => new Runner().run(task));
  if (trial.error !== undefined) throw new UsageError(`${loaded.scenario}: the first point fails: ${trial.error}`);
  if (trial.figures !== null) refuseMetrics(loaded, trial.figures);
  if (flags.quiet !== true)
    process.stderr.write(
      `estimate: ${((seconds * runs) / flags.workers).toFixed(0)} s with ${flags.workers} workers (one run took ${seconds.toFixed(2)} s)\n`,
    );
  if (flags.json === true) {
    return `${JSON.stringify({ study: plan.study, engine: plan.engine, seed: plan.seed, points: plan.points.map((p) => ({ point: p.index, parameters: Object.fromEntries(p.point), hash: p.hash })), runs: { atMost: runs }, replications: plan.replications, commonRandomNumbers: plan.commonRandomNumbers })}\n`;
  }
  const rep =
    typeof plan.replications === 'number'
      ? String(plan.replications)
      : 'select' in plan.replications
        ? `from ${plan.replications.min}, where they tell most of which point has the ${plan.replications.goal === 'max' ? 'largest' : 'least'} ${plan.replications.select}, until that is sure to ${plan.replications.confidence * 100} %`
        : `${plan.replications.min} to ${plan.replications.max}, until ${plan.replications.metric} is known to ${plan.replications.relativeHalfWidth * 100} %`;
  const head = `${plan.study}: ${loaded.study.question}\n  ${loaded.study.design.kind} design of ${plan.points.length} points, replications ${rep}: ${typeof plan.replications === 'number' ? '' : 'at most '}${runs} runs; seed ${plan.seed}, ${plan.commonRandomNumbers ? 'common' : 'independent'} random numbers\n`;
  return `${head}${plan.points.map((p) => `  ${String(p.index).padStart(6)}  ${p.point.map(setText).join('  ')}`).join('\n')}\n`;
}

export async function sweepRun(study: string, flags: SweepFlags): Promise<string> {
  const loaded = loadStudy(study);
  const store = new SweepStore(outOf(flags));
  store.refuseForeign();
  const { plan, stale, fresh } = await planFor(loaded, store, flags.quiet === true);
  if (flags.only !== undefined) taskOf(plan, store, flags.only);
  if (flags.engine === 'slurm') needSlurm();
  store.open();
  if (stale.length > 0 && flags.quiet !== true)
    process.stderr.write(`earlier results are stale: ${stale.join('; ')}\n`);
  if (fresh) store.writePlan(plan);
  if (flags.only !== undefined) return await rerunOne(plan, store, flags.only);
  const shard = flags.shard ?? { i: 0, of: 1 };
  if (
    typeof plan.replications === 'object' &&
    'select' in plan.replications &&
    (shard.of > 1 || flags.engine === 'slurm')
  )
    throw new UsageError(
      `${loaded.placeOf(['replications', 'select'])}: where runs go follows from all points' results; run it in one process, without --shard and --engine slurm`,
    );
  if (flags.engine === 'slurm') {
    await runOnSlurm(study, plan, store, { tasks: flags.slurmTasks ?? 8, quiet: flags.quiet === true });
  } else {
    const progress = new Progress(`sweep ${plan.study}`, flags.quiet === true);
    const totals = await runSweep(plan, store, {
      workers: flags.workers,
      shard,
      failFast: flags.failFast === true,
      retryFailed: flags.retryFailed === true,
      onFigures: (figures) => refuseMetrics(loaded, figures),
      onProgress: (done, total, failed) =>
        progress.update(done / total, `${done}/${total} runs${failed > 0 ? `, ${failed} failed` : ''}`),
    });
    progress.done(
      `sweep ${plan.study}: ${totals.made} runs made, ${totals.reused} reused${shard.of > 1 ? ` (shard ${shard.i}/${shard.of})` : ''}`,
      flags.quiet === true,
    );
  }
  const status = statusOf(plan, store.read(plan.tables).records);
  const text =
    flags.json === true ? `${JSON.stringify(statusJson(plan, status, []))}\n` : readableStatus(plan, status, []);
  const mine = shard.of === 1 ? status.failed : status.failed.filter((f) => f.point % shard.of === shard.i);
  if (mine.length > 0) {
    print(text);
    throw new Finding(
      `${mine.length} runs failed; the first: run ${mine[0]!.id} (point ${mine[0]!.point}, replication ${mine[0]!.replication}): ${mine[0]!.error}`,
    );
  }
  return text;
}

/** The run of a plan that has an id. */
function taskOf(plan: Plan, store: SweepStore, id: string): Task {
  for (const p of plan.points) {
    for (let replication = 0; replication < maxReplications(plan.replications); replication++) {
      const substream = substreamOf(plan, p.index, replication);
      if (runId(p, substream) !== id) continue;
      return {
        id,
        point: p.index,
        replication,
        substream,
        scenario: plan.scenario,
        sets: p.sets,
        seed: plan.seed,
        ...(plan.tables.length === 0 ? {} : { tables: { dir: store.tables, names: plan.tables } }),
      };
    }
  }
  throw new UsageError(`--only ${id}: no run of this plan has that id; sweep status lists failed ones`);
}

async function rerunOne(plan: Plan, store: SweepStore, id: string): Promise<string> {
  const task = taskOf(plan, store, id);
  const { point, replication } = task;
  const { figures, error } = await new Runner().run(task);
  store.append({ id, point, replication, figures, ...(error === undefined ? {} : { error }) });
  store.close();
  if (error !== undefined) throw new Finding(`run ${id} fails again: ${error}`);
  return `run ${id} (point ${point}, replication ${replication}) succeeded\n`;
}

function statusJson(plan: Plan, s: SweepStatus, stale: readonly string[]): object {
  return {
    study: plan.study,
    engine: plan.engine,
    points: s.points,
    runsNeeded: s.runsNeeded,
    done: s.done,
    failed: s.failed,
    staleResults: s.stale,
    staleBecause: stale,
    complete: s.complete,
  };
}

/** Where replications follow the results, more may be asked for. */
const neededText = (plan: Plan, s: SweepStatus): string =>
  `${s.runsNeeded}${s.complete || typeof plan.replications === 'number' ? '' : ' or more'}`;

function readableStatus(plan: Plan, s: SweepStatus, stale: readonly string[]): string {
  const lines = [
    `${plan.study}: ${s.done} of ${neededText(plan, s)} runs done at ${s.points} points${s.complete ? ', complete' : ''}`,
  ];
  if (s.failed.length > 0) lines.push(`  ${s.failed.length} failed:`);
  for (const f of s.failed.slice(0, 10))
    lines.push(`    run ${f.id}, point ${f.point}, replication ${f.replication}: ${f.error}`);
  if (s.stale > 0) lines.push(`  ${s.stale} results on disk belong to no run of this plan (kept, not used)`);
  if (stale.length > 0) lines.push(`  they are stale because: ${stale.join('; ')}`);
  return `${lines.join('\n')}\n`;
}

export async function sweepStatus(study: string, flags: SweepFlags): Promise<string> {
  const loaded = loadStudy(study);
  const store = new SweepStore(outOf(flags));
  const { plan, stale } = await planFor(loaded, store, true);
  const s = statusOf(plan, store.read(plan.tables).records);
  if (flags.quiet !== true && !s.complete) {
    const rate = rateOf(store.activity());
    process.stderr.write(
      rate === 0
        ? 'nobody has written here in the last minute\n'
        : `${(rate * 60).toPrecision(3)} runs/minute; about ${Math.ceil((s.runsNeeded - s.done) / rate)} s left\n`,
    );
  }
  return flags.json === true ? `${JSON.stringify(statusJson(plan, s, stale))}\n` : readableStatus(plan, s, stale);
}

export async function sweepCollect(study: string, flags: SweepFlags): Promise<string> {
  const loaded = loadStudy(study);
  const store = new SweepStore(outOf(flags));
  store.refuseForeign();
  const { plan, stale } = await planFor(loaded, store, true);
  const { records } = store.read(plan.tables);
  const s = statusOf(plan, records);
  if (s.done === 0)
    throw new UsageError(
      `${store.dir}: no finished run of ${study}; run: janction sweep run ${study} --out ${store.dir}${stale.length > 0 ? ` (results there are stale: ${stale[0]})` : ''}`,
    );
  for (const r of records.values())
    if (r.figures !== null) {
      refuseMetrics(loaded, r.figures);
      break;
    }
  const table = tableOf(plan, records);
  store.place('table.parquet', parquetBytes(table));
  const summary = summaryOf(plan, records, loaded.study);
  const json = {
    study: plan.study,
    question: loaded.study.question,
    complete: s.complete,
    runs: table.rows,
    failed: s.failed.length,
    table: 'table.parquet',
    points: summary.points,
    ...(summary.selection === null ? {} : { selection: summary.selection }),
  };
  store.place('summary.json', `${JSON.stringify(json)}\n`);
  const text = flags.json === true ? `${JSON.stringify(json)}\n` : readableSummary(plan, loaded.study, s.done, summary);
  if (!s.complete || s.failed.length > 0) {
    print(text);
    throw new Finding(
      s.complete
        ? `${s.failed.length} runs failed and are not in the table`
        : `the sweep is not complete: ${s.done} of ${neededText(plan, s)} runs`,
    );
  }
  return text;
}

function shardOf(text: string): { i: number; of: number } {
  const m = /^(\d+)\/(\d+)$/.exec(text);
  const [i, of] = m === null ? [1, 0] : [Number(m[1]), Number(m[2])];
  if (of < 1 || i >= of) throw new InvalidArgumentError('want i/n with i from 0 to n-1, for example 0/4');
  return { i, of };
}

export function addSweep(program: Command): void {
  const sweep = program
    .command('sweep')
    .description('run a scenario over many parameter points; resumes where it was stopped');
  const common = (name: string, about: string) =>
    sweep
      .command(name)
      .description(about)
      .argument('<study>', 'study file (YAML)')
      .option('--out <dir>', 'where results are kept')
      .option('--json', 'print one JSON document instead of text')
      .option('--quiet', 'no progress and no wall time on stderr');
  const workers = () =>
    new Option('--workers <n>', 'worker threads').argParser(workersOf).default(availableParallelism(), 'one a core');
  common('plan', 'check every point and print them, run nothing but one trial')
    .addOption(workers())
    .addHelpText('after', '\nExample:\n  janction sweep plan scenarios/reserve-price/sweep.yaml')
    .action(async (study: string, flags: SweepFlags) => print(await sweepPlan(study, flags)));
  common('run', 'make the runs that are missing')
    .addOption(workers())
    .addOption(new Option('--engine <engine>', 'where runs are made').choices(['local', 'slurm']).default('local'))
    .option('--shard <i/n>', 'only every n-th point, from i: for several machines on one directory', shardOf)
    .option('--slurm-tasks <n>', 'tasks of the job array (each takes a shard)', workersOf)
    .option('--fail-fast', 'stop at the first failed run')
    .option('--retry-failed', 'try failed runs again')
    .option('--only <id>', 'make this one run again')
    .addHelpText(
      'after',
      `
Stop it any way you like and call it again: finished runs are kept, the table is the same to the byte whatever the workers and shards.

Examples:
  janction sweep run scenarios/reserve-price/sweep.yaml --out runs/reserve --workers 4
  janction sweep run study.yaml --out /shared/study --shard 0/8        one of eight machines
  janction sweep run study.yaml --out /shared/study --engine slurm --slurm-tasks 32`,
    )
    .action(async (study: string, flags: SweepFlags) => print(await sweepRun(study, flags)));
  common('status', 'what is done, what failed, what is stale and why')
    .addHelpText('after', '\nExample:\n  janction sweep status scenarios/reserve-price/sweep.yaml --out runs/reserve')
    .action(async (study: string, flags: SweepFlags) => print(await sweepStatus(study, flags)));
  common('collect', 'write table.parquet (a row per run) and print means with intervals')
    .addHelpText('after', '\nExample:\n  janction sweep collect scenarios/reserve-price/sweep.yaml --out runs/reserve')
    .action(async (study: string, flags: SweepFlags) => print(await sweepCollect(study, flags)));
}
