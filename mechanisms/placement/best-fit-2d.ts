import type { ClusterView, TaskShape } from '../../core/interfaces.ts';
import { CPU_SCALE_MILLI, GPU_SCALE_MILLI } from './lib/scale.ts';
import { ScoredPlacement } from './lib/scored.ts';

/** Least left over in CPU and GPU together, each as a share of a large node. */
export class BestFit2d extends ScoredPlacement {
  readonly name = 'best-fit-2d';

  protected score(cluster: ClusterView, node: number, shape: TaskShape): number {
    const cpu = cluster.freeCpuMilli(node) - shape.cpuMilli;
    const gpu = cluster.freeMilli(node) - shape.gpus * shape.gpuMilli;
    return Math.trunc(100 * (1 - (0.5 * cpu) / CPU_SCALE_MILLI - (0.5 * gpu) / GPU_SCALE_MILLI));
  }
}
