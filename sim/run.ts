/**
 * A resolved scenario to a finished run: the one entry for the command line, a worker and a browser tab. No I/O: trace rows
 * come in as an iterable, rows and journal bytes go out through callbacks.
 */
import type { Bidder, MechanismRegistry } from '../core/interfaces.ts';
import { JOURNAL_SCHEMA, JournalWriter } from '../core/journal/journal.ts';
import { invariants } from '../core/market/invariants.ts';
import type { Market, RowSink } from '../core/market/market.ts';
import { clonePlain } from '../core/plain.ts';
import { JobState } from '../core/pool/job.ts';
import { type Chunk, Recorder } from '../core/record/recorder.ts';
import { ContractState } from '../core/settlement/contract.ts';
import type { MarketConfig, MechanismRef, TimeUs } from '../core/types.ts';
import { ENGINE } from '../core/version.ts';
import type { ResolvedScenario, TraceJob } from '../scenarios/resolved.ts';
import { Simulation, type SimulationState } from './driver.ts';
import type { EventQueue } from './kernel/queue.ts';
import { Streams } from './kernel/streams.ts';
import type { NetworkFacts } from './network-summary.ts';
import { type RunJson, Summary } from './summary.ts';
import type { Acts } from './world/adversaries.ts';
import { costNotes, withCosts } from './world/costs.ts';
import { type DemandSource, ListDemand } from './world/demand.ts';
import type { DisputeErrors } from './world/disputers.ts';
import type { SupplyFigures } from './world/entry.ts';
import type { ContactRule } from './world/heartbeats.ts';
import { Network } from './world/network.ts';
import { Performance, type PerformanceFigures } from './world/performance.ts';
import { PersonaDemand } from './world/personas.ts';
import { TraceDemand } from './world/trace-demand.ts';
import type { VerificationCounts } from './world/verification.ts';

export interface RunOptions {
  registry: MechanismRegistry;
  /** Rows of the trace, for trace-driven demand. */
  traceRows?: Iterable<TraceJob>;
  replication?: number;
  checkEveryEvent?: boolean;
  /** Receives full chunks of every table; absent = only the fingerprint is kept. */
  onChunk?: (chunk: Chunk) => void;
  /** Receives journal bytes; absent = no journal. */
  onJournal?: (bytes: Uint8Array) => void;
  /** Builds the agent that a persona names; absent = a scenario with agents cannot run. */
  bidder?: (ref: MechanismRef) => Bidder;
  /** What a replay needs besides the engine, by name: it goes into the journal's header. */
  solvers?: Record<string, string>;
  /** Called now and then with the simulated time and the jobs submitted so far. */
  onProgress?: (nowUs: number, submitted: number) => void;
  /** Simulated time between two progress calls. */
  progressEveryUs?: number;
  queue?: EventQueue;
  /** Sees every row as it is written. */
  watch?: RowSink;
  /** Where the random streams stand, for a simulation that is to be restored. */
  streams?: SimulationState['streams'];
  /** How heartbeats become contacts; absent = in closed form. */
  contact?: ContactRule;
  /** Ask of a node in supply auctions, micro-USD per GPU-hour, given its provider's cost; absent = what the scenario says. */
  ask?: (node: number, costMicro: number) => number;
}

/**
 * Core's configuration: the scenario's, with the chance key that the seed and replication give. Copied property by property, because
 * engines give objects made by spreading another hidden class once the code that spreads them has become hot: a process that makes
 * many runs would then throw all of core's compiled code away, for a third of their time.
 */
export function marketConfig(scenario: ResolvedScenario, replication = 0): MarketConfig {
  const seed = scenario.seed;
  return clonePlain({
    ...scenario.market,
    key: [seed % 0x100000000, (Math.floor(seed / 0x100000000) + replication * 0x9e3779b1) % 0x100000000],
  });
}

/** Providers' asks for supply auctions: their costs unless the scenario, a ring or the caller says otherwise. */
function withAsks(config: MarketConfig, scenario: ResolvedScenario, ask: RunOptions['ask']): MarketConfig {
  if (config.pools.every((p) => p.supply === undefined)) return config;
  const { ring } = scenario.adversaries ?? {};
  const members = new Set(ring === undefined || ring.honest ? [] : ring.agents);
  const nodes = config.nodes.map((n, i) => {
    const { costMicroPerGpuHour: cost, askMicroPerGpuHour: said } = scenario.nodes[i]!;
    const agreed = members.has(n.provider) ? cost * ring!.asks : undefined;
    return { ...n, askMicro: Math.round(ask?.(i, cost) ?? agreed ?? said ?? cost) };
  });
  return { ...config, nodes };
}

