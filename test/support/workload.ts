/** Random but reproducible markets and job lists that exercise every path of the protocol. */
import { HOUR_US, type JobSpec, type MarketConfig, NEVER } from '../../core/types.ts';
import type { Arrival } from '../../sim/world/demand.ts';
import type { NodeLife } from '../../sim/world/fleet.ts';
import { arrival, config, generator, node, pool, SECOND, spec, task } from './market.ts';

export interface Workload {
  config: MarketConfig;
  arrivals: Arrival[];
  lives: NodeLife[];
}

const queueings = ['fifo', 'sjf', 'easy'] as const;
const placements = ['first-fit', 'best-fit'] as const;

/** `jobs` jobs over about two simulated days on two pools, with gangs, fractions, failures, impatience and poor users. */
export function workload(seed: number, jobs: number, over: Partial<MarketConfig> = {}): Workload {
  const r = generator(seed);
  const below = (n: number) => Math.floor(r() * n);
  const pools = ['east', 'west'].map((id) =>
    pool(id, {
      queueing: { name: queueings[below(3)]!, params: {} },
      placement: { name: placements[below(2)]!, params: {} },
      pricing: {
        name: 'posted',
        params: {
          rates: { a: 1_000_000, b: 2_500_000 },
          adjust: { targetBps: 8000, gainBps: 3000, floorBps: 5000, capBps: 30000 },
        },
      },
    }),
  );
  const nodes = Array.from({ length: 6 + below(5) }, (_, i) =>
    node(`n${i}`, { pool: i % 2, gpuClass: below(2), gpus: 1 + below(8), provider: `owner-${i % 4}` }),
  );
  const c = config({ pools, nodes, stakes: [{ staker: 'sam', provider: 'owner-0', amount: '10' }], ...over });
  const arrivals: Arrival[] = [];
  let t = 0;
  for (let job = 1; job <= jobs; job++) {
    t += below(Math.floor((2 * 48 * HOUR_US) / jobs));
    const workUs = (1 + below(7200)) * SECOND;
    const kind = below(10);
    const groups =
      kind < 5
        ? [task(1 + below(2), { cpuMilli: below(4000), ramMiB: below(8192) })]
        : kind < 7
          ? [task(1, { gpuMilli: 100 * (1 + below(9)), gpuMemoryMiB: 1024 * below(12) })]
          : kind < 9
            ? [task(1 + below(3), { tasks: 1 + below(3) })]
            : [task(2, { tasks: 2 }), task(1)];
    const over: Partial<JobSpec> = {
      user: ['alice', 'bob', 'carol', 'nobody'][below(20) === 0 ? 3 : below(3)]!,
      groups,
      limitUs: Math.ceil(workUs * (0.8 + r())),
      maxAttempts: 1 + below(4),
      patienceUs: below(5) === 0 ? below(7200) * SECOND : NEVER,
      classes: below(4) === 0 ? [below(2)] : [],
    };
    const s = spec(job, over);
    s.estimateUs = s.limitUs;
    s.currency = s.user === 'carol' ? 1 : 0;
    if (below(6) === 0) s.bids = (s.classes.length > 0 ? s.classes : [0, 1]).map(() => 500_000 + below(3_000_000));
    if (s.currency === 1) s.bids = [];
    arrivals.push(arrival(t, workUs, s, { pool: below(2), fails: below(12) === 0 }));
  }
  const lives: NodeLife[] = nodes.map((_, i) => ({
    availability:
      i % 3 === 2 ? { kind: 'daily', fromUs: 20 * HOUR_US, toUs: 9 * HOUR_US, jitterUs: HOUR_US } : { kind: 'always' },
    mtbfUs: i % 2 === 0 ? 12 * HOUR_US : 0,
    repairUs: HOUR_US,
  }));
  return { config: c, arrivals, lives };
}
