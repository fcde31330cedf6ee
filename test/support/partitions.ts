/**
 * Random networks for the partition fuzz: the seed draws the market, its rules and everything that goes wrong (swarm testing: each run has
 * some of the faults, so that rare combinations come up too), and `judge` says whether what came out is right.
 */
import { expect } from 'vitest';
import { HOUR_US, type MarketConfig, NEVER } from '../../core/types.ts';
import { routingNames, shipped } from '../../mechanisms/index.ts';
import { Simulation, type SimulationOptions } from '../../sim/driver.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import type { Arrival } from '../../sim/world/demand.ts';
import type { Crash, Partition } from '../../sim/world/network.ts';
import { cardTroubles } from './card-troubles.ts';
import { generator, ListDemand, pool, Rows, SECOND } from './market.ts';
import { wires } from './wires.ts';
import { workload } from './workload.ts';

const MINUTE = 60 * SECOND;
/** Every run is over long before this. */
const LONGEST_US = 100 * HOUR_US;

export interface MeshWorld {
  config: MarketConfig;
  arrivals: Arrival[];
  options: Pick<SimulationOptions, 'network' | 'mesh' | 'routing' | 'processes'> & Partial<SimulationOptions>;
  /** What the seed drew, for messages. */
  faults: string;
}

/** A market of two to four pools with about `jobs` jobs in eight hours, on hosts of their own, and its faults; partitions that cut both ways only, if so wanted. */
export function meshWorld(seed: number, jobs: number, bothWays = false): MeshWorld {
  const r = generator(seed * 7 + 3);
  const below = (n: number) => Math.floor(r() * n);
  const some = (chance: number) => r() < chance;
  const w = workload(seed, jobs);
  const count = 2 + below(3);
  const stealing = some(0.5) ? { everyUs: (5 + below(120)) * SECOND, batch: 1 + below(4) } : undefined;
  const pools = Array.from({ length: count }, (_, i) => ({
    ...w.config.pools[i % 2]!,
    ...pool(`p${i}`, w.config.pools[i % 2]!),
    id: `p${i}`,
    aggregator: `p${i}-op`,
    ...(stealing === undefined ? {} : { stealing }),
  }));
  const nodes = w.config.nodes.map((n, i) => ({ ...n, pool: i % count }));
  const graces = {
    startWindowUs: (10 + below(60)) * SECOND,
    startAllowanceUs: 10 * SECOND,
    poolUs: (1 + below(60)) * SECOND,
    // Sometimes shorter than a partition: then work is done that nobody pays.
    holdUs: some(0.3) ? 10 * MINUTE : 6 * HOUR_US,
    quoteUs: some(0.3) ? 2 * HOUR_US : 7 * 24 * HOUR_US,
  };
  const config: MarketConfig = { ...w.config, key: [seed, 1], pools, nodes, graces };
  // Two days of the workload in eight hours.
  const arrivals = w.arrivals.map((a) => ({ ...a, timeUs: Math.floor(a.timeUs / 6), pool: below(count) }));
  const end = 8 * HOUR_US;
  const machines = 1 + count + nodes.length;
  const partitions: Partition[] = [];
  if (some(0.85))
    for (let n = 1 + below(4); n > 0; n--) {
      const from = below(end);
      const long = some(0.3) ? 3 * HOUR_US : 20 * MINUTE;
      // A pool alone, the chain alone, or any set of hosts.
      const side = some(0.4)
        ? [1 + below(count)]
        : some(0.3)
          ? [0]
          : Array.from({ length: machines }, (_, h) => h).filter(() => some(0.4));
      partitions.push({ fromUs: from, toUs: from + 1 + below(long), side, users: some(0.2) ? ['test'] : [] });
    }
  // Drawn apart, so that the rest of a seed's world stays.
  const ways = generator(seed * 13 + 7);
  for (const p of partitions) if (ways() < 0.4 && !bothWays) p.way = ways() < 0.5 ? 'out' : 'in';
  const crashes: Crash[] = [];
  if (some(0.6))
    for (let p = 0; p < count; p++) {
      if (!some(0.5)) continue;
      const from = below(end);
      crashes.push({ host: 1 + p, fromUs: from, toUs: from + 1 + below(some(0.3) ? 3 * HOUR_US : 20 * MINUTE) });
    }
  const takeover = some(0.7) ? { afterUs: (1 + below(15)) * MINUTE, by: pools.map((_, p) => p) } : null;
  const loss = some(0.7) ? r() * 0.3 : 0;
  const duplicate = some(0.6) ? r() * 0.3 : 0;
  const reorder = some(0.5) ? r() * 0.3 : 0;
  const every = (2 + below(30)) * SECOND;
  const routing = some(0.6)
    ? {
        policy: { name: routingNames[below(routingNames.length)]!, params: {} },
        advertiseUs: (5 + below(300)) * SECOND,
        users: [{ label: 'test', pools: pools.map((_, p) => p), region: 0 }],
        poolRegions: pools.map(() => below(2)),
      }
    : undefined;
  const meanUs = 1 + below(some(0.2) ? 5 * SECOND : SECOND / 5);
  const minUs = 1 + below(SECOND / 5);
  const lives = some(0.4) ? w.lives : undefined;
  const mesh = { heartbeat: { everyUs: every, ttlUs: every * (1 + below(4)) }, takeover };
  const processes = { startUs: below(2 * SECOND), killUs: below(5 * SECOND) };
  const cards = cardTroubles(seed, nodes.length, 0.4);
  const options = {
    network: wires(config, seed, {
      loss,
      duplicate,
      reorder,
      reorderUs: 3 * SECOND,
      partitions,
      crashes,
      meanUs,
      minUs,
    }),
    mesh,
    ...(routing === undefined ? {} : { routing }),
    ...(lives === undefined ? {} : { lives }),
    ...(cards.length === 0 ? {} : { cards }),
    processes,
  };
  const faults = [
    `${count} pools`,
    `${partitions.length} partitions, ${partitions.filter((p) => p.way !== undefined).length} of them one-way`,
    `${crashes.length} crashes`,
    ...(takeover === null ? [] : ['takeovers']),
    ...(stealing === undefined ? [] : ['stealing']),
    ...(routing === undefined ? [] : [routing.policy.name]),
    ...(lives === undefined ? [] : ['failures']),
    ...(cards.length === 0 ? [] : ['failing GPUs']),
  ].join(', ');
  return { config, arrivals, options, faults };
}

