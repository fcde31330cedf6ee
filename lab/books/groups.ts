/** Use and charges by whom or what they belong to. */
import type { Books, Use } from './bills.ts';

export const groupings = ['user', 'job', 'workload', 'pool', 'region', 'provider', 'class', 'outcome'] as const;
export type Grouping = (typeof groupings)[number];

export interface Group {
  name: string;
  jobs: number;
  attempts: number;
  paidMilliUs: bigint;
  usefulMilliUs: bigint;
  wastedMilliUs: bigint;
  charged: bigint;
}

export const milliUs = (u: Use): bigint => (u.startUs < 0 ? 0n : BigInt(u.milli) * BigInt(u.endUs - u.startUs));

/** Region of each machine: as the scenario's network has it, else its pool at the start. */
export function regionsOf(b: Books): Map<string, string> {
  const { market, network } = b.resolved;
  return new Map(
    market.nodes.map((n, i) => {
      const host = network?.hostOf[1 + market.pools.length + i];
      const region = host === undefined ? undefined : network!.regions.of[host];
      return [n.id, region === undefined ? market.pools[n.pool]!.id : `region ${region}`];
    }),
  );
}

/** Useful = inside jobs that completed, wasted = the rest, paid = of parts that were charged. Dearest first. */
export function grouped(b: Books, by: Grouping, currency: string): Group[] {
  const regions = by === 'region' ? regionsOf(b) : new Map<string, string>();
  const groups = new Map<string, Group & { seen: Set<number> }>();
  for (const u of b.uses) {
    if (u.currency !== currency) continue;
    const name = nameOf(b, by, u, regions);
    let g = groups.get(name);
    if (g === undefined) {
      g = {
        name,
        jobs: 0,
        attempts: 0,
        paidMilliUs: 0n,
        usefulMilliUs: 0n,
        wastedMilliUs: 0n,
        charged: 0n,
        seen: new Set(),
      };
      groups.set(name, g);
    }
    g.attempts++;
    g.seen.add(u.job);
    const use = milliUs(u);
    if (u.charge > 0n) g.paidMilliUs += use;
    if (u.outcome === 'completed') g.usefulMilliUs += use;
    else g.wastedMilliUs += use;
    g.charged += u.charge;
  }
  return [...groups.values()]
    .map(({ seen, ...g }) => ({ ...g, jobs: seen.size }))
    .sort((x, y) => (x.charged === y.charged ? (x.name < y.name ? -1 : 1) : x.charged > y.charged ? -1 : 1));
}

function nameOf(b: Books, by: Grouping, u: Use, regions: ReadonlyMap<string, string>): string {
  switch (by) {
    case 'user':
      return b.jobs.get(u.job)?.user ?? '(not ended)';
    case 'workload':
      return b.jobs.get(u.job)?.workload ?? '(not ended)';
    case 'job':
      return String(u.job);
    case 'pool':
      return u.pool;
    case 'region':
      return regions.get(u.node) ?? '(none)';
    case 'provider':
      return u.provider;
    case 'class':
      return u.gpuClass;
    default:
      return u.outcome;
  }
}
