import type { ClusterView, TaskShape } from '../../core/interfaces.ts';
import { ScoredPlacement } from './lib/scored.ts';

/** The node with the least free milli-GPU that has room (for a task without GPUs: the least free CPU); ties to the first. */
export class BestFit extends ScoredPlacement {
  readonly name = 'best-fit';

  protected score(cluster: ClusterView, node: number, shape: TaskShape): number {
    return -(shape.gpus > 0 ? cluster.freeMilli(node) : cluster.freeCpuMilli(node));
  }
}
