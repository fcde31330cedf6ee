import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import type { Streams } from '../kernel/streams.ts';
import { drawPrice, spreadText } from './imputation.ts';

/**
 * The scenario with private costs drawn where `fleet.costs` asks for it: one draw per provider and GPU class, on a stream of the
 * provider's own, so that a new provider changes nobody's cost.
 */
export function withCosts(scenario: ResolvedScenario, streams: Streams): ResolvedScenario {
  const { costs } = scenario;
  if (costs.length === 0) return scenario;
  const drawn = new Map<string, number>();
  const nodes = scenario.nodes.map((life, i) => {
    const { provider, gpuClass } = scenario.market.nodes[i]!;
    const spread = costs.find((c) => c.gpuClass === gpuClass)?.spread;
    if (spread === undefined) return life;
    const entity = `${provider}/${scenario.market.classes[gpuClass]!.name}`;
    let cost = drawn.get(entity);
    if (cost === undefined) {
      cost = drawPrice(spread, streams.fresh('imputed-cost', entity));
      drawn.set(entity, cost);
    }
    return { ...life, costMicroPerGpuHour: cost };
  });
  return { ...scenario, nodes };
}

/** What the results of a run must say was imputed. */
export function costNotes(scenario: ResolvedScenario): string[] {
  return scenario.costs.map(
    (c) => `costs of providers of ${scenario.market.classes[c.gpuClass]!.name}: ${spreadText(c.spread)}`,
  );
}
