import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { JournalError } from '../../core/journal/journal.ts';
import { NEVER } from '../../core/types.ts';
import {
  chooseIsolation,
  chooseNodes,
  type ExecutionResult,
  Executor,
  ExecutorError,
  FileStorage,
  findDevices,
  gpuDrivers,
  HealthWatch,
  hasBuiltinWork,
  LocalLauncher,
  type LocalOptions,
  Lock,
  readSnapshot,
  Slurm,
  StatusServer,
  slurmDevices,
  slurmNodes,
  syncDirectory,
  writeSnapshot,
} from '../../executor/index.ts';
import { shipped } from '../../mechanisms/index.ts';
import { ScenarioError } from '../../scenarios/index.ts';
import { marketConfig } from '../../sim/run.ts';
import type { RunJson } from '../../sim/summary.ts';
import { Finding, oneLine, UsageError } from '../errors.ts';
import { rateIn } from '../execution/calibration.ts';
import { executionRecord, finishExecution, STATUS_FILE } from '../execution/finish.ts';
import {
  assignDevices,
  challengeKeyOf,
  type ExecutionPlan,
  gpusOf,
  LIMIT_ALLOWANCE_MS,
  plannedArrivals,
  withLoad,
  withWallGraces,
} from '../execution/plan.ts';
import { append, print, seedOf, wholeFrom } from '../flags.ts';
import { loadScenario } from '../load.ts';
import { refsOf } from '../modules/registry.ts';
import { Progress } from '../progress.ts';
import { readable } from '../readable.ts';
import { checkTarget, type ExecutionRecord, makePartial } from '../rundir/writer.ts';

export interface ExecuteFlags {
  seed?: number;
  set: string[];
  out?: string;
  resume?: string;
  devices: string;
  timeScale: number;
  load: number;
  grace: number;
  utilisation: number;
  workload: 'matmul' | 'copy';
  calibration?: string;
  launcher: string;
  slurmNodes?: string;
  isolation: string;
  disk: number;
  processes: number;
  network?: boolean;
  status?: number | true;
  share: string[];
  json?: boolean;
  quiet?: boolean;
  dryRun?: boolean;
}

const DEFAULT_UTILISATION = 20;
const SNAPSHOT_EVERY = 16;
/** Snapshots take at most a fiftieth of the time. */
const SNAPSHOT_REST = 50;

/** Runs a scenario for real, or goes on with one that was cut off. */
export async function executeCommand(path: string | undefined, flags: ExecuteFlags): Promise<string> {
  try {
    if (flags.resume !== undefined) {
      if (path !== undefined) throw new UsageError('--resume goes on with its own scenario; leave the scenario out');
      const dir = flags.resume.replace(/\/+$/, '').replace(/\.partial$/, '');
      return await carryOut(dir, flags, readPlan(dir));
    }
    if (path === undefined) throw new UsageError('missing the scenario; or give --resume DIR to go on with a run');
    const plan = await makePlan(path, flags);
    if (flags.dryRun === true) return dryRun(plan, flags);
    return await carryOut(flags.out!, flags, plan, true);
  } catch (e) {
    if (e instanceof ScenarioError || e instanceof ExecutorError) throw new UsageError(e.message);
    if (e instanceof JournalError) throw new UsageError(`${e.message}; the journal was damaged, restore it`);
    const { code, path: where } = e as NodeJS.ErrnoException;
    if (code !== undefined && where !== undefined && /^E[A-Z]+$/.test(code))
      throw new UsageError(`${where}: ${code}; give --out a directory that can be written, on a disk with room`);
    throw e;
  }
}

