import type { ResolvedScenario } from '../../scenarios/resolved.ts';

/** Speed of the slowest machine of each GPU class, thousandths of the reference; 0 = the fleet has none. */
export function classSpeeds(scenario: ResolvedScenario): number[] {
  const speeds = scenario.market.classes.map(() => 0);
  scenario.market.nodes.forEach((n, i) => {
    const s = scenario.nodes[i]!.speedMilli;
    const known = speeds[n.gpuClass]!;
    speeds[n.gpuClass] = known === 0 ? s : Math.min(known, s);
  });
  return speeds;
}
