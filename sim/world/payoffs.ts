/** What lying brings: revenue, cost and profit of every group of providers where some lie about what they have. */
import type { Row, TableName } from '../../core/record/schema.ts';
import { HOUR_US, type MarketConfig, type TimeUs } from '../../core/types.ts';
import type { ResolvedNode } from '../../scenarios/resolved.ts';
import { gpusOf } from './aggregator-books.ts';
import type { RealUse } from './real-use.ts';

export interface GroupPayoff {
  /** Its lies: the speed it claims over the one it has, and how often it has registered each GPU. */
  speedFactor: number;
  copies: number;
  providers: number;
  realGpus: number;
  revenueUsd: number;
  costUsd: number;
  profitUsd: number;
  profitPerRealGpuHour: number;
  /** Attempts that ended at their limit on its machines: what users see of it. */
  limits: number;
}

export class Payoffs {
  readonly #groups = new Map<
    string,
    { first: number; providers: Set<string>; gpus: number; revenue: number; cost: number; limits: number }
  >();
  readonly #groupOf = new Map<string, string>();
  readonly #nodes = new Map<string, number>();
  readonly #lives: readonly ResolvedNode[];
  readonly #currency: string;
  readonly #realUse: RealUse;

  constructor(config: Omit<MarketConfig, 'key'>, lives: readonly ResolvedNode[], realUse: RealUse) {
    this.#realUse = realUse;
    this.#lives = lives;
    this.#currency = config.currencies[0]!.code;
    config.nodes.forEach((n, i) => {
      const life = lives[i]!;
      let g = this.#groups.get(life.group);
      if (g === undefined) {
        g = { first: i, providers: new Set(), gpus: 0, revenue: 0, cost: 0, limits: 0 };
        this.#groups.set(life.group, g);
      }
      g.providers.add(n.provider);
      g.gpus += n.gpus / (life.lies?.copies ?? 1);
      this.#groupOf.set(n.provider, life.group);
      this.#nodes.set(n.id, i);
    });
  }

  row<T extends TableName>(table: T, row: Row<T>): void {
    if (table === 'transfers') {
      const t = row as Row<'transfers'>;
      if (t.currency !== this.#currency || t.kind === 'pending' || t.kind === 'void') return;
      if (!t.credit.startsWith('provider:')) return;
      const g = this.#groups.get(this.#groupOf.get(t.credit.slice(9)) ?? '');
      if (g !== undefined) g.revenue += Number(t.amount_micro);
    } else if (table === 'placements') {
      const p = row as Row<'placements'>;
      if (p.start_us < 0) return;
      const i = this.#nodes.get(p.node)!;
      const life = this.#lives[i]!;
      const g = this.#groups.get(life.group)!;
      // GPUs that are registered several times cost once what they cost: see figures.
      if (!this.#realUse.knows(p.node)) {
        const hours = (gpusOf(p.gpus) * p.gpu_milli * (p.end_us - p.start_us)) / (1000 * HOUR_US);
        g.cost += life.costMicroPerGpuHour * hours;
      }
      if (p.outcome === 'limit') g.limits++;
    }
  }

  figures(endUs: TimeUs): Record<string, GroupPayoff> {
    const usd = (micro: number): number => Math.round(micro) / 1e6;
    const shared = new Map<string, number>();
    for (const [node, i] of this.#nodes) {
      if (!this.#realUse.knows(node)) continue;
      const { group, costMicroPerGpuHour } = this.#lives[i]!;
      const cost = (costMicroPerGpuHour * Number(this.#realUse.milliUsOf(node))) / (1000 * HOUR_US);
      shared.set(group, (shared.get(group) ?? 0) + cost);
    }
    return Object.fromEntries(
      [...this.#groups].map(([name, g]) => {
        const lies = this.#lives[g.first]!.lies;
        const cost = g.cost + (shared.get(name) ?? 0);
        return [
          name,
          {
            speedFactor: (lies?.speedFactorMilli ?? 1000) / 1000,
            copies: lies?.copies ?? 1,
            providers: g.providers.size,
            realGpus: g.gpus,
            revenueUsd: usd(g.revenue),
            costUsd: usd(cost),
            profitUsd: usd(g.revenue - cost),
            profitPerRealGpuHour: usd((g.revenue - cost) / Math.max(1e-9, (g.gpus * endUs) / HOUR_US)),
            limits: g.limits,
          },
        ];
      }),
    );
  }
}
