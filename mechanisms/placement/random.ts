import type { ClusterView, NodeSet, PlacementContext, PlacementPolicy, TaskShape } from '../../core/interfaces.ts';

/** Uniform over the nodes that have room, and for a fraction uniform over their GPUs that can take it. */
export class Random implements PlacementPolicy {
  readonly name = 'random';
  readonly #fitting: number[] = [];

  choose(cluster: ClusterView, shape: TaskShape, avoid: NodeSet | null, context: PlacementContext): number {
    const fitting = this.#fitting;
    fitting.length = 0;
    for (let node = 0; node < cluster.nodeCount; node++) {
      if (cluster.fits(node, shape) && !avoid?.has(node)) fitting.push(node);
    }
    return fitting.length === 0 ? -1 : fitting[context.draw('placement-node', fitting.length)]!;
  }

  pickGpus(cluster: ClusterView, node: number, shape: TaskShape, out: number[], context: PlacementContext): void {
    out.length = 0;
    const open: number[] = [];
    for (let g = 0; g < cluster.gpusOf(node); g++) {
      if (cluster.gpuFits(node, g, shape)) open.push(g);
    }
    for (let k = 0; k < shape.gpus; k++) {
      const at = context.draw(`placement-gpu-${k}`, open.length);
      out.push(...open.splice(at, 1));
    }
  }

  reset(): void {}
}
