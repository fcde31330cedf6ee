/**
 * Certification on the running market, with its failures, heuristic placement and crossing leases: one provider per GPU class asks a
 * multiple of its cost while all others tell the truth, in runs that share every random number with the truthful one.
 */
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import { Streams } from '../../sim/kernel/streams.ts';
import { withCosts } from '../../sim/world/costs.ts';
import { type MeanInterval, meanInterval } from '../stats/interval.ts';
import { runSupply } from './supply-account.ts';

/** Asks tried, as multiples of the cost; 1 = the truth. */
export const ASK_FACTORS = [0.9, 0.95, 1, 1.02, 1.05, 1.08, 1.1, 1.11, 1.12, 1.15, 1.2, 1.3] as const;

export interface RegretJson {
  schema: 'janction.market-regret/1';
  scenario: string;
  mechanism: string;
  replications: number;
  seed: number;
  feeBps: number;
  /** Mean over replications of the gain over the truth, in hours of the provider's own cost, with its 95 % interval. */
  asks: { factor: number; gain: { mean: number; low: number; high: number } }[];
  /** The ask with the highest mean, and the dominant one that a fee f predicts for one-shot costs: 1 / (1 - f). */
  best: number;
  predicted: number;
  regret: { mean: number; low: number; high: number };
  verdict: 'violated' | 'no violation found';
  runs: number;
}

const round = (x: number): number => Math.round(x * 1e6) / 1e6;
const shown = (i: MeanInterval) => ({ mean: round(i.mean), low: round(i.mean - i.half), high: round(i.mean + i.half) });

/** Of each class the provider in the middle by cost: the one that is most often at the margin. */
function examined(scenario: ResolvedScenario, replication: number): { provider: string; costMicro: number }[] {
  const { nodes } = withCosts(scenario, new Streams(scenario.seed, replication));
  const byClass = scenario.market.classes.map(() => new Map<string, number>());
  scenario.market.nodes.forEach((n, i) => {
    byClass[n.gpuClass]!.set(n.provider, nodes[i]!.costMicroPerGpuHour);
  });
  return byClass.flatMap((m) => {
    const list = [...m].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1));
    const middle = list[Math.floor(list.length / 2)];
    return middle === undefined || middle[1] <= 0 ? [] : [{ provider: middle[0], costMicro: middle[1] }];
  });
}

export function marketRegret(
  scenario: ResolvedScenario,
  replications: number,
  onProgress: (share: number, runs: number) => void = () => {},
): RegretJson {
  const gains: number[][] = ASK_FACTORS.map(() => []);
  let runs = 0;
  for (let r = 0; r < replications; r++) {
    const targets = examined(scenario, r);
    const names = new Set(targets.map((t) => t.provider));
    if (targets.length === 0)
      throw new Error('no provider has a cost above zero; give the groups a cost, or fleet.costs');
    const values = ASK_FACTORS.map((f) => {
      const { profit } = runSupply(scenario, { replication: r, factor: (p) => (names.has(p) ? f : 1) });
      onProgress(++runs / (replications * ASK_FACTORS.length), runs);
      return targets.reduce((s, t) => s + ((profit.get(t.provider) ?? 0) * 1e6) / t.costMicro, 0) / targets.length;
    });
    const truth = values[ASK_FACTORS.indexOf(1)]!;
    values.forEach((v, k) => {
      gains[k]!.push(v - truth);
    });
  }
  const intervals = gains.map((g) => meanInterval(g));
  let best = ASK_FACTORS.indexOf(1);
  intervals.forEach((x, k) => {
    if (x.mean > intervals[best]!.mean) best = k;
  });
  const feeBps = scenario.market.pools[0]!.supply?.feeBps ?? 0;
  const regret = intervals[best]!;
  return {
    schema: 'janction.market-regret/1',
    scenario: scenario.name,
    mechanism: scenario.market.pools[0]!.pricing.name,
    replications,
    seed: scenario.seed,
    feeBps,
    asks: ASK_FACTORS.map((factor, k) => ({ factor, gain: shown(intervals[k]!) })),
    best: ASK_FACTORS[best]!,
    predicted: round(1 / (1 - feeBps / 10_000)),
    regret: shown(regret),
    verdict: regret.mean - regret.half > 0 ? 'violated' : 'no violation found',
    runs,
  };
}
