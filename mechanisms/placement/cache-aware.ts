import type { ClusterView, TaskShape } from '../../core/interfaces.ts';
import { ScoredPlacement } from './lib/scored.ts';

/** Above any free capacity: milli-GPU of 1,024 GPUs, or thousandths of as many cores. */
const TIER = 100_000_000;

/**
 * A machine that has the task's image on its disk; else one with room for it, so that nothing that others use goes; among equals the
 * fullest, ties to the first.
 */
export class CacheAware extends ScoredPlacement {
  readonly name = 'cache-aware';

  protected score(cluster: ClusterView, node: number, shape: TaskShape): number {
    const { image } = shape;
    const free = shape.gpus > 0 ? cluster.freeMilli(node) : cluster.freeCpuMilli(node);
    if (image === undefined) return -free;
    const tier = cluster.holdsImage(node, image.name) ? 2 : cluster.diskRoomMiB(node) >= image.mib ? 1 : 0;
    return tier * TIER - Math.min(TIER - 1, free);
  }
}
