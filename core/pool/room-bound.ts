import type { GangShape } from '../interfaces.ts';
import { empty } from '../lists.ts';
import type { Cluster } from './cluster.ts';
import type { Part } from './leases.ts';

/**
 * Could the gang fit once so many jobs have gone? Counts whole GPUs per node and nothing else, so that it never says no wrongly: a
 * search for victims need not take jobs away and try a placement before this says yes.
 */
export class RoomBound {
  #shape: GangShape | null = null;
  /** Tasks of the first group that still find no GPUs; 0 = it may fit. */
  #lacking = 0;
  #freed = new Int32Array(0);
  readonly #touched: number[] = [];

  /** Begins with nobody gone. */
  open(cluster: Cluster, gang: GangShape): boolean {
    for (const node of this.#touched) this.#freed[node] = 0;
    empty(this.#touched);
    if (this.#freed.length < cluster.nodeCount) this.#freed = new Int32Array(cluster.nodeCount);
    this.#shape = gang;
    const { tasks, shape } = gang.groups[0]!;
    this.#lacking = Math.max(0, (gang.least ?? tasks) - cluster.tasksByWholeGpus(shape));
    return this.#lacking === 0;
  }

  /** One more has gone. */
  add(cluster: Cluster, parts: readonly Part[]): boolean {
    const { shape } = this.#shape!.groups[0]!;
    for (let i = 0; i < parts.length && this.#lacking > 0; i++) {
      const { node, allocation } = parts[i]!;
      if (allocation === null || !cluster.isUp(node) || !cluster.fitsEmpty(node, shape)) continue;
      const before = cluster.freeWholeGpus(node) + this.#freed[node]!;
      if (this.#freed[node] === 0) this.#touched.push(node);
      this.#freed[node]! += allocation.gpus.length;
      const after = before + allocation.gpus.length;
      this.#lacking -= Math.floor(after / shape.gpus) - Math.floor(before / shape.gpus);
    }
    return this.#lacking <= 0;
  }
}
