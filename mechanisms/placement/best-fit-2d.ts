import type { ClusterView, TaskShape } from '../../core/interfaces.ts';
import { CPU_SCALE_MILLI, GPU_SCALE_MILLI } from './lib/scale.ts';
import { ScoredPlacement } from './lib/scored.ts';

/** Least left over in CPU and GPU together, each as a share of a large node. */
export class BestFit2d extends ScoredPlacement {
  readonly name = 'best-fit-2d';

  protected score(cluster: ClusterView, node: number, shape: TaskShape): number {
    const cpu = cluster.freeCpuMilli(node) - shape.cpuMilli;
    const gpu = cluster.freeMilli(node) - shape.gpus * shape.gpuMilli;
    // Added first and taken from 1 then, as in the study: the other way round rounds differently.
    return Math.trunc((1 - (cpu / CPU_SCALE_MILLI / 2 + gpu / GPU_SCALE_MILLI / 2)) * 100);
  }
}