async function makePlan(path: string, flags: ExecuteFlags): Promise<ExecutionPlan> {
  const loaded = await loadScenario(path, flags.set, flags.seed ?? null, undefined, 'execute');
  const own = refsOf(loaded)[0];
  if (own !== undefined)
    throw new UsageError(
      `${own}: modules of your own run in simulation only; name a shipped mechanism to execute, or simulate with janction run`,
    );
  const scenario = withWallGraces(withLoad(loaded, flags.load), flags.timeScale, flags.grace);
  const needed = scenario.market.nodes.map((n) => n.gpus);
  const cluster =
    flags.launcher === 'slurm' ? chooseNodes(needed, flags.slurmNodes?.split(',') ?? [], slurmNodes()) : null;
  const offered = cluster === null ? findDevices(flags.devices, gpusOf(scenario)) : slurmDevices(cluster, needed);
  const devices = assignDevices(scenario, offered);
  refuseWithoutWork(scenario, devices);
  if (flags.out === undefined && flags.dryRun !== true)
    throw new UsageError('an execution keeps a durable journal; say where with --out DIR');
  if (flags.out !== undefined) checkTarget(flags.out);
  for (const share of flags.share) {
    if (!existsSync(share)) throw new UsageError(`--share ${share}: no such directory`);
    if (`${resolve(flags.out ?? '')}/`.startsWith(`${resolve(share)}/`.replace('//', '/')))
      throw new UsageError(`--share ${share}: it holds the run directory, which no job may read; share less`);
  }
  const quoted = (s: string): string => (/^[\w./=:-]+$/.test(s) ? s : `'${s}'`);
  const sets = flags.set.map((s) => ` --set ${quoted(s)}`).join('');
  return {
    schema: 'janction.execution/1',
    run: randomUUID(),
    command: `janction execute ${path} --devices ${flags.devices} --time-scale ${flags.timeScale} --seed ${scenario.seed}${flags.load === 1 ? '' : ` --load ${flags.load}`}${workFlags(flags)}${sets}`,
    scenario,
    devices,
    timeScale: flags.timeScale,
    graceMs: flags.grace,
    utilisation: flags.utilisation,
    workload: {
      kind: flags.workload,
      rate: flags.calibration === undefined ? 0 : rateIn(flags.calibration, flags.workload),
    },
    slurm: cluster === null ? null : cluster.map((n) => n.name),
    isolation: cluster === null ? flags.isolation : 'none',
    diskMiB: flags.disk,
    processes: flags.processes,
    network: flags.network === true,
    shares: flags.share.map((s) => resolve(s)),
    load: flags.load,
    allowanceUs: Math.ceil(LIMIT_ALLOWANCE_MS * 1000 * flags.timeScale),
    resumes: 0,
  };
}

/** Nothing here multiplies on an AMD card: a job without a command would load a processor and say it was the card. */
function refuseWithoutWork(scenario: ExecutionPlan['scenario'], devices: ExecutionPlan['devices']): void {
  const { demand } = scenario;
  if (demand.kind === 'list' && demand.arrivals.every((a) => a.command !== undefined)) return;
  const without = devices.find((d) => !hasBuiltinWork(d.device));
  if (without !== undefined)
    throw new UsageError(
      `${without.device.id}: no built-in work and no challenge for such a device; give every job a command (demand.jobs), or try --devices webgpu`,
    );
}

function workFlags(flags: ExecuteFlags): string {
  const { utilisation, workload, calibration } = flags;
  return [
    utilisation === DEFAULT_UTILISATION ? '' : ` --utilisation ${utilisation}`,
    workload === 'matmul' ? '' : ` --workload ${workload}`,
    calibration === undefined ? '' : ` --calibration ${calibration}`,
  ].join('');
}

function readPlan(dir: string): ExecutionPlan {
  const partial = `${dir}.partial`;
  if (!existsSync(partial)) {
    throw new UsageError(
      existsSync(join(dir, 'run.json'))
        ? `${dir}: this run is complete; there is nothing to resume`
        : `${partial}: no such run; start one with: janction execute SCENARIO --out ${dir}`,
    );
  }
  const path = join(partial, 'execution.json');
  try {
    const plan = JSON.parse(readFileSync(path, 'utf8')) as ExecutionPlan;
    if (plan.schema !== 'janction.execution/1') throw new Error(`schema ${String(plan.schema)}`);
    return plan;
  } catch (e) {
    throw new UsageError(`${path}: cannot be read (${oneLine(e)}); only an execution that was cut off can be resumed`);
  }
}

