/** What turns a scenario into an execution: the wall time that starting a process takes, devices, and the list of jobs. */
import type { ChanceKey } from '../../core/num/index.ts';
import type { MarketConfig, TimeUs } from '../../core/types.ts';
import type { Arrivals, Device, PlannedArrival } from '../../executor/index.ts';
import type { ResolvedScenario } from '../../scenarios/index.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { demandSource } from '../../sim/run.ts';
import { UsageError } from '../errors.ts';
import { traceRows } from '../load.ts';

/** Wall milliseconds that a process may take beyond its work to be started, noticed and gone; part of every limit. */
export const LIMIT_ALLOWANCE_MS = 250;
/** Wall milliseconds within which a start must be reported, and an end settled. */
const START_MS = 5_000;
const SETTLE_MS = 1_000;

export interface ExecutionPlan {
  schema: 'janction.execution/1';
  /** Number of this run: its processes carry it. */
  run: string;
  command: string;
  /** With graces long enough for the wall clock. */
  scenario: ResolvedScenario;
  devices: { node: number; gpu: number; device: Device }[];
  timeScale: number;
  graceMs: number;
  utilisation: number;
  /** What the built-in work does, and the rate of a whole device (0 = work for a time). */
  workload: { kind: 'matmul' | 'copy'; rate: number };
  /** Machine of the cluster for each of the scenario's; null = jobs run here. */
  slurm: string[] | null;
  /** auto, none or bubblewrap. */
  isolation: string;
  diskMiB: number;
  processes: number;
  network: boolean;
  shares: string[];
  allowanceUs: TimeUs;
  /** Arrivals came this many times as fast as the scenario's. */
  load: number;
  resumes: number;
}

/** Graces are scenario time, but processes start and die in wall time: at scale 3600 ten milliseconds are half a minute. */
export function withWallGraces(scenario: ResolvedScenario, timeScale: number, graceMs: number): ResolvedScenario {
  const us = (ms: number): TimeUs => Math.ceil(ms * 1000 * timeScale);
  const g = scenario.market.graces;
  const graces: MarketConfig['graces'] = {
    ...g,
    startAllowanceUs: Math.max(g.startAllowanceUs, us(START_MS)),
    poolUs: Math.max(g.poolUs, us(graceMs + SETTLE_MS)),
    holdUs: Math.max(g.holdUs, us(SETTLE_MS)),
  };
  return { ...scenario, market: { ...scenario.market, graces } };
}

/** The same jobs, arriving `load` times as fast. */
export function withLoad(scenario: ResolvedScenario, load: number): ResolvedScenario {
  const { demand } = scenario;
  if (load === 1) return scenario;
  switch (demand.kind) {
    case 'list': {
      const arrivals = demand.arrivals.map((a) => ({ ...a, timeUs: Math.round(a.timeUs / load) }));
      return { ...scenario, demand: { ...demand, arrivals } };
    }
    case 'personas': {
      const personas = demand.personas.map((p) => ({ ...p, jobsPerHour: p.jobsPerHour * load }));
      return { ...scenario, demand: { ...demand, personas } };
    }
    case 'trace':
      throw new UsageError('--load: a trace is replayed as it came; use --load with a list of jobs or personas');
  }
}

/** One device for every GPU of the fleet, in order of nodes. */
export function assignDevices(scenario: ResolvedScenario, devices: readonly Device[]): ExecutionPlan['devices'] {
  // What only a simulated world does; left out silently, an execution would answer another question.
  const simulated = {
    'demand.personas.*.retry': scenario.retries,
    'demand.personas.*.performance, image, isolation or fleet.classes.*.sharing': scenario.performance,
    'fleet.groups.*.entry': scenario.entry,
    'failures.gpus': scenario.cards,
    'failures.shared': scenario.domains,
    'fleet.groups.*.lies': scenario.nodes.find((n) => n.lies !== undefined),
  };
  for (const [key, value] of Object.entries(simulated))
    if (value !== undefined) throw new UsageError(`${key}: simulated only; leave it out to execute`);
  if (scenario.stakers !== undefined)
    throw new UsageError(
      'stake.rules: voters, cheats and auditors are simulated only; leave stake.rules out to execute (stake.resources may stay)',
    );
  if (scenario.network !== undefined)
    throw new UsageError('network: wires and their faults are simulated only; leave network out to execute');
  if (scenario.routing !== undefined)
    throw new UsageError(
      'scheduling.routing: an execution submits each job to the pool that its user keeps to; leave routing out to execute',
    );
  if ((scenario.disputers?.filers.length ?? 0) > 0)
    throw new UsageError('billing.disputes.filers: users who dispute are simulated only; leave them out to execute');
  if (scenario.payers !== undefined)
    throw new UsageError('billing.payers: acts of users are simulated only; leave billing.payers out to execute');
  if (scenario.market.classes.some((c) => c.mig !== undefined))
    throw new UsageError(
      'fleet.classes: GPUs divided on demand (mig: on-demand) are simulated only; name a profile to execute on instances that are there',
    );
  const needed = gpusOf(scenario);
  if (needed > devices.length) {
    throw new UsageError(
      `the scenario's fleet has ${needed} GPUs and --devices gives ${devices.length}; give more devices, or make the fleet smaller with --set fleet.groups…`,
    );
  }
  let next = 0;
  return scenario.market.nodes.flatMap((n, node) =>
    Array.from({ length: n.gpus }, (_, gpu) => ({ node, gpu, device: devices[next++]! })),
  );
}

/** Nobody knows the challenges of a run before it has its number. */
export function challengeKeyOf(run: string): ChanceKey {
  const hex = run.replaceAll('-', '');
  return [Number.parseInt(hex.slice(0, 8), 16), Number.parseInt(hex.slice(8, 16), 16)];
}

export const gpusOf = (scenario: ResolvedScenario): number => scenario.market.nodes.reduce((n, x) => n + x.gpus, 0);

/** The jobs of the scenario in order, with the allowance on every limit, and what each was worth to its user. */
export function plannedArrivals(
  scenario: ResolvedScenario,
  allowanceUs: TimeUs,
  onJob: (job: number, valueMicro: number) => void = () => {},
  challengeKey: ChanceKey = [0, 0],
): Arrivals {
  const source = demandSource(scenario, new Streams(scenario.seed, 0), traceRows(scenario));
  return {
    next(): PlannedArrival | null {
      const a = source.next();
      if (a === null) return null;
      onJob(a.spec.job, a.valueMicro);
      const spec = { ...a.spec, limitUs: a.spec.limitUs + allowanceUs };
      const { timeUs, pool, workUs, fails, command, challenge: side } = a;
      return {
        timeUs,
        pool,
        spec,
        workUs,
        fails,
        ...(command === undefined ? {} : { command }),
        ...(side === undefined ? {} : { challenge: { key: challengeKey, id: spec.job, side } }),
      };
    },
  };
}
