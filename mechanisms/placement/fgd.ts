import type { ClusterView, PlacementContext, TaskShape } from '../../core/interfaces.ts';
import { exp } from '../../core/num/index.ts';
import { WHOLE_GPU } from '../../core/types.ts';
import { Fragmentation, type NodeLeft, readLeft, type TypicalTask } from './lib/fragmentation.ts';
import { leastLeft } from './lib/least-left.ts';
import { ScoredPlacement } from './lib/scored.ts';

export interface FgdParams {
  /** The workload that fragmentation is measured against; absent = the task being placed stands for it. */
  typical?: readonly TypicalTask[];
}

const emptyLeft = (): NodeLeft => ({ gpuClass: 0, cpuMilli: 0, left: new Int32Array(8), gpus: 0 });

/** Fragmentation gradient descent: the node (and for a fraction the GPU) where the least usable capacity is lost. */
export class Fgd extends ScoredPlacement {
  readonly name = 'fgd';
  readonly #typical: readonly TypicalTask[] | null;
  readonly #forgets: boolean;
  #cluster: ClusterView | null = null;
  #measure: Fragmentation | null = null;
  /** Measures for single shapes, used when no workload is given. */
  readonly #perShape = new Map<TaskShape, Fragmentation>();
  /** Fragmentation of each node as it stands; NaN = to be measured. */
  #before = new Float64Array(0);
  #seen = 0;
  readonly #left = emptyLeft();
  readonly #trial = emptyLeft();
  readonly #gpus: number[] = [];

  constructor(params: FgdParams = {}, slow = false) {
    super(slow);
    this.#forgets = slow;
    this.#typical = params.typical ?? null;
  }

  protected override sync(cluster: ClusterView): void {
    const now = cluster.changeCount;
    if (cluster !== this.#cluster) {
      this.#cluster = cluster;
      this.#perShape.clear();
      this.#measure = this.#typical === null ? null : new Fragmentation(this.#typical, cluster.classCount);
      this.#before = new Float64Array(cluster.nodeCount).fill(Number.NaN);
    } else if (now - this.#seen > cluster.changesKept) this.#before.fill(Number.NaN);
    else for (let c = this.#seen; c < now; c++) this.#before[cluster.changedNode(c)] = Number.NaN;
    this.#seen = now;
  }

  override reset(): void {
    super.reset();
    this.#cluster = null;
  }

  #measureFor(cluster: ClusterView, shape: TaskShape): Fragmentation {
    if (this.#measure !== null) return this.#measure;
    let own = this.#perShape.get(shape);
    if (own === undefined) {
      const classes = [...shape.allowed.keys()].filter((c) => shape.allowed[c] === 1);
      if (this.#perShape.size >= 512) this.#perShape.clear();
      own = new Fragmentation([{ share: 1, ...shape, classes }], cluster.classCount);
      this.#perShape.set(shape, own);
    }
    return own;
  }

  protected score(cluster: ClusterView, node: number, shape: TaskShape): number {
    const measure = this.#measureFor(cluster, shape);
    readLeft(cluster, node, this.#left);
    let before = this.#measure === null || this.#forgets ? Number.NaN : this.#before[node]!;
    if (Number.isNaN(before)) {
      before = measure.measure(this.#left);
      this.#before[node] = before;
    }
    if (shape.gpus === 1 && shape.gpuMilli < WHOLE_GPU) return this.#bestGpu(cluster, node, shape, measure, before)[1];
    if (shape.gpus > 0) leastLeft(cluster, node, shape, this.#gpus);
    else this.#gpus.length = 0;
    return gain(before, this.#after(measure, shape, this.#gpus));
  }

  /** A fraction of one GPU: the GPU whose use loses least, and that score. GPUs with equal leftovers score alike. */
  #bestGpu(
    cluster: ClusterView,
    node: number,
    shape: TaskShape,
    measure: Fragmentation,
    before: number,
  ): readonly [gpu: number, score: number] {
    const { left, gpus } = this.#left;
    let best = -1;
    let most = -1;
    for (let g = 0; g < gpus; g++) {
      if (!cluster.gpuFits(node, g, shape)) continue;
      let like = 0;
      while (like < g && left[like] !== left[g]) like++;
      // One before it with the same leftovers has the same score, if it could take the task.
      if (like < g && cluster.gpuFits(node, like, shape)) continue;
      this.#gpus.length = 1;
      this.#gpus[0] = g;
      const score = gain(before, this.#after(measure, shape, this.#gpus));
      if (score > most) {
        most = score;
        best = g;
      }
    }
    return [best, most];
  }

  #after(measure: Fragmentation, shape: TaskShape, gpus: readonly number[]): number {
    const from = this.#left;
    const to = this.#trial;
    if (to.left.length < from.gpus) to.left = new Int32Array(from.gpus);
    to.gpus = from.gpus;
    to.gpuClass = from.gpuClass;
    to.cpuMilli = from.cpuMilli - shape.cpuMilli;
    for (let g = 0; g < from.gpus; g++) to.left[g] = from.left[g]!;
    for (let i = 0; i < gpus.length; i++) to.left[gpus[i]!]! -= shape.gpuMilli;
    return measure.measure(to);
  }

  pickGpus(cluster: ClusterView, node: number, shape: TaskShape, out: number[], _context?: PlacementContext): void {
    if (shape.gpus === 1 && shape.gpuMilli < WHOLE_GPU) {
      this.sync(cluster);
      const measure = this.#measureFor(cluster, shape);
      readLeft(cluster, node, this.#left);
      out.length = 0;
      out.push(this.#bestGpu(cluster, node, shape, measure, measure.measure(this.#left))[0]);
    } else if (shape.gpus > 0) leastLeft(cluster, node, shape, out);
    else out.length = 0;
  }

  protected override stateHash(cluster: ClusterView, node: number): number {
    const gpus = cluster.gpusOf(node);
    let h = cluster.classOf(node) * 31 + gpus;
    h = (Math.imul(h, 0x01000193) ^ cluster.freeCpuMilli(node)) | 0;
    for (let g = 0; g < gpus; g++) h = (Math.imul(h, 0x01000193) ^ cluster.freeMilliOf(node, g)) | 0;
    return h >>> 0;
  }

  protected override sameState(cluster: ClusterView, a: number, b: number): boolean {
    const gpus = cluster.gpusOf(a);
    if (
      cluster.classOf(a) !== cluster.classOf(b) ||
      cluster.gpusOf(b) !== gpus ||
      cluster.freeCpuMilli(a) !== cluster.freeCpuMilli(b)
    )
      return false;
    for (let g = 0; g < gpus; g++) {
      if (
        cluster.freeMilliOf(a, g) !== cluster.freeMilliOf(b, g) ||
        cluster.freeMemoryOf(a, g) !== cluster.freeMemoryOf(b, g) ||
        cluster.slicesOf(a, g) !== cluster.slicesOf(b, g)
      )
        return false;
    }
    return true;
  }
}

/** int(100 sigmoid(decrease / 1000)), in whole GPUs as in the study. */
function gain(before: number, after: number): number {
  return Math.trunc(100 * (1 / (1 + exp(-(before - after) / 1000))));
}