function writePlan(partial: string, plan: ExecutionPlan): void {
  const path = join(partial, 'execution.json');
  writeFileSync(`${path}.new`, `${JSON.stringify(plan)}\n`, { flush: true });
  renameSync(`${path}.new`, path);
  syncDirectory(partial);
}

async function carryOut(dir: string, flags: ExecuteFlags, plan: ExecutionPlan, fresh = false): Promise<string> {
  const partial = fresh ? makePartial(dir) : `${resolve(dir)}.partial`;
  const lock = Lock.take(join(partial, 'lock'));
  try {
    if (fresh) writePlan(partial, plan);
    else {
      plan.resumes++;
      writePlan(partial, plan);
    }
    const executed = await execute(partial, flags, plan);
    const json = finishExecution(dir, plan, executed);
    return flags.json === true
      ? `${JSON.stringify({ ...json, execution: executed })}\n`
      : `${readable(plan.scenario, json as RunJson, dir, 'executed')}${readableExecution(executed)}`;
  } finally {
    lock.release();
  }
}

async function execute(partial: string, flags: ExecuteFlags, plan: ExecutionPlan): Promise<ExecutionRecord> {
  const quiet = flags.quiet === true;
  const say = (text: string): void => {
    if (!quiet) process.stderr.write(`${text}\n`);
  };
  const { scenario } = plan;
  const config = marketConfig(scenario);
  const journal = join(partial, 'journal');
  const snapshotPath = join(partial, 'snapshot');
  const deviceOf = new Map(plan.devices.map((d) => [`${d.node}/${d.gpu}`, d.device]));
  const launcher = new LocalLauncher({
    run: plan.run,
    dir: join(partial, 'jobs'),
    nodeName: (node) => config.nodes[node]!.id,
    deviceOf: (node, gpu) => deviceOf.get(`${node}/${gpu}`)!,
    timeScale: plan.timeScale,
    graceMs: plan.graceMs,
    utilisation: plan.utilisation,
    workload: plan.workload,
    isolation: chooseIsolation(plan.isolation),
    diskMiB: plan.diskMiB,
    processes: plan.processes,
    network: plan.network,
    shares: plan.shares,
    say,
    ...gpuCare(plan),
    ...(plan.slurm === null
      ? {}
      : { remote: new Slurm(plan.run, plan.slurm, Math.max(...scenario.market.nodes.map((n) => n.gpus))) }),
  });
  const bytes = existsSync(journal) ? readFileSync(journal) : new Uint8Array(0);
  // An empty file: the executor died before it had written anything, so it had done nothing.
  if (bytes.length === 0) rmSync(journal, { force: true });
  const bounded = scenario.horizonUs < NEVER;
  const progress = new Progress(`executing ${scenario.name}`, quiet);
  const executor = new Executor({
    config,
    registry: shipped,
    arrivals: plannedArrivals(scenario, plan.allowanceUs, undefined, challengeKeyOf(plan.run)),
    launcher,
    storage: (kept) => new FileStorage(journal, kept),
    former: bytes.length === 0 ? null : { bytes, snapshot: readSnapshot(snapshotPath) },
    keep: (s) => writeSnapshot(snapshotPath, s),
    snapshotEvery: SNAPSHOT_EVERY,
    snapshotRest: SNAPSHOT_REST,
    horizonUs: scenario.horizonUs,
    timeScale: plan.timeScale,
    onProgress: (now, submitted, over) =>
      progress.update(bounded ? now / scenario.horizonUs : -1, `${submitted} jobs, ${over} over`),
    onStorage: (full) =>
      say(full ? 'no space left for the journal: waiting, nothing is started' : 'there is space again'),
  });
  const found = executor.restart;
  if (found !== null) {
    if (found.dropped > 0) say(`journal: its last ${found.dropped} bytes were never synced and are cut off`);
    say(
      `resumed: ${found.lost} leases had lost their processes, ${found.reaped} processes were still there and are gone now`,
    );
  }
  const status = await serveStatus(partial, flags, plan, executor);
  const stop = (): void => executor.stop();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  let result: ExecutionResult;
  try {
    result = await executor.run();
  } finally {
    status?.close();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
  progress.done(`executed ${scenario.name}`, quiet);
  if (!result.complete) {
    throw new Finding(`stopped; go on with: janction execute --resume ${partial.replace(/\.partial$/, '')}`);
  }
  return executionRecord(plan, result, launcher.isolation);
}

/** The address and the token lie in a file that only the operator can read; the journal has no room for secrets. */
async function serveStatus(
  partial: string,
  flags: ExecuteFlags,
  plan: ExecutionPlan,
  executor: Executor,
): Promise<StatusServer | null> {
  if (flags.status === undefined) return null;
  const { scenario, timeScale } = plan;
  const devices = plan.devices.map((d) => ({
    node: scenario.market.nodes[d.node]!.id,
    gpu: d.gpu,
    device: d.device.id,
  }));
  const server = new StatusServer(() => ({
    schema: 'janction.status/1',
    scenario: scenario.name,
    timeScale,
    devices,
    ...executor.status(),
  }));
  const url = await server.listen(flags.status === true ? 0 : flags.status);
  const path = join(partial, STATUS_FILE);
  rmSync(path, { force: true });
  writeFileSync(path, `${JSON.stringify({ url, token: server.token })}\n`, { mode: 0o600, flag: 'wx' });
  if (flags.quiet !== true) process.stderr.write(`status: ${url} with the token in ${path}\n`);
  return server;
}

/** What a run with GPUs has looked after: memory that must come back, cards that may die. */
function gpuCare(plan: ExecutionPlan): Pick<LocalOptions, 'gpus' | 'watch' | 'gpusOn'> {
  const parts = new Map<string, { node: number; gpu: number }[]>();
  for (const { device, node, gpu } of plan.devices) {
    if (device.card !== undefined) parts.set(device.card, [...(parts.get(device.card) ?? []), { node, gpu }]);
  }
  const driver = parts.size === 0 ? undefined : gpuDrivers().find((d) => d.devices().some((x) => parts.has(x.card!)));
  if (driver === undefined) return {};
  return {
    gpus: driver,
    watch: (onChange, draining) => {
      const waits = [...parts].filter(([, own]) =>
        own.some((p) => draining.some((d) => d.node === p.node && d.gpu === p.gpu)),
      );
      return new HealthWatch([...parts.keys()], onChange, () => driver.health(), new Set(waits.map(([card]) => card)));
    },
    gpusOn: (card) => parts.get(card) ?? [],
  };
}

function readableExecution(e: ExecutionRecord): string {
  const late = e.lag.facts;
  return `
Executed at ${e.timeScale} x wall time on ${e.devices.map((d) => d.device).join(', ')}; isolation: ${e.isolation}
  decisions came ${late.p50Ms} ms (median), ${late.p99Ms} ms (99 %), ${late.maxMs} ms (most) of wall time after their cause
  ${e.syncs} syncs of the journal${e.resumes > 0 ? `; started again ${e.resumes} times` : ''}
`;
}

function dryRun(plan: ExecutionPlan, flags: ExecuteFlags): string {
  const { scenario } = plan;
  const json = {
    scenario: scenario.name,
    seed: scenario.seed,
    timeScale: plan.timeScale,
    wallSeconds: scenario.horizonUs >= NEVER ? null : scenario.horizonUs / 1e6 / plan.timeScale,
    devices: plan.devices.map((d) => ({ node: scenario.market.nodes[d.node]!.id, gpu: d.gpu, device: d.device.id })),
    out: flags.out ?? null,
  };
  if (flags.json === true) return `${JSON.stringify(json)}\n`;
  const lines = json.devices.map((d) => `  ${d.node} GPU ${d.gpu}: ${d.device}`);
  const wall = json.wallSeconds === null ? 'until every job is over' : `${json.wallSeconds} s of wall time`;
  return `${scenario.name}: ${wall} at ${plan.timeScale} x\n${lines.join('\n')}\nnothing was run or written\n`;
}

const positive = (text: string): number => {
  const n = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !(n > 0) || n > 1e6)
    throw new InvalidArgumentError('want a number above 0 and up to 1000000');
  return n;
};

