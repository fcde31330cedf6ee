import type { ClusterView, NodeSet, PlacementContext, PlacementPolicy, TaskShape } from '../../core/interfaces.ts';

/** The cheapest GPU class under the job's quote that has room; within it the fullest node, ties to the first. */
export class PriceAware implements PlacementPolicy {
  readonly name = 'price-aware';

  choose(cluster: ClusterView, shape: TaskShape, avoid: NodeSet | null, context: PlacementContext): number {
    const need = shape.gpus * shape.gpuMilli;
    const free = cluster.freeMilliByNode;
    let best = -1;
    let cheapest = 0;
    let least = 0;
    for (let node = 0; node < cluster.nodeCount; node++) {
      if (free[node]! < need || shape.allowed[cluster.classOf(node)] === 0) continue;
      const rate = context.rateOf(cluster.classOf(node));
      const left = shape.gpus > 0 ? free[node]! : cluster.freeCpuMilli(node);
      if (best >= 0 && (rate > cheapest || (rate === cheapest && left >= least))) continue;
      if (!cluster.fits(node, shape) || avoid?.has(node)) continue;
      best = node;
      cheapest = rate;
      least = left;
    }
    return best;
  }

  reset(): void {}
}
