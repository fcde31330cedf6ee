import type { ClusterView, TaskShape } from '../../core/interfaces.ts';
import { WHOLE_GPU } from '../../core/types.ts';
import { leastLeft } from './lib/least-left.ts';
import { ScoredPlacement } from './lib/scored.ts';

/** GPUs in use first, then idle GPUs of nodes in use, then idle nodes. */
export class GpuPacking extends ScoredPlacement {
  readonly name = 'gpu-packing';
  readonly #gpus: number[] = [];

  protected score(cluster: ClusterView, node: number, shape: TaskShape): number {
    if (shape.gpus === 0) return 0;
    const idle = cluster.freeWholeGpus(node);
    if (idle === cluster.gpusInService(node)) return Math.max(33 - idle, idle);
    leastLeft(cluster, node, shape, this.#gpus);
    let whole = 0;
    let left = 0;
    for (const g of this.#gpus) {
      const milli = cluster.freeMilliOf(node, g);
      if (milli === WHOLE_GPU) whole++;
      left += Math.floor((milli * 100) / WHOLE_GPU);
    }
    return whole > 0 ? Math.max(50 - whole, 33) : Math.max(100 - Math.floor(left / 10), 50);
  }
}
