import type { ClusterView, TaskShape } from '../../core/interfaces.ts';
import { ScoredPlacement } from './lib/scored.ts';

/** Room for the tie-break: free capacity in steps of 1/1024 of 64 GPUs (or of 4,096 cores). */
const STEPS = 1024;

/** The node that went away least often since the pool has held it; among equals the fullest, ties to the first. */
export class ReliabilityAware extends ScoredPlacement {
  readonly name = 'reliability-aware';

  protected score(cluster: ClusterView, node: number, shape: TaskShape): number {
    const free = shape.gpus > 0 ? cluster.freeMilli(node) / 64_000 : cluster.freeCpuMilli(node) / 4_096_000;
    const losses = Math.min(1_000_000, cluster.lossesOf(node));
    return -(losses * STEPS + Math.min(STEPS - 1, Math.floor(free * STEPS)));
  }
}