export interface PreparedRun {
  simulation: Simulation;
  recorder: Recorder;
  summary: Summary;
  /** What was imputed so far, in words. */
  imputed: () => string[];
}

export function prepareRun(given: ResolvedScenario, options: RunOptions): PreparedRun {
  const replication = options.replication ?? 0;
  const streams = new Streams(given.seed, replication);
  if (options.streams !== undefined) streams.restore(options.streams);
  const scenario = withCosts(given, streams);
  const config = withAsks(marketConfig(given, replication), scenario, options.ask);
  const recorder = new Recorder(options.onChunk ?? null);
  const summary = new Summary(scenario);
  const rows: RowSink = {
    row: (table, row) => {
      recorder.row(table, row);
      summary.row(table, row);
      options.watch?.row(table, row);
    },
  };
  const demand = demandSource(scenario, streams, options.traceRows, options.bidder);
  const { network, routing } = scenario;
  const onJournal = options.onJournal;
  const journal =
    onJournal === undefined
      ? null
      : new JournalWriter(
          {
            schema: JOURNAL_SCHEMA,
            engine: ENGINE,
            host: 0,
            config,
            solvers: options.solvers ?? {},
            ...(network === undefined ? {} : { topology: { hostOf: network.hostOf, links: network.links } }),
          },
          onJournal,
        );
  const lies = new Map(
    scenario.nodes.flatMap((n, i) =>
      n.lies === undefined
        ? []
        : [
            [
              i,
              { speedFactorMilli: n.lies.speedFactorMilli, realGpus: config.nodes[i]!.gpus / n.lies.copies },
            ] as const,
          ],
    ),
  );
  const simulation = new Simulation({
    config,
    registry: options.registry,
    demand,
    streams,
    lives: scenario.nodes,
    speedMilli: scenario.nodes.map((n) => n.speedMilli),
    processes: scenario.processes,
    ...(scenario.stakers === undefined
      ? {}
      : { stakers: { spec: scenario.stakers, costMicro: scenario.nodes.map((n) => n.costMicroPerGpuHour) } }),
    ...(scenario.payers === undefined ? {} : { payers: scenario.payers }),
    ...(scenario.disputers === undefined ? {} : { disputers: scenario.disputers }),
    horizonUs: scenario.horizonUs,
    rows,
    checkEveryEvent: options.checkEveryEvent === true,
    ...(journal === null ? {} : { journal }),
    ...(network === undefined
      ? {}
      : {
          network: new Network(network, (from, to) => streams.get('wire', `${from}>${to}`)),
          mesh: { ...network, ...(options.contact === undefined ? {} : { contact: options.contact }) },
        }),
    ...(routing === undefined ? {} : { routing }),
    ...(lies.size === 0 ? {} : { lies }),
    ...(scenario.adversaries === undefined
      ? {}
      : {
          adversaries: {
            spec: scenario.adversaries,
            costMicro: scenario.nodes.map((n) => n.costMicroPerGpuHour),
            realGpus: scenario.nodes.map((n, i) => config.nodes[i]!.gpus / (n.lies?.copies ?? 1)),
          },
        }),
    ...(scenario.retries === undefined ? {} : { retries: scenario.retries }),
    ...(scenario.entry === undefined
      ? {}
      : {
          entry: {
            rules: scenario.entry,
            groups: scenario.nodes.map((n) => n.group),
            costMicro: scenario.nodes.map((n) => n.costMicroPerGpuHour),
          },
        }),
    ...(scenario.domains === undefined ? {} : { domains: scenario.domains }),
    ...(scenario.cards === undefined ? {} : { cards: scenario.cards }),
    ...(scenario.performance === undefined
      ? {}
      : {
          performance: new Performance(
            scenario.performance,
            config.nodes,
            scenario.nodes.map((n) => n.group),
            scenario.nodes.map((n) => n.speedMilli),
          ),
        }),
    ...(options.queue === undefined ? {} : { queue: options.queue }),
  });
  simulation.onValue((v) => summary.value(v));
  const imputed = () => [...(demand.notes?.() ?? []), ...costNotes(scenario)];
  return { simulation, recorder, summary, imputed };
}

