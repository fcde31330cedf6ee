/** What the laws of a market look at. */
import type { NodeAgent } from '../node/node-agent.ts';
import type { PoolJob } from '../pool/job.ts';
import type { Pool } from '../pool/pool.ts';
import type { Contract } from '../settlement/contract.ts';
import type { Settlement } from '../settlement/settlement.ts';
import type { MarketConfig, TimeUs } from '../types.ts';

/** What the laws are judged on: one host's market, or several hosts' machines put together. */
export interface MarketView {
  readonly config: MarketConfig;
  readonly now: TimeUs;
  readonly settlement: Settlement | null;
  readonly pools: readonly (Pool | null)[];
  readonly nodes: readonly (NodeAgent | null)[];
}

/** All machines of all hosts. */
export function viewOf(hosts: readonly MarketView[]): MarketView {
  const first = hosts[0]!;
  if (hosts.length === 1) return first;
  const { config } = first;
  let now = 0;
  for (const m of hosts) now = Math.max(now, m.now);
  return {
    config,
    now,
    settlement: hosts.find((m) => m.settlement !== null)?.settlement ?? null,
    pools: config.pools.map((_, i) => hosts.find((m) => m.pools[i] !== null)?.pools[i] ?? null),
    nodes: config.nodes.map((_, i) => hosts.find((m) => m.nodes[i] !== null)?.nodes[i] ?? null),
  };
}

/** A market while it stands still: what several laws go through is listed once for all of them. */
export class Look implements MarketView {
  readonly config: MarketConfig;
  readonly now: TimeUs;
  readonly settlement: Settlement | null;
  readonly pools: readonly (Pool | null)[];
  readonly nodes: readonly (NodeAgent | null)[];
  #contracts: readonly Contract[] | null = null;
  #byJob: ReadonlyMap<number, Contract> | null = null;
  readonly #jobs = new Map<Pool, readonly PoolJob[]>();

  constructor(market: MarketView) {
    this.config = market.config;
    this.now = market.now;
    this.settlement = market.settlement;
    this.pools = market.pools;
    this.nodes = market.nodes;
  }

  /** Settlement's contracts in their order; none where no host has it. */
  get contracts(): readonly Contract[] {
    this.#contracts ??= this.settlement?.contracts() ?? [];
    return this.#contracts;
  }
  get byJob(): ReadonlyMap<number, Contract> {
    this.#byJob ??= new Map(this.contracts.map((c) => [c.job, c]));
    return this.#byJob;
  }
  jobsOf(pool: Pool): readonly PoolJob[] {
    const known = this.#jobs.get(pool);
    if (known !== undefined) return known;
    const jobs = pool.jobs();
    this.#jobs.set(pool, jobs);
    return jobs;
  }
}

/** For a law that is asked by itself. */
export const lookAt = (market: MarketView): Look => (market instanceof Look ? market : new Look(market));
