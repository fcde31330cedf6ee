/** Small random worlds for the laws: always the same ones. */
import type { MechanismRegistry, NodeSet, PlacementContext, TaskShape } from '../../core/interfaces.ts';
import { chanceInt, Digest } from '../../core/num/index.ts';
import { type Allocation, Cluster } from '../../core/pool/cluster.ts';
import { Shapes } from '../../core/pool/shapes.ts';
import { Recorder } from '../../core/record/recorder.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import {
  HOUR_US,
  type JobSpec,
  type MarketConfig,
  NEVER,
  type NodeSpec,
  type PoolSpec,
  type TaskGroup,
} from '../../core/types.ts';
import { Simulation } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { type Arrival, ListDemand } from '../../sim/world/demand.ts';

const SECOND = 1_000_000;

/** Whole numbers below n, from a scene's number: a hash of (scene, how many were drawn). */
export function dice(scene: number): (n: number) => number {
  let drawn = 0;
  return (n) => chanceInt([scene, 0x5ce4e], 'conformance', drawn++, n);
}

const group = (over: Partial<TaskGroup>): TaskGroup => ({
  tasks: 1,
  gpus: 1,
  gpuMilli: 1000,
  gpuMemoryMiB: 0,
  cpuMilli: 0,
  ramMiB: 0,
  ...over,
});

const job = (n: number, over: Partial<JobSpec>): JobSpec => ({
  job: n,
  user: 'ann',
  label: 'conformance',
  groups: [group({})],
  classes: [],
  bids: [],
  currency: 0,
  limitUs: HOUR_US,
  estimateUs: HOUR_US,
  patienceUs: NEVER,
  maxAttempts: 3,
  priority: 0,
  ...over,
});

const machine = (id: string, over: Partial<NodeSpec>): NodeSpec => ({
  id,
  provider: `owner-${id}`,
  pool: 0,
  gpuClass: 0,
  gpus: 4,
  cpuMilli: 32_000,
  ramMiB: 65_536,
  ...over,
});

/** Machines partly taken, and a task that looks for a place. */
export interface PlacementScene {
  scene: number;
  cluster: Cluster;
  nodes: NodeSpec[];
  shape: TaskShape;
  avoid: NodeSet | null;
  context: PlacementContext;
}

export function* placementScenes(count: number): Generator<PlacementScene> {
  for (let scene = 1; scene <= count; scene++) {
    const below = dice(scene);
    const nodes = Array.from({ length: 1 + below(12) }, (_, i) =>
      machine(`n${i}`, { gpuClass: below(2), gpus: 1 + below(8), cpuMilli: 16_000, diskMiB: 100 * below(4) }),
    );
    const cluster = new Cluster(nodes, [24_576, 81_920]);
    const image = () => ({ name: `image-${below(3)}`, mib: 100 });
    for (let i = 0; i < nodes.length; i++) for (let k = below(4); k > 0; k--) cluster.useImage(i, image());
    for (let i = 0; i < nodes.length; i++) cluster.setUp(i, below(10) > 0);
    const shapes = new Shapes(2);
    const draw = (): TaskShape =>
      shapes.gang(
        job(1, {
          groups: [
            group({
              gpus: below(5),
              gpuMilli: below(2) === 0 ? 1000 : 50 * (1 + below(19)),
              cpuMilli: 1000 * below(5),
              ...(below(2) === 0 ? {} : { image: image() }),
            }),
          ],
        }),
        below(3) === 0 ? [below(2)] : [0, 1],
      ).groups[0]!.shape;
    for (let k = 0; k < 20; k++) {
      const shape = draw();
      const at = nodes.findIndex((_, n) => cluster.fits(n, shape));
      if (at < 0) continue;
      const a: Allocation = {
        lease: k,
        gpus: cluster.defaultGpus(at, shape),
        gpuMilli: shape.gpuMilli,
        gpuMemoryMiB: 0,
        cpuMilli: shape.cpuMilli,
        ramMiB: 0,
        endUs: NEVER,
      };
      cluster.take(at, a);
    }
    const hidden = new Set([below(12), below(12)]);
    const avoid = below(3) === 0 ? { has: (n: number) => hidden.has(n) } : null;
    const context: PlacementContext = {
      chosen: [],
      rateOf: (c) => 2_000_000 - c,
      draw: (purpose, n) => chanceInt([7, 0], purpose, scene, n),
    };
    yield { scene, cluster, nodes, shape: draw(), avoid, context };
  }
}

