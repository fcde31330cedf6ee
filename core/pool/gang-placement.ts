import type { GangShape, NodeSet, PlacementContext, PlacementPolicy } from '../interfaces.ts';
import { empty } from '../lists.ts';
import type { Quote } from '../messages.ts';
import { type ChanceKey, chanceInt } from '../num/index.ts';
import { NEVER } from '../types.ts';
import type { Allocation, Cluster } from './cluster.ts';
import { type Part, PartState } from './leases.ts';

/** One attempt's side of a placement; reused from gang to gang. */
export class GangContext implements PlacementContext {
  readonly chosen: number[] = [];
  readonly #key: ChanceKey;
  #hold = 0;
  #quote: Quote | null = null;

  constructor(key: ChanceKey) {
    this.#key = key;
  }

  of(hold: number, quote: Quote | null): this {
    this.#hold = hold;
    this.#quote = quote;
    return this;
  }

  rateOf(gpuClass: number): number {
    const at = this.#quote?.classes.indexOf(gpuClass) ?? -1;
    return at < 0 ? 0 : this.#quote!.rates[at]!;
  }

  draw(purpose: string, n: number): number {
    return chanceInt(this.#key, purpose, [this.#hold, this.chosen.length], n);
  }
}

/** Parts placed so far; kept from gang to gang. */
const found: Part[] = [];

/** Places every task of the gang (of an elastic one as many as find room, at most `most`), or none (null). A proposal that does not fit is the policy's fault and named. */
export function placeGang(
  cluster: Cluster,
  policy: PlacementPolicy,
  shape: GangShape,
  avoid: NodeSet | null,
  context: GangContext,
  most = Number.MAX_SAFE_INTEGER,
): Part[] | null {
  let placed = 0;
  empty(context.chosen);
  for (const { tasks, shape: task } of shape.groups) {
    const wanted = shape.least === undefined ? tasks : Math.max(shape.least, Math.min(tasks, most));
    for (let t = 0; t < wanted; t++) {
      const node = cluster.mayFit(task) ? policy.choose(cluster, task, avoid, context) : -1;
      if (node < 0) {
        if (shape.least !== undefined && placed >= shape.least) return found.slice(0, placed);
        for (let i = placed - 1; i >= 0; i--) cluster.give(found[i]!.node, found[i]!.allocation!, false);
        return null;
      }
      if (!(node < cluster.nodeCount) || !cluster.fits(node, task) || avoid?.has(node)) {
        throw new Error(`placement policy ${policy.name} proposed node ${node}, where the task does not fit`);
      }
      let gpus: number[];
      if (policy.pickGpus === undefined) gpus = cluster.defaultGpus(node, task);
      else {
        gpus = [];
        policy.pickGpus(cluster, node, task, gpus, context);
        gpus.sort((a, b) => a - b);
      }
      if (!cluster.gpusFit(node, task, gpus)) {
        throw new Error(`placement policy ${policy.name} proposed GPUs ${gpus.join(',')}, which do not fit the task`);
      }
      const allocation: Allocation = {
        lease: 0,
        hold: 0,
        gpus,
        gpuMilli: task.gpuMilli,
        gpuMemoryMiB: task.gpuMemoryMiB,
        cpuMilli: task.cpuMilli,
        ramMiB: task.ramMiB,
        endUs: NEVER,
      };
      if (task.mig !== undefined) allocation.slices = cluster.slicesFor(node, gpus[0]!, task.mig);
      if (task.image !== undefined) allocation.image = task.image;
      cluster.take(node, allocation);
      found[placed++] = { node, state: PartState.sent, allocation };
      context.chosen.push(node);
    }
  }
  return found.slice(0, placed);
}

/**
 * Which gangs a pool can hold at all: tried once per shape on a copy of its machines, all up and empty, with a policy of its
 * own (so that the pool's policy never sees the copy). What fails there would block a queue for ever.
 */
export class Trial {
  readonly #cluster: Cluster;
  readonly #policy: PlacementPolicy;
  readonly #known = new Map<number, boolean>();
  readonly #context = new GangContext([0, 0]);

  constructor(cluster: Cluster, policy: PlacementPolicy) {
    this.#cluster = cluster;
    this.#policy = policy;
  }

  fits(shape: GangShape): boolean {
    let fits = this.#known.get(shape.id);
    if (fits === undefined) {
      const parts = placeGang(this.#cluster, this.#policy, shape, null, this.#context.of(0, null));
      fits = parts !== null;
      for (const p of parts ?? []) this.#cluster.give(p.node, p.allocation!, true);
      this.#known.set(shape.id, fits);
    }
    return fits;
  }
}
