/** A stream of tasks meets an openb-like cluster under a placement policy: core's own machines, no clock, no prices. */
import { chanceInt } from '../../core/num/index.ts';
import { type Allocation, Cluster } from '../../core/pool/cluster.ts';
import { Shapes } from '../../core/pool/shapes.ts';
import { NEVER, type NodeSpec, type TaskGroup } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';

export interface Setup {
  machines: number;
  /** Share of tasks, in percent, that ask for less than a GPU. */
  shared: number;
  seed: number;
}

export interface Filled {
  policy: string;
  /** GPUs asked for so far and GPUs placed so far, as shares of the cluster, after each task. */
  curve: { offered: number; placed: number }[];
  /** Milli-GPU taken on each GPU when `upTo` tasks had come. */
  map: { node: number; gpu: number; used: number }[];
  /** Tasks that found no place. */
  refused: number;
  tasks: number;
}

/** Tasks of the stream: the mix follows the trace openb of 2023, where most tasks ask for one GPU or a part of one. */
function taskOf(setup: Setup, i: number): TaskGroup {
  const below = (what: string, n: number): number => chanceInt([setup.seed, 0xf7a6], what, i, n);
  const shared = below('shared', 100) < setup.shared;
  const size = below('size', 100);
  const gpus = shared ? 1 : size < 70 ? 1 : size < 85 ? 2 : size < 93 ? 4 : 8;
  return {
    tasks: 1,
    gpus,
    gpuMilli: shared ? 50 * (2 + below('milli', 17)) : 1000,
    gpuMemoryMiB: 0,
    cpuMilli: 1000 * (1 + below('cpu', 6)) * gpus,
    ramMiB: 0,
  };
}

/** Fills the cluster until the tasks asked for add up to 130 % of it. */
export function fill(setup: Setup, policyName: string, upTo: number): Filled {
  const nodes: NodeSpec[] = Array.from({ length: setup.machines }, (_, i) => ({
    id: `n${i}`,
    provider: 'p',
    pool: 0,
    gpuClass: 0,
    gpus: i % 3 === 2 ? 4 : 8,
    cpuMilli: i % 3 === 2 ? 48_000 : 96_000,
    ramMiB: 393_216,
  }));
  const cluster = new Cluster(nodes, [32_768]);
  nodes.forEach((_, n) => {
    cluster.setUp(n, true);
  });
  const shapes = new Shapes(1);
  const whole = nodes.reduce((n, x) => n + x.gpus, 0) * 1000;
  const typical = Array.from({ length: 200 }, (_, i) => taskOf(setup, i));
  const params =
    policyName === 'fgd'
      ? {
          typical: typical.map((t) => ({
            share: 1 / typical.length,
            gpus: t.gpus,
            gpuMilli: t.gpuMilli,
            cpuMilli: t.cpuMilli,
            classes: [0],
          })),
        }
      : {};
  const policy = shipped.placement(policyName, params);
  const curve: Filled['curve'] = [{ offered: 0, placed: 0 }];
  let map: Filled['map'] = [];
  let offered = 0;
  let placed = 0;
  let refused = 0;
  let i = 0;
  const look = (): Filled['map'] =>
    nodes.flatMap((n, node) =>
      Array.from({ length: n.gpus }, (_, gpu) => ({ node, gpu, used: 1000 - cluster.freeMilliOf(node, gpu) })),
    );
  for (; offered < 1.3 * whole; i++) {
    if (i === upTo) map = look();
    const t = taskOf(setup, i);
    const shape = shapes.gang(
      {
        job: i + 1,
        user: 'u',
        label: '',
        groups: [t],
        classes: [],
        bids: [],
        currency: 0,
        limitUs: 1,
        estimateUs: 1,
        patienceUs: NEVER,
        maxAttempts: 1,
        priority: 0,
      },
      [0],
    ).groups[0]!.shape;
    const context = {
      chosen: [],
      rateOf: () => 0,
      draw: (purpose: string, n: number) => chanceInt([setup.seed, 1], purpose, i, n),
    };
    offered += t.gpus * t.gpuMilli;
    const node = cluster.mayFit(shape) ? policy.choose(cluster, shape, null, context) : -1;
    if (node < 0) refused++;
    else {
      let gpus: number[] = [];
      if (policy.pickGpus === undefined) gpus = cluster.defaultGpus(node, shape);
      else policy.pickGpus(cluster, node, shape, gpus, context);
      const a: Allocation = {
        lease: i,
        gpus: [...gpus].sort((x, y) => x - y),
        gpuMilli: t.gpuMilli,
        gpuMemoryMiB: 0,
        cpuMilli: t.cpuMilli,
        ramMiB: 0,
        endUs: NEVER,
      };
      cluster.take(node, a);
      placed += t.gpus * t.gpuMilli;
    }
    curve.push({ offered: offered / whole, placed: placed / whole });
  }
  if (upTo >= i) map = look();
  return { policy: policyName, curve, map, refused, tasks: i };
}

/** Points of a curve: as many as a chart can tell apart. */
const POINTS = 200;

/** Two policies at the moment when so many percent of the cluster had been asked for, and the curves of several. */
export function compare(
  setup: Setup,
  left: string,
  right: string,
  moment: number,
): { left: Filled; right: Filled; curves: Filled[] } {
  const whole = [...new Set(['fgd', 'best-fit', 'worst-fit', 'random', left, right])].map((p) => fill(setup, p, 0));
  const at = (policy: string): Filled => {
    const { curve } = whole.find((c) => c.policy === policy)!;
    const tasks = curve.findIndex((c) => c.offered * 100 > moment);
    return { ...fill(setup, policy, tasks > 0 ? tasks : 1e9), curve: [] };
  };
  const thin = (c: Filled): Filled => {
    const per = Math.max(1, Math.floor(c.curve.length / POINTS));
    return { ...c, map: [], curve: c.curve.filter((_, i) => i % per === 0 || i === c.curve.length - 1) };
  };
  return { left: at(left), right: at(right), curves: whole.map(thin) };
}

export const policies = [
  'fgd',
  'best-fit',
  'worst-fit',
  'first-fit',
  'random',
  'dot-product',
  'gpu-packing',
  'gpu-clustering',
] as const;
