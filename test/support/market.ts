/** Small markets for tests: a configuration, jobs, and a simulation over a list of arrivals. */
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
import { shipped } from '../../mechanisms/index.ts';
import { Simulation, type SimulationOptions } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { type Arrival, type DemandSource, ListDemand } from '../../sim/world/demand.ts';

export { ListDemand };

export const SECOND = 1_000_000;

export function pool(id: string, over: Partial<PoolSpec> = {}): PoolSpec {
  return {
    id,
    aggregator: `${id}-op`,
    queueing: { name: 'fifo', params: {} },
    placement: { name: 'first-fit', params: {} },
    pricing: { name: 'posted', params: { rates: { a: 1_000_000, b: 2_000_000 } } },
    ...over,
  };
}

export function node(id: string, over: Partial<NodeSpec> = {}): NodeSpec {
  return { id, provider: `owner-${id}`, pool: 0, gpuClass: 0, gpus: 4, cpuMilli: 32_000, ramMiB: 65_536, ...over };
}

export function config(over: Partial<MarketConfig> = {}): MarketConfig {
  return {
    schema: 'janction.core/1',
    key: [1, 0],
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
    pools: [pool('east'), pool('west')],
    nodes: [node('n0'), node('n1'), node('n2', { pool: 1 }), node('n3', { pool: 1, gpuClass: 1, gpus: 8 })],
    users: [
      { id: 'alice', currency: 0, deposit: '1000000000', postpaid: false },
      { id: 'bob', currency: 0, deposit: '0', postpaid: true },
      { id: 'carol', currency: 1, deposit: '900000000000', postpaid: false },
    ],
    tokenPriceMicro: 20_000,
    shares: { providerBps: 8_000, stakerBps: 500, aggregatorBps: 1_000, verifierBps: 200, treasuryBps: 300 },
    stakes: [
      { staker: 'sam', provider: 'owner-n0', amount: '3' },
      { staker: 'tom', provider: 'owner-n0', amount: '5' },
    ],
    graces: {
      startWindowUs: 60 * SECOND,
      startAllowanceUs: 10 * SECOND,
      poolUs: 5 * SECOND,
      holdUs: 600 * SECOND,
      quoteUs: 7 * 24 * HOUR_US,
    },
    ...over,
  };
}

export function task(gpus: number, over: Partial<TaskGroup> = {}): TaskGroup {
  return { tasks: 1, gpus, gpuMilli: 1000, gpuMemoryMiB: 0, cpuMilli: 0, ramMiB: 0, ...over };
}

export function spec(job: number, over: Partial<JobSpec> = {}): JobSpec {
  return {
    job,
    user: 'alice',
    label: 'test',
    groups: [task(1)],
    classes: [],
    bids: [],
    currency: 0,
    limitUs: HOUR_US,
    estimateUs: HOUR_US,
    patienceUs: NEVER,
    maxAttempts: 3,
    priority: 0,
    ...over,
  };
}

export function arrival(timeUs: number, workUs: number, s: JobSpec, over: Partial<Arrival> = {}): Arrival {
  return { timeUs, pool: 0, spec: s, workUs, fails: false, valueMicro: -1, ...over };
}

/** Keeps rows by table. */
export class Rows {
  readonly recorder = new Recorder(null);
  readonly tables = new Map<TableName, unknown[]>();
  row<T extends TableName>(table: T, row: Row<T>): void {
    this.recorder.row(table, row);
    const list = this.tables.get(table) ?? [];
    list.push(row);
    this.tables.set(table, list);
  }
  of<T extends TableName>(table: T): Row<T>[] {
    return (this.tables.get(table) ?? []) as Row<T>[];
  }
}

export type SimOver = Partial<SimulationOptions> & { seed?: number };

export function simulation(
  c: MarketConfig,
  arrivals: readonly Arrival[] | DemandSource,
  over: SimOver = {},
): { sim: Simulation; rows: Rows } {
  const rows = new Rows();
  const { seed = 1, ...rest } = over;
  const demand = Array.isArray(arrivals) ? new ListDemand(arrivals) : (arrivals as DemandSource);
  const sim = new Simulation({
    config: c,
    registry: shipped,
    demand,
    streams: new Streams(seed),
    lives: c.nodes.map(() => ({ availability: { kind: 'always' }, mtbfUs: 0, repairUs: 0 })),
    speedMilli: c.nodes.map(() => 1000),
    processes: { startUs: 0, killUs: 0 },
    horizonUs: NEVER,
    rows,
    ...rest,
  });
  return { sim, rows };
}

/** A small reproducible generator for test inputs (not for models): 32-bit xorshift. */
export function generator(seed: number): () => number {
  let x = (seed * 2654435761 + 1013904223) | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 4294967296;
  };
}