/** A pool of a few machines under pressure, and the jobs that come to it. */
export interface MarketScene {
  config: MarketConfig;
  arrivals: Arrival[];
}

export function marketScene(scene: number, jobs: number): MarketScene {
  const below = dice(scene);
  const pool: PoolSpec = {
    id: 'east',
    aggregator: 'east-op',
    queueing: { name: 'fifo', params: {} },
    placement: { name: 'best-fit', params: {} },
    pricing: { name: 'posted', params: { rates: { a: 1_000_000, b: 2_000_000 } } },
  };
  const arrivals: Arrival[] = [];
  let t = 0;
  for (let n = 1; n <= jobs; n++) {
    t += below(120) * SECOND;
    const workUs = (1 + below(1200)) * SECOND;
    const limitUs = workUs + Math.floor((workUs * below(1000)) / 1000);
    const groups = [
      group({ gpus: 1 + below(2) * below(4), tasks: below(8) === 0 ? 2 : 1, gpuMilli: below(6) === 0 ? 500 : 1000 }),
    ];
    const estimateUs = Math.floor(workUs / 2 + (workUs * below(500)) / 1000);
    arrivals.push({
      timeUs: t,
      pool: 0,
      spec: job(n, {
        groups,
        limitUs,
        estimateUs: Math.min(estimateUs, limitUs),
        priority: n % 4,
        ...(n % 3 === 0 ? { deadlineUs: 2 * limitUs } : {}),
      }),
      workUs,
      fails: false,
      valueMicro: -1,
    });
  }
  const config: MarketConfig = {
    schema: 'janction.core/1',
    key: [scene, 0],
    epochUs: HOUR_US,
    sampleUs: 0,
    currencies: [
      { code: 'USD', scale: 6 },
      { code: 'JCT', scale: 6 },
    ],
    classes: [
      { name: 'a', memoryMiB: 24_576 },
      { name: 'b', memoryMiB: 81_920 },
    ],
    pools: [pool],
    nodes: Array.from({ length: 2 + below(4) }, (_, i) =>
      machine(`n${i}`, { gpus: 2 + 2 * below(4), gpuClass: below(2) }),
    ),
    users: [{ id: 'ann', currency: 0, deposit: '0', postpaid: true }],
    tokenPriceMicro: 20_000,
    shares: { providerBps: 8_000, stakerBps: 500, aggregatorBps: 1_000, verifierBps: 200, treasuryBps: 300 },
    stakes: [],
    graces: {
      startWindowUs: 60 * SECOND,
      startAllowanceUs: 10 * SECOND,
      poolUs: 5 * SECOND,
      holdUs: 600 * SECOND,
      quoteUs: 7 * 24 * HOUR_US,
    },
  };
  return { config, arrivals };
}

export interface MarketOutcome {
  fingerprint: string;
  jobs: Row<'jobs'>[];
  prices: Row<'prices'>[];
}

/** Runs a scene to its end, every law of the market checked after every step when asked. */
export function runScene(scene: MarketScene, registry: MechanismRegistry, checkEveryEvent = false): MarketOutcome {
  const recorder = new Recorder(null);
  const jobs: Row<'jobs'>[] = [];
  const prices: Row<'prices'>[] = [];
  const { config, arrivals } = scene;
  const simulation = new Simulation({
    config,
    registry,
    demand: new ListDemand(arrivals),
    streams: new Streams(1),
    lives: config.nodes.map(() => ({ availability: { kind: 'always' }, mtbfUs: 0, repairUs: 0 })),
    speedMilli: config.nodes.map(() => 1000),
    processes: { startUs: 0, killUs: 0, checkpoint: { everyUs: 0, saveUs: 0, restoreUs: 0 } },
    // All the work of a scene, one job after the other, takes less than two days: who still waits then waits for ever.
    horizonUs: 240 * HOUR_US,
    checkEveryEvent,
    rows: {
      row<T extends TableName>(table: T, row: Row<T>): void {
        recorder.row(table, row);
        if (table === 'jobs') jobs.push(row as Row<'jobs'>);
        if (table === 'prices') prices.push(row as Row<'prices'>);
      },
    },
  });
  simulation.finish();
  return { fingerprint: recorder.fingerprint, jobs, prices };
}

/** One number over plain data: to see that nothing was changed. */
export function fingerprintOf(value: unknown): string {
  const d = new Digest();
  d.mixString(JSON.stringify(value));
  return d.hex();
}