/** The jobs of a scenario; the streams are those of its seed. */
export function demandSource(
  scenario: ResolvedScenario,
  streams: Streams,
  traceRows: Iterable<TraceJob> | undefined,
  bidder?: (ref: MechanismRef) => Bidder,
): DemandSource {
  return scenario.demand.kind === 'personas'
    ? new PersonaDemand(
        scenario,
        scenario.demand.personas,
        streams,
        scenario.demand.personas.map((p) => (p.bidder === undefined ? null : (bidder ?? noBidder)(p.bidder))),
      )
    : scenario.demand.kind === 'list'
      ? new ListDemand(scenario.demand.arrivals)
      : new TraceDemand(scenario, scenario.demand, traceRows ?? missingTrace(), streams);
}

function noBidder(ref: MechanismRef): never {
  throw new Error(`this scenario's jobs are bid for by ${ref.name}: the module must be given`);
}

function missingTrace(): never {
  throw new Error('this scenario replays a trace: its rows must be given');
}

/** Runs a scenario to its end. */
export function runScenario(scenario: ResolvedScenario, options: RunOptions): RunJson {
  const prepared = prepareRun(scenario, options);
  const { simulation } = prepared;
  const every = options.progressEveryUs ?? 0;
  if (options.onProgress !== undefined && every > 0) {
    for (let t = every; t < scenario.horizonUs && !simulation.runUntil(t); t += every)
      options.onProgress(t, simulation.submitted);
  }
  return finishRun(prepared);
}

export function finishRun({ simulation, recorder, summary, imputed }: PreparedRun): RunJson {
  simulation.finish();
  const {
    now,
    submitted,
    checks,
    failureCauses,
    lostMilliUs,
    verification,
    wires,
    performance,
    supply,
    disputeErrors,
  } = simulation;
  return resultOf(simulation.markets, recorder, summary, {
    now,
    submitted,
    checks,
    failureCauses,
    lostMilliUs,
    verification,
    network: wires === null ? null : { ...wires, edge: simulation.edge },
    performance,
    supply,
    acts: simulation.acts,
    disputeErrors,
    imputed: imputed(),
  });
}

/** What a finished run amounts to, whoever drove it. */
export function resultOf(
  markets: readonly Market[],
  recorder: Recorder,
  summary: Summary,
  run: {
    now: TimeUs;
    submitted: number;
    checks: number;
    imputed?: string[];
    failureCauses?: ReadonlyMap<string, number>;
    lostMilliUs?: bigint | null;
    verification?: VerificationCounts | null;
    network?: Omit<NetworkFacts, 'stolen'> | null;
    performance?: PerformanceFigures | null;
    supply?: SupplyFigures | null;
    acts?: ReadonlyMap<string, Acts> | null;
    disputeErrors?: DisputeErrors | null;
  },
): RunJson {
  recorder.finish();
  let running = 0;
  let pending = 0;
  let restarts = 0;
  let stolen = 0;
  for (const market of markets) {
    for (const pool of market.pools) {
      if (pool === null) continue;
      stolen += pool.counts.stolen;
      restarts += pool.counts.restarts;
      for (const j of pool.jobs()) {
        if (j.state === JobState.leased) running++;
        else pending++;
      }
    }
  }
  const several = markets.length > 1;
  // A pool that is cut off may still believe in jobs that it has lost: the chain says who runs.
  if (several) {
    running = 0;
    for (const m of markets)
      for (const c of m.settlement?.contracts() ?? []) if (c.state === ContractState.claimed) running++;
  }
  return summary.toJson({
    fingerprint: recorder.fingerprint,
    endUs: run.now,
    submitted: run.submitted,
    running,
    pending: several ? null : pending + (run.network?.edge.waiting ?? 0),
    restarts,
    registered: invariants.length,
    checks: run.checks,
    imputed: run.imputed ?? [],
    failureCauses: run.failureCauses ?? new Map(),
    lostMilliUs: run.lostMilliUs ?? null,
    verification: run.verification ?? null,
    network: run.network == null ? null : { ...run.network, stolen },
    performance: run.performance ?? null,
    supply: run.supply ?? null,
    acts: run.acts ?? null,
    disputeErrors: run.disputeErrors ?? null,
  });
}