export function addExecute(program: Command): void {
  program
    .command('execute')
    .description('run a scenario for real: wall clock, real processes and devices, durable journal')
    .argument('[scenario]', 'scenario file (YAML)')
    .option('--out <dir>', 'the run directory (must be absent or empty; DIR.partial while it runs)')
    .option('--resume <dir>', 'go on with a run that was stopped or that crashed')
    .option('--devices <which>', 'auto, cpu:N, nvidia, amd or webgpu: one device for each GPU of the fleet', 'auto')
    .option('--time-scale <x>', 'scenario time per wall time: 3600 runs an hour in a second', positive, 1)
    .option('--load <x>', 'jobs arrive this many times as fast as the scenario says', positive, 1)
    .option('--grace <ms>', 'wall time between SIGTERM and SIGKILL', positive, 1000)
    .option(
      '--utilisation <percent>',
      'share of its device that the built-in workload uses',
      wholeFrom(1, 100),
      DEFAULT_UTILISATION,
    )
    .addOption(
      new Option('--workload <which>', 'what the built-in workload does: matrix products or copies of memory')
        .choices(['matmul', 'copy'])
        .default('matmul'),
    )
    .option(
      '--calibration <file>',
      'what calibrate --json measured: built-in jobs then have a fixed amount of work instead of a fixed time',
    )
    .addOption(
      new Option('--launcher <which>', 'where jobs run: this machine, or the machines of a Slurm cluster')
        .choices(['local', 'slurm'])
        .default('local'),
    )
    .option('--slurm-nodes <names>', 'with slurm: a machine for each of the scenario’s, separated by commas')
    .addOption(
      new Option('--isolation <how>', 'what keeps jobs from the host: all there is, nothing, or bubblewrap for certain')
        .choices(['auto', 'none', 'bubblewrap'])
        .default('auto'),
    )
    .option(
      '--disk <MiB>',
      'most that an attempt may keep in files, its output included; 0 = any',
      wholeFrom(0, 1 << 30),
      1024,
    )
    .option('--processes <n>', 'most processes and threads of an attempt (control groups)', wholeFrom(1, 1 << 20), 512)
    .option('--share <dir>', 'a directory that jobs may read (repeatable)', append, [])
    .option('--network', 'jobs keep the host’s network')
    .option(
      '--status [port]',
      'answer GET /status on 127.0.0.1 to whoever has the token in DIR.partial/status.json (any free port)',
      wholeFrom(1, 65_535),
    )
    .option('--seed <n>', 'seed of every random stream (default: the scenario’s, or 1)', seedOf)
    .option('--set <path=value>', 'change one value of the scenario (repeatable)', append, [])
    .option('--json', 'print one JSON document instead of text')
    .option('--quiet', 'no progress and no wall time on stderr')
    .option('--dry-run', 'load the scenario, find the devices, run nothing')
    .addHelpText(
      'after',
      `
Every limit gets ${LIMIT_ALLOWANCE_MS} ms of wall time more than the scenario says, for starting the process and seeing it end.
Jobs without a command of their own run the built-in workload for the length of their work.
One executor runs on a journal; after a crash --resume ends what it left running and goes on where the journal ends.

Examples:
  janction execute scenarios/quickstart/executed.yaml --devices cpu:2 --time-scale 3600 --out runs/x1
  janction execute scenarios/executed/gpu-slice.yaml --devices nvidia --time-scale 300 --out runs/g1
  janction execute --resume runs/x1
  janction audit runs/x1 && janction validate runs/x1`,
    )
    .action(async (path: string | undefined, flags: ExecuteFlags) => {
      print(await executeCommand(path, flags));
    });
}
