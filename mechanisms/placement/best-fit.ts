import type { ClusterView, NodeSet, PlacementPolicy, TaskShape } from '../../core/interfaces.ts';

/** The node with the least free milli-GPU that has room (for a task without GPUs: the least free CPU); ties to the first. */
export class BestFit implements PlacementPolicy {
  readonly name = 'best-fit';

  choose(cluster: ClusterView, shape: TaskShape, avoid: NodeSet | null): number {
    const n = cluster.nodeCount;
    let best = -1;
    let least = 0x7fffffff;
    if (shape.gpus > 0) {
      const free = cluster.freeMilliByNode;
      const need = shape.gpus * shape.gpuMilli;
      for (let node = 0; node < n; node++) {
        const left = free[node]!;
        if (left < least && left >= need && cluster.fits(node, shape) && !avoid?.has(node)) {
          best = node;
          least = left;
        }
      }
      return best;
    }
    for (let node = 0; node < n; node++) {
      const left = cluster.freeCpuMilli(node);
      if (left < least && cluster.fits(node, shape) && !avoid?.has(node)) {
        best = node;
        least = left;
      }
    }
    return best;
  }

  reset(): void {}
}
