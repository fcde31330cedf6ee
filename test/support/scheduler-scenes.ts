/** Random clusters and job streams that reach every path of a scheduler: gangs, fractions, constraints, failures, preemption. */
import {
  HOUR_US,
  type JobSpec,
  type MarketConfig,
  type MechanismRef,
  type MigProfile,
  NEVER,
  type TaskGroup,
} from '../../core/types.ts';
import { placementNames } from '../../mechanisms/index.ts';
import type { Arrival } from '../../sim/world/demand.ts';
import type { NodeLife } from '../../sim/world/fleet.ts';
import type { ProcessTimes } from '../../sim/world/processes.ts';
import { arrival, config, generator, node, pool, SECOND, spec, task } from './market.ts';

export interface SchedulerScene {
  config: MarketConfig;
  arrivals: Arrival[];
  lives: NodeLife[];
  processes: ProcessTimes;
  /** What users take back, by time. */
  cancels: { at: number; job: number }[];
}

const MINUTE = 60 * SECOND;

export const queueingVariants: readonly MechanismRef[] = [
  { name: 'fifo', params: {} },
  { name: 'fifo-skip', params: { holdUs: 20 * MINUTE } },
  { name: 'sjf', params: {} },
  { name: 'sjf', params: { skip: true } },
  { name: 'easy', params: {} },
  { name: 'conservative', params: {} },
  { name: 'conservative', params: { depth: 2 } },
  { name: 'srtf', params: {} },
  { name: 'srtf', params: { minRunUs: 5 * MINUTE, skip: false } },
  { name: 'srtf', params: { migrate: true } },
  { name: 'srsf', params: {} },
  { name: 'srsf', params: { minRunUs: 2 * MINUTE } },
  { name: 'las', params: { limitsGpuUs: [10 * MINUTE, 40 * MINUTE] } },
  { name: 'las', params: { limitsGpuUs: [15 * MINUTE], minRunUs: 3 * MINUTE } },
  { name: 'priority', params: {} },
  { name: 'priority', params: { preempt: true } },
  { name: 'priority', params: { preempt: true, skip: true, minRunUs: 4 * MINUTE } },
  { name: 'priority', params: { ageingUs: 10 * MINUTE, preempt: true, skip: true } },
  { name: 'edf', params: {} },
  { name: 'edf', params: { preempt: true, skip: true } },
  { name: 'fair-share', params: {} },
  { name: 'fair-share', params: { share: 'gpu', weights: { alice: 3 } } },
  { name: 'elastic', params: { settleUs: 3 * MINUTE } },
  { name: 'elastic', params: { settleUs: 0 } },
  { name: 'las', params: { limitsGpuUs: [10 * MINUTE, 40 * MINUTE], migrate: true } },
  { name: 'heterogeneity', params: { throughputs: { '*': [3, 2], quick: [1, 5], picky: [4, 0] } } },
  { name: 'heterogeneity', params: { objective: 'makespan', roundUs: 4 * MINUTE } },
];

const lcm = (a: number, b: number): number => {
  let n = a;
  while (n % b > 0) n += a;
  return n;
};
/** Seeds in a row that meet every placement policy with every queueing variant. */
export const everyPair = placementNames.length * queueingVariants.length;
const block = lcm(placementNames.length, queueingVariants.length);

/** Instances of an H100 of 80 GB by NVIDIA's Multi-Instance GPU User Guide: memory slices that each covers, and where it may begin. */
export const h100: readonly MigProfile[] = [
  { name: '1g.10gb', milli: 142, width: 1, starts: [0, 1, 2, 3, 4, 5, 6] },
  { name: '1g.20gb', milli: 142, width: 2, starts: [0, 2, 4, 6] },
  { name: '2g.20gb', milli: 285, width: 2, starts: [0, 2, 4] },
  { name: '3g.40gb', milli: 428, width: 4, starts: [0, 4] },
  { name: '4g.40gb', milli: 571, width: 4, starts: [0] },
  { name: '7g.80gb', milli: 1000, width: 8, starts: [0] },
];

