/**
 * What supply auctions did to each provider of a run, from its rows: what every award brought and cost, which awards were hit by a
 * failure, and the profit of each provider at its true cost.
 */
import type { RowSink } from '../../core/market/market.ts';
import type { Row, TableName } from '../../core/record/schema.ts';
import { HOUR_US } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { runScenario } from '../../sim/run.ts';
import type { RunJson } from '../../sim/summary.ts';
import { withCosts } from '../../sim/world/costs.ts';

export interface AwardAccount {
  award: number;
  node: string;
  provider: string;
  gpuClass: string;
  fromUs: number;
  untilUs: number;
  gpus: number;
  of: number;
  payMicroPerHour: number;
  /** Own cost of metered use that was charged, and of use that a failure of the machine made worthless; USD. */
  paidUseCost: number;
  lostUseCost: number;
  earned: number;
  leases: number;
  /** The machine went down while the award or a lease under it ran. */
  hit: boolean;
}

export interface SupplyAccount {
  result: RunJson;
  awards: AwardAccount[];
  /** Provider: payments received minus its cost of the use that was charged, USD; use that a failure made worthless is apart. */
  profit: Map<string, number>;
  subsidyUsed: number;
}

export interface SupplyRunOptions {
  replication?: number;
  /** Ask as a multiple of the cost; 1 = the truth. */
  factor?: (provider: string) => number;
  checkEveryEvent?: boolean;
}

const MICRO = 1e6;

export function runSupply(scenario: ResolvedScenario, o: SupplyRunOptions = {}): SupplyAccount {
  const replication = o.replication ?? 0;
  const { nodes } = withCosts(scenario, new Streams(scenario.seed, replication));
  const cost = new Map(scenario.market.nodes.map((n, i) => [n.id, nodes[i]!.costMicroPerGpuHour]));
  const awards = new Map<number, AwardAccount>();
  const byNode = new Map<string, AwardAccount[]>();
  const profit = new Map<string, number>();
  let subsidyUsed = 0;
  const add = (provider: string, usd: number): void => {
    profit.set(provider, (profit.get(provider) ?? 0) + usd);
  };
  const rows = {
    supply(r: Row<'supply'>): void {
      if (r.award_id === 0) return;
      const a: AwardAccount = {
        award: r.award_id,
        node: r.node,
        provider: r.provider,
        gpuClass: r.gpu_class,
        fromUs: r.time_us,
        untilUs: (r.epoch + 1) * scenario.market.epochUs,
        gpus: r.awarded_gpus,
        of: r.supplier_gpus,
        payMicroPerHour: r.pay_micro_per_hour,
        paidUseCost: 0,
        lostUseCost: 0,
        earned: 0,
        leases: 0,
        hit: false,
      };
      awards.set(a.award, a);
      byNode.set(a.node, [...(byNode.get(a.node) ?? []).slice(-3), a]);
    },
    placements(r: Row<'placements'>): void {
      if (r.start_us < 0) return;
      const a = awards.get(r.supply_award_id);
      const hours = ((r.end_us - r.start_us) * r.gpu_milli * (r.gpus.split('+').length || 1)) / (1000 * HOUR_US);
      const own = (hours * cost.get(r.node)!) / MICRO;
      if (a === undefined) return;
      a.leases++;
      if (r.outcome === 'node-failure' || r.outcome === 'gpu-failure') {
        a.lostUseCost += own;
        a.hit = true;
        return;
      }
      a.paidUseCost += own;
      add(r.provider, -own);
      const due = Math.floor(hours * (a.payMicroPerHour / a.of)) / MICRO;
      a.earned += Math.min(due, Number(r.charge_micro) / MICRO);
    },
    failures(r: Row<'failures'>): void {
      if (!((r.kind === 'node-down' && r.cause === 'failure') || r.kind === 'gpu-dead')) return;
      for (const a of byNode.get(r.node) ?? []) if (r.time_us > a.fromUs && r.time_us < a.untilUs) a.hit = true;
    },
    accounts(r: Row<'accounts'>): void {
      const [kind, name] = r.account.split(':') as [string, string | undefined];
      if (kind === 'provider') add(name!, Number(r.credits_posted_micro - r.debits_posted_micro) / MICRO);
      if (kind === 'subsidy') subsidyUsed += Number(r.debits_posted_micro) / MICRO;
    },
  };
  const watch: RowSink = {
    row<T extends TableName>(table: T, row: Row<T>): void {
      (rows as Partial<Record<TableName, (r: unknown) => void>>)[table]?.(row);
    },
  };
  const provider = scenario.market.nodes.map((n) => n.provider);
  const result = runScenario(scenario, {
    registry: shipped,
    replication,
    watch,
    checkEveryEvent: o.checkEveryEvent === true,
    ask: (node, c) => c * (o.factor?.(provider[node]!) ?? 1),
  });
  return { result, awards: [...awards.values()], profit, subsidyUsed };
}
