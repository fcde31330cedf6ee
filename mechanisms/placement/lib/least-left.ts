import type { ClusterView, TaskShape } from '../../../core/interfaces.ts';

/** The GPUs with the least left that can still take the task, `shape.gpus` of them, ties to the lower index. */
export function leastLeft(cluster: ClusterView, node: number, shape: TaskShape, out: number[]): void {
  out.length = 0;
  const count = cluster.gpusOf(node);
  for (let g = 0; g < count; g++) {
    if (!cluster.gpuFits(node, g, shape)) continue;
    const left = cluster.freeMilliOf(node, g);
    let at = out.length;
    while (at > 0 && cluster.freeMilliOf(node, out[at - 1]!) > left) at--;
    out.splice(at, 0, g);
  }
  if (out.length > shape.gpus) out.length = shape.gpus;
}