/** Of seeds in a row every policy meets every other once in `everyPair`. */
export function schedulerScene(seed: number): SchedulerScene {
  const r = generator(seed);
  const below = (n: number) => Math.floor(r() * n);
  const one = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const name = placementNames[seed % placementNames.length]!;
  const typical = [
    { share: 0.5, gpus: 1, gpuMilli: 500, cpuMilli: 4000, classes: [] },
    { share: 0.3, gpus: 2, gpuMilli: 1000, cpuMilli: 8000, classes: [1] },
    { share: 0.2, gpus: 0, gpuMilli: 1000, cpuMilli: 6000, classes: [] },
  ];
  const params = name === 'fgd' && below(2) === 0 ? { typical } : {};
  const nodeCount = below(12) === 0 ? 14 + below(14) : 1 + below(8);
  const c = config({
    key: [seed, 5],
    pools: [
      pool('east', {
        queueing: queueingVariants[(seed + Math.floor((seed - 1) / block)) % queueingVariants.length]!,
        placement: { name, params },
        pricing: { name: 'posted', params: { rates: { a: 1_000_000, b: 2_000_000 } } },
      }),
    ],
    nodes: Array.from({ length: nodeCount }, (_, i) => {
      const gpus = 1 + below(8);
      return node(`n${i}`, {
        gpuClass: below(2),
        gpus,
        cpuMilli: 4000 * (1 + below(16)),
        ramMiB: 16_384 * (1 + below(6)),
        ...(below(2) === 0 ? { rack: below(3) } : {}),
        ...(below(2) === 0 ? { island: one([2, 4, 8]) } : {}),
      });
    }),
    users: ['alice', 'bob', 'carol'].map((id) => ({ id, currency: 0, deposit: '0', postpaid: true })),
    stakes: [],
  });
  const divided = below(2) === 0;
  if (divided) c.classes[1]!.mig = [...h100];
  const instance = (over: Partial<TaskGroup> = {}): TaskGroup => {
    const { name: mig, milli: gpuMilli } = one(h100);
    return task(1, { mig, gpuMilli, ...over });
  };
  const memory = () => (below(3) === 0 ? 2048 * below(14) : 0);
  const little = () => ({
    cpuMilli: below(2) * 1000 * below(9),
    ramMiB: below(2) * 4096 * below(9),
    gpuMemoryMiB: memory(),
  });
  const groupsOf = (): TaskGroup[] => {
    if (divided && below(2) === 0) {
      const kind = below(6);
      if (kind < 4) return [instance({ cpuMilli: below(2) * 1000 * below(9) })];
      if (kind < 5) return [instance({ tasks: 2 + below(4), least: 1 + below(2) })];
      // Whether unlike instances fit may hang on the draws of random placement, while the quick policies try a demand once in a pass.
      if (name === 'random') return [instance({ tasks: 1 + below(3) })];
      return [instance({ tasks: 1 + below(3) }), below(2) === 0 ? instance() : task(1)];
    }
    const kind = below(12);
    if (kind < 4) return [task(one([1, 1, 1, 2, 4, 8]), little())];
    if (kind < 7) return [task(1, { ...little(), gpuMilli: 50 * (1 + below(19)) })];
    if (kind < 8) return [task(2 + below(2), { ...little(), gpuMilli: 100 * (1 + below(9)) })];
    if (kind < 9) return [task(0, { cpuMilli: 1000 * (1 + below(8)), ramMiB: 1024 * below(16) })];
    if (kind < 10) return [task(1 + below(3), { ...little(), tasks: 2 + below(3) })];
    if (kind < 11) return [task(1 + below(2), { ...little(), tasks: 3 + below(3), least: 1 + below(3) })];
    return [task(2, { ...little(), tasks: 1 + below(2) }), task(1, { gpuMilli: 300, tasks: 1 + below(2) })];
  };
  // Some demands come often: that is what the quick versions live on.
  const usual = Array.from({ length: 4 }, groupsOf);
  const arrivals: Arrival[] = [];
  const jobs = 8 + below(50);
  let t = 0;
  for (let job = 1; job <= jobs; job++) {
    if (below(3) > 0) t += below(4) * below(60) * SECOND;
    const workUs = (1 + below(1800)) * SECOND;
    const limitUs = Math.ceil(workUs * (below(8) === 0 ? 0.8 : 1 + r()));
    const over: Partial<JobSpec> = {
      user: one(['alice', 'alice', 'bob', 'carol']),
      label: one(['quick', 'picky', 'other']),
      groups: below(3) === 0 ? groupsOf() : one(usual),
      classes: below(4) === 0 ? [below(2)] : [],
      limitUs,
      estimateUs: Math.max(1, Math.min(limitUs, Math.ceil(workUs * (0.5 + r())))),
      patienceUs: below(10) === 0 ? below(1800) * SECOND : NEVER,
      maxAttempts: 1 + below(4),
      priority: below(4),
      ...(below(3) === 0 ? { deadlineUs: limitUs + below(3600) * SECOND } : {}),
    };
    // By the table of one variant such jobs run on one class only, which may not hold them (scene 402): they do not wait without end.
    if (over.label === 'picky') over.patienceUs = Math.min(over.patienceUs!, 1800 * SECOND);
    arrivals.push(arrival(t, workUs, spec(job, over), { fails: below(15) === 0 }));
  }
  const lives: NodeLife[] = c.nodes.map(() => ({
    availability: { kind: 'always' },
    mtbfUs: below(5) === 0 ? HOUR_US : 0,
    repairUs: 10 * MINUTE,
  }));
  const quick = below(2) === 0;
  const processes: ProcessTimes = {
    startUs: quick ? 0 : 3 * SECOND,
    killUs: quick ? 0 : one([SECOND, 30 * SECOND]),
    // Rounds would take away what a longer job has done, again and again, until it has had 4,095 attempts.
    ...(below(2) === 0 || c.pools[0]!.queueing.name === 'heterogeneity'
      ? { checkpoint: { everyUs: 60 * SECOND, saveUs: quick ? 0 : SECOND, restoreUs: SECOND } }
      : {}),
  };
  const cancels = arrivals
    .filter(() => below(8) === 0)
    .map((a) => ({ at: a.timeUs + below(1200) * SECOND, job: a.spec.job }))
    .sort((a, b) => a.at - b.at);
  return { config: c, arrivals, lives, processes, cancels };
}
