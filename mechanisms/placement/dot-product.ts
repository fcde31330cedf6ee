import type { ClusterView, TaskShape } from '../../core/interfaces.ts';
import { CPU_SCALE_MILLI, GPU_SCALE_MILLI } from './lib/scale.ts';
import { ScoredPlacement } from './lib/scored.ts';

/** The node whose free CPU and GPU line up least with the task's demand: the smallest dot product. */
export class DotProduct extends ScoredPlacement {
  readonly name = 'dot-product';

  protected score(cluster: ClusterView, node: number, shape: TaskShape): number {
    const cpu = (cluster.freeCpuMilli(node) / CPU_SCALE_MILLI) * (shape.cpuMilli / CPU_SCALE_MILLI);
    const gpu = (cluster.freeMilli(node) / GPU_SCALE_MILLI) * ((shape.gpus * shape.gpuMilli) / GPU_SCALE_MILLI);
    return Math.trunc(100 * (1 - (cpu + gpu) / 2));
  }
}
