/**
 * The largest world: 100,000 GPUs of 40,000 providers for 30 days and 2,000,000 jobs, against smaller ones of the same make. Each
 * run is a process of its own. The cost of a step is taken after the first tenth of the horizon; smaller worlds run longer, so that
 * both do the work of some 200,000 jobs at least.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atMost, type BenchReport, plain } from './report.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const probe = fileURLToPath(new URL('./world-run.js', import.meta.url));
/** Providers of each group and jobs per hour of each persona in scenarios/reach. */
const providers = [3000, 3000, 3000, 30000, 960, 40];
const rates = [1330, 1120, 280, 48];

interface Measured {
  cpuSeconds: number;
  usPerStep: number;
  steps: number;
  maxRssMiB: number;
  providers: number;
  gpus: number;
  submitted: number;
  utilisation: number;
  ownerReturns: number;
  failures: number;
  fingerprint: string;
}

/** The world with one provider in `part`, for `days`. */
function measure(part: number, days: number): Measured {
  const sets = [
    `horizon=${days} day`,
    ...providers.map((n, i) => `fleet.groups.${i}.providers=${Math.max(1, Math.round(n / part))}`),
    ...rates.map((r, i) => `demand.personas.${i}.arrivals.rate=${r / part} jobs/hour`),
  ];
  // The smallest world has one data centre, which is more than its share: it gets fewer machines.
  if (providers[5]! < part) sets.push(`fleet.groups.5.nodes=${Math.round((25 * providers[5]!) / part)}`);
  const args = [probe, join(root, 'scenarios/reach/scenario.yaml'), ...sets];
  const done = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (done.status !== 0) throw new Error(`bench world: the run ended with ${done.status}`);
  return JSON.parse(done.stdout) as Measured;
}

export function world(): BenchReport {
  const small = measure(100, 300);
  const middle = measure(10, 30);
  const large = measure(1, 30);
  const figures = [
    atMost('cpu', large.cpuSeconds, 120, 's'),
    atMost('rss', large.maxRssMiB, 1536, 'MiB'),
    plain('gpus', large.gpus, 'GPUs'),
    plain('providers', large.providers, 'providers'),
    plain('jobs', large.submitted, 'jobs'),
    plain('utilisation', large.utilisation, 'of the capacity that is up'),
    plain('ownerReturns', large.ownerReturns, 'machines taken back'),
    plain('failures', large.failures, 'machines failed'),
    plain('steps', large.steps, 'stamps with events'),
    plain('usPerStep1e3', small.usPerStep, 'us'),
    plain('usPerStep1e4', middle.usPerStep, 'us'),
    plain('usPerStep1e5', large.usPerStep, 'us'),
    atMost('costOfAHundredfold', large.usPerStep / small.usPerStep, 1.5, 'ratio'),
  ];
  return {
    schema: 'janction.bench/1',
    bench: 'world',
    figures,
    workHash: `${small.fingerprint}${middle.fingerprint}${large.fingerprint}`,
  };
}
