/** A small study in a directory of its own: twelve points of an hour's market, each run a few milliseconds. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const scenario = `name: tiny
question: Does it resume?
horizon: 2 hour
fleet:
  classes: [{ name: gpu, memory: 24 GiB, speed: 1 }]
  pools: [{ name: p, aggregator: a }]
  groups: [{ name: g, nodes: 4, gpus: 2, class: gpu, cpu: 16 cores, ram: 64 GiB, pool: p, cost: 0.05 USD/hour }]
demand:
  personas:
    - name: u
      users: 5
      arrivals: { rate: 30 jobs/hour }
      shapes: [{ gpus: 1, memory: 8 GiB, cpu: 2 cores, ram: 4 GiB }]
      work: { median: 10 minute, sigma: 0.8, min: 1 minute, max: 2 hour }
      value: { median: 0.8 USD/hour, sigma: 0.5 }
      patience: 1 hour
pricing: { mechanism: posted, epoch: 30 minute, rates: { gpu: 0.3 USD/hour } }
scheduling: { queueing: fifo, placement: first-fit }
output: { sample: 5 minute }
`;

export const STUDY = `name: tiny
question: What do rate and price do?
scenario: scenario.yaml
replications: 4
design:
  kind: grid
  parameters:
    demand.personas.u.arrivals.rate: [20 jobs/hour, 40 jobs/hour, 60 jobs/hour]
    pricing.rates.gpu: [0.1 USD/hour, 0.3 USD/hour, 0.6 USD/hour, 0.9 USD/hour]
metrics: [gpu_utilisation, money_charged]
`;

/** Writes scenario and study; answers the study's path. */
export function writeStudy(dir: string, study = STUDY, changed = (text: string) => text): string {
  writeFileSync(join(dir, 'scenario.yaml'), changed(scenario));
  const path = join(dir, 'sweep.yaml');
  writeFileSync(path, study);
  return path;
}
