import type { ClusterView, NodeSet, PlacementPolicy, TaskShape } from '../../core/interfaces.ts';

/** The first node, in order of assignment to the pool, that has room. */
export class FirstFit implements PlacementPolicy {
  readonly name = 'first-fit';

  choose(cluster: ClusterView, shape: TaskShape, avoid: NodeSet | null): number {
    const n = cluster.nodeCount;
    const free = cluster.freeMilliByNode;
    const need = shape.gpus * shape.gpuMilli;
    for (let node = 0; node < n; node++) {
      if (free[node]! >= need && cluster.fits(node, shape) && !avoid?.has(node)) return node;
    }
    return -1;
  }

  reset(): void {}
}