/** One run, to its end, with every law after every step. */
export function meshRun(
  seed: number,
  jobs: number,
  make: (options: SimulationOptions) => Simulation = (options) => new Simulation(options),
  bothWays = false,
): { sim: Simulation; rows: Rows; world: MeshWorld } {
  const world = meshWorld(seed, jobs, bothWays);
  const rows = new Rows();
  const sim = make({
    config: world.config,
    registry: shipped,
    demand: new ListDemand(world.arrivals),
    streams: new Streams(seed),
    lives: world.config.nodes.map(() => ({ availability: { kind: 'always' }, mtbfUs: 0, repairUs: 0 })),
    speedMilli: world.config.nodes.map(() => 1000),
    horizonUs: NEVER,
    rows,
    checkEveryEvent: true,
    ...world.options,
  });
  // A run that does not come to an end has lost something.
  if (!sim.runUntil(LONGEST_US)) throw new Error(`has not ended after ${LONGEST_US / HOUR_US} hours`);
  sim.finish();
  return { sim, rows, world };
}

interface Use {
  from: number;
  to: number;
}

/** No lost job, no double sale, no unbalanced bill; judged from the tables alone. */
export function judge(rows: Rows, jobs: number, what: string): void {
  // Every job ends exactly once.
  const ended = rows
    .of('jobs')
    .map((j) => j.job_id)
    .sort((a, b) => a - b);
  expect(ended, `${what}: jobs that ended`).toEqual(Array.from({ length: jobs }, (_, i) => i + 1));
  // No GPU is sold twice, and no two attempts of a job overlap.
  const sold = new Map<string, [number, number][]>();
  const attempts = new Map<number, Map<number, Use>>();
  for (const p of rows.of('placements')) {
    if (p.start_us < 0 || p.end_us === p.start_us) continue;
    for (const g of p.gpus === '' ? [] : p.gpus.split('+')) {
      const key = `${p.node} GPU ${g}`;
      const list = sold.get(key) ?? [];
      list.push([p.start_us, p.gpu_milli], [p.end_us, -p.gpu_milli]);
      sold.set(key, list);
    }
    const own = attempts.get(p.job_id) ?? new Map<number, Use>();
    attempts.set(p.job_id, own);
    const a = own.get(p.attempt) ?? { from: Number.POSITIVE_INFINITY, to: 0 };
    own.set(p.attempt, { from: Math.min(a.from, p.start_us), to: Math.max(a.to, p.end_us) });
  }
  for (const [key, list] of sold) {
    let milli = 0;
    for (const [at, change] of list.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
      milli += change;
      expect(milli, `${what}: ${key} at ${at}`).toBeLessThanOrEqual(1000);
    }
  }
  for (const [job, own] of attempts) {
    const order = [...own].sort((a, b) => a[0] - b[0]).map(([, u]) => u);
    for (let i = 1; i < order.length; i++)
      expect(order[i]!.from, `${what}: attempts of job ${job}`).toBeGreaterThanOrEqual(order[i - 1]!.to);
  }
  // What each job was charged is what was posted for it and what its parts were charged; nothing stays reserved.
  const posted = new Map<number, bigint>();
  for (const t of rows.of('transfers'))
    if (t.kind === 'post' && t.job_id > 0) posted.set(t.job_id, (posted.get(t.job_id) ?? 0n) + t.amount_micro);
  const parts = new Map<number, bigint>();
  for (const p of rows.of('placements')) parts.set(p.job_id, (parts.get(p.job_id) ?? 0n) + p.charge_micro);
  for (const j of rows.of('jobs')) {
    expect(posted.get(j.job_id) ?? 0n, `${what}: charge of job ${j.job_id}`).toBe(j.charged_micro);
    expect(parts.get(j.job_id) ?? 0n, `${what}: parts of job ${j.job_id}`).toBe(j.charged_micro);
  }
  for (const a of rows.of('accounts'))
    expect(a.debits_pending_micro + a.credits_pending_micro, `${what}: pending on ${a.account}`).toBe(0n);
}
