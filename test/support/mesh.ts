/** Scenarios with a network, for tests: text, resolved, prepared. */
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/index.ts';
import type { ResolvedScenario } from '../../scenarios/resolved.ts';
import { type PreparedRun, prepareRun, type RunOptions } from '../../sim/run.ts';
import { Rows } from './market.ts';

/** Three pools, nine sites, work for about 70 %; `network` and `scheduling` are lines of YAML. */
export function meshScenario(
  network: string,
  { scheduling = '{}', hours = 12, rate = 12, seed = 1, more = '' } = {},
): ResolvedScenario {
  const text = `name: mesh
horizon: ${hours} hour
seed: ${seed}
fleet:
  classes: [{ name: a, memory: 24 GiB }, { name: b, memory: 48 GiB }]
  pools: [{ name: east }, { name: west }, { name: south }]
  groups:
    - { name: farm, providers: 6, nodes: 2, gpus: 2, class: a, pool: [east, west, south], cost: 0.1 USD/hour }
    - { name: hall, providers: 3, gpus: 4, class: b, pool: [east, west, south], cost: 0.2 USD/hour }
demand:
  personas:
    - name: render
      users: 9
      arrivals: { rate: ${rate} jobs/hour }
      shapes: [{ gpus: 1, weight: 4 }, { gpus: 2 }, { gpus: 1, tasks: 2 }, { gpus: 1, share: 50 % }]
      work: { median: 30 minute, sigma: 0.8, min: 2 minute, max: 4 hour }
      value: { median: 2 USD/hour, sigma: 0.3 }
      patience: 4 hour
pricing: { rates: { a: 0.4 USD/hour, b: 0.9 USD/hour } }
billing: { graces: { hold: 8 hour } }
scheduling: ${scheduling}
network: ${network}
${more}
output: { sample: 10 minute }
`;
  return resolveScenario(text, 'mesh.yaml');
}

export function prepared(scenario: ResolvedScenario, over: Partial<RunOptions> = {}): PreparedRun & { rows: Rows } {
  const rows = new Rows();
  return { ...prepareRun(scenario, { registry: shipped, watch: rows, ...over }), rows };
}
