import type { ClusterView, TaskShape } from '../../core/interfaces.ts';
import { WHOLE_GPU } from '../../core/types.ts';
import { GPU_SCALE_MILLI } from './lib/scale.ts';
import { ScoredPlacement } from './lib/scored.ts';

/** What a task asks of a node's GPUs: 0 = a fraction, otherwise how many whole ones. */
const kindOf = (gpus: number, gpuMilli: number): number => (gpuMilli < WHOLE_GPU ? 0 : gpus);

/** Tasks with equal GPU demands together, fuller nodes first. */
export class GpuClustering extends ScoredPlacement {
  readonly name = 'gpu-clustering';

  protected score(cluster: ClusterView, node: number, shape: TaskShape): number {
    if (shape.gpus === 0) return 0;
    const mine = kindOf(shape.gpus, shape.gpuMilli);
    let same = false;
    let other = false;
    for (const a of cluster.allocationsOf(node)) {
      if (a.gpus.length === 0) continue;
      if (kindOf(a.gpus.length, a.gpuMilli) === mine) same = true;
      else other = true;
    }
    const fullness = Math.floor((25 * (GPU_SCALE_MILLI - cluster.freeMilli(node))) / GPU_SCALE_MILLI);
    if (same) return fullness + (other ? 50 : 75);
    return fullness + (other ? 0 : 25);
  }
}
