import type { ClusterView, NodeSet, PlacementContext, PlacementPolicy, TaskShape } from '../../core/interfaces.ts';

/**
 * Keeps what talks together: the tasks of a gang on one node, else in one rack; the GPUs of a task in one NVLink island.
 * Among equals the fullest node, ties to the first.
 */
export class TopologyAware implements PlacementPolicy {
  readonly name = 'topology-aware';
  readonly #open: number[] = [];

  choose(cluster: ClusterView, shape: TaskShape, avoid: NodeSet | null, context: PlacementContext): number {
    const need = shape.gpus * shape.gpuMilli;
    const free = cluster.freeMilliByNode;
    let best = -1;
    let nearest = -1;
    let least = 0;
    for (let node = 0; node < cluster.nodeCount; node++) {
      if (free[node]! < need || !cluster.fits(node, shape) || avoid?.has(node)) continue;
      const near = 2 * closeness(cluster, node, context.chosen) + (oneIsland(cluster, node, shape) ? 1 : 0);
      const left = shape.gpus > 0 ? free[node]! : cluster.freeCpuMilli(node);
      if (near > nearest || (near === nearest && left < least)) {
        best = node;
        nearest = near;
        least = left;
      }
    }
    return best;
  }

  /** The island with the fewest idle GPUs that holds the task, else the islands with the most, in turn. */
  pickGpus(cluster: ClusterView, node: number, shape: TaskShape, out: number[]): void {
    out.length = 0;
    const island = cluster.islandOf(node);
    const islands = Math.ceil(cluster.gpusOf(node) / island);
    const open = this.#open;
    open.length = 0;
    for (let i = 0; i < islands; i++) open.push(fittingIn(cluster, node, i * island, (i + 1) * island, shape));
    const order = open.map((_, i) => i);
    const holds = (i: number) => open[i]! >= shape.gpus;
    order.sort((a, b) =>
      holds(a) !== holds(b) ? (holds(a) ? -1 : 1) : (holds(a) ? open[a]! - open[b]! : open[b]! - open[a]!) || a - b,
    );
    for (const i of order) {
      const from = out.length;
      for (let g = i * island; g < Math.min((i + 1) * island, cluster.gpusOf(node)); g++) {
        if (!cluster.gpuFits(node, g, shape)) continue;
        // Fractions go on the fullest GPUs first.
        let at = out.length;
        while (at > from && cluster.freeMilliOf(node, out[at - 1]!) > cluster.freeMilliOf(node, g)) at--;
        out.splice(at, 0, g);
      }
      if (out.length >= shape.gpus) {
        out.length = shape.gpus;
        return;
      }
    }
  }

  reset(): void {}
}

/** 2 = holds a task of the gang already, 1 = in a rack that does, 0 = neither (or the first task). */
function closeness(cluster: ClusterView, node: number, chosen: readonly number[]): number {
  let near = 0;
  for (const other of chosen) {
    if (other === node) return 2;
    if (cluster.rackOf(node) >= 0 && cluster.rackOf(other) === cluster.rackOf(node)) near = 1;
  }
  return near;
}

function fittingIn(cluster: ClusterView, node: number, from: number, to: number, shape: TaskShape): number {
  let n = 0;
  for (let g = from; g < Math.min(to, cluster.gpusOf(node)); g++) if (cluster.gpuFits(node, g, shape)) n++;
  return n;
}

function oneIsland(cluster: ClusterView, node: number, shape: TaskShape): boolean {
  const island = cluster.islandOf(node);
  if (shape.gpus <= 1) return true;
  if (island < shape.gpus) return false;
  for (let g = 0; g < cluster.gpusOf(node); g += island) {
    if (fittingIn(cluster, node, g, g + island, shape) >= shape.gpus) return true;
  }
  return false;
}
