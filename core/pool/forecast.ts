/**
 * When will a gang fit at the latest? Reads the limits of what runs; used by backfilling policies. For each node the stamps
 * at which its 1st, 2nd, … task of a shape would fit are computed by giving back its allocations in order of their ends. The first is
 * remembered until the node changes, in a tournament tree per shape: a reservation costs by the machines that changed and the
 * tasks it places, not by the machines of the pool.
 */
import type { GangShape, NodeSet, Reservation, TaskShape } from '../interfaces.ts';
import { NEVER, type TimeUs, WHOLE_GPU } from '../types.ts';
import type { Allocation, Cluster } from './cluster.ts';
import { MAX_TASKS } from './spec.ts';

/** What is known of one task shape: per node, the stamp at which a task fits (0 = now, NEVER = never). */
class ShapeMemo {
  /** Version of the node when its stamp was computed; -1 = never. */
  readonly version: Int32Array;
  readonly at: Float64Array;
  /** Changes of the cluster that the stamps know of; -1 = none yet. */
  seen = -1;
  /** Stamp of each node's next task, and above each pair the earlier one: leaves start at `#leaves`. */
  readonly #next: Float64Array;
  readonly #leaves: number;

  constructor(nodes: number) {
    this.version = new Int32Array(nodes).fill(-1);
    this.at = new Float64Array(nodes);
    let leaves = 1;
    while (leaves < nodes) leaves *= 2;
    this.#leaves = leaves;
    this.#next = new Float64Array(2 * leaves).fill(NEVER);
  }

  set(node: number, at: TimeUs): void {
    const tree = this.#next;
    let i = this.#leaves + node;
    if (tree[i] === at) return;
    tree[i] = at;
    for (i >>= 1; i >= 1; i >>= 1) {
      const earlier = Math.min(tree[2 * i]!, tree[2 * i + 1]!);
      if (tree[i] === earlier) return;
      tree[i] = earlier;
    }
  }

  /** The node whose next task fits first, ties to the lower number; -1 when none ever does. */
  first(): number {
    const tree = this.#next;
    const at = tree[1]!;
    if (at >= NEVER) return -1;
    let i = 1;
    while (i < this.#leaves) i = tree[2 * i] === at ? 2 * i : 2 * i + 1;
    return i - this.#leaves;
  }
}

export class Forecast {
  readonly #cluster: Cluster;
  /** Per task shape: few are ever at the head at once. */
  readonly #memo = new Map<number, ShapeMemo>();
  static readonly #shapesKept = 8;
  readonly #ends: Allocation[] = [];
  /** Of the group under way: the stamps of the nodes that were given tasks, last first and without those taken, and the nodes looked at. */
  readonly #taken = new Map<number, TimeUs[]>();
  readonly #looked: number[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  reset(): void {
    this.#memo.clear();
  }

  /**
   * A reservation for the gang: each group takes the earliest task slots, nodes in order of (stamp, index), one group after
   * the other on nodes the former groups left alone. Sound (the gang does fit then), not always the earliest possible when a
   * gang's groups could share a node. Nodes in `avoid` are left out.
   */
  reserve(now: TimeUs, gang: GangShape, avoid: NodeSet | null = null): Reservation | null {
    const marks = new Set<number>();
    let start = now;
    for (let g = 0; g < gang.groups.length; g++) {
      const { shape } = gang.groups[g]!;
      const tasks = gang.least ?? gang.groups[g]!.tasks;
      const memo = this.#memoOf(shape);
      // Tasks take the earliest slots one by one; the nodes that were looked at get their first stamps back afterwards.
      const taken = this.#taken;
      const looked = this.#looked;
      let left = tasks;
      while (left > 0) {
        const node = memo.first();
        if (node < 0) break;
        let times = taken.get(node);
        if (times === undefined) {
          looked.push(node);
          if (marks.has(node) || avoid?.has(node)) {
            memo.set(node, NEVER);
            continue;
          }
          times = left === 1 ? [memo.at[node]!] : this.#compute(shape, node).reverse();
          taken.set(node, times);
        }
        start = Math.max(start, times.pop()!);
        if (--left === 0) break;
        memo.set(node, times.length > 0 ? times[times.length - 1]! : NEVER);
      }
      for (let i = 0; i < looked.length; i++) memo.set(looked[i]!, memo.at[looked[i]!]!);
      for (const node of taken.keys()) marks.add(node);
      taken.clear();
      while (looked.length > 0) looked.pop();
      if (left > 0) return null;
    }
    return { startUs: start, nodes: marks };
  }

  /** The shape's stamps on every node, brought up to date. Past stamps mean now. */
  #memoOf(shape: TaskShape): ShapeMemo {
    const nodes = this.#cluster.nodeCount;
    let memo = this.#memo.get(shape.id);
    if (memo === undefined) {
      if (this.#memo.size >= Forecast.#shapesKept) this.#memo.delete(this.#memo.keys().next().value!);
      memo = new ShapeMemo(nodes);
      this.#memo.set(shape.id, memo);
    }
    const cluster = this.#cluster;
    const now = cluster.changeCount;
    if (memo.seen < 0 || now - memo.seen > cluster.changesKept)
      for (let v = 0; v < nodes; v++) this.#renew(memo, shape, v);
    else for (let c = memo.seen; c < now; c++) this.#renew(memo, shape, cluster.changedNode(c));
    memo.seen = now;
    return memo;
  }

  #renew(memo: ShapeMemo, shape: TaskShape, node: number): void {
    const version = this.#cluster.version[node]!;
    if (memo.version[node] === version) return;
    memo.version[node] = version;
    const at = this.#earliest(shape, node);
    memo.at[node] = at;
    memo.set(node, at);
  }

  /** The node's allocations in order of their ends. Few: by insertion. */
  #byEnd(node: number): readonly Allocation[] {
    const ends = this.#ends;
    const list = this.#cluster.allocations[node]!;
    for (let i = 0; i < list.length; i++) {
      const a = list[i]!;
      let k = i - 1;
      while (k >= 0 && (ends[k]!.endUs > a.endUs || (ends[k]!.endUs === a.endUs && ends[k]!.lease > a.lease))) {
        ends[k + 1] = ends[k]!;
        k--;
      }
      ends[k + 1] = a;
    }
    while (ends.length > list.length) ends.pop();
    return ends;
  }

  /** The first of `#compute`'s stamps, NEVER when there is none. */
  #earliest(shape: TaskShape, node: number): TimeUs {
    const c = this.#cluster;
    if (!c.isUp(node) || !c.fitsEmpty(node, shape)) return NEVER;
    const ends = this.#byEnd(node);
    if (!this.#wholeOnly(shape, node, ends)) return this.#anything(shape, node, ends)[0] ?? NEVER;
    let gpus = c.freeWholeGpus(node);
    let cpu = c.freeCpuMilli(node);
    let ram = c.freeRamMiB(node);
    for (let i = 0; ; i++) {
      if (gpus >= shape.gpus && cpu >= shape.cpuMilli && ram >= shape.ramMiB) return i === 0 ? 0 : ends[i - 1]!.endUs;
      if (i === ends.length) return NEVER;
      const a = ends[i]!;
      gpus += a.gpus.length;
      cpu += a.cpuMilli;
      ram += a.ramMiB;
    }
  }

  #compute(shape: TaskShape, node: number): TimeUs[] {
    const c = this.#cluster;
    if (!c.isUp(node) || !c.fitsEmpty(node, shape)) return [];
    const ends = this.#byEnd(node);
    return this.#wholeOnly(shape, node, ends) ? this.#wholeGpus(shape, node, ends) : this.#anything(shape, node, ends);
  }

  /** Whole GPUs alone are asked for and taken, and all are in service. */
  #wholeOnly(shape: TaskShape, node: number, ends: readonly Allocation[]): boolean {
    if (shape.gpus === 0 || shape.gpuMilli !== WHOLE_GPU || this.#cluster.outCards(node) > 0) return false;
    for (let i = 0; i < ends.length; i++) if (ends[i]!.gpuMilli !== WHOLE_GPU) return false;
    return true;
  }

  /** Whole GPUs on both sides: their number is all that counts of them. */
  #wholeGpus(shape: TaskShape, node: number, ends: readonly Allocation[]): TimeUs[] {
    const c = this.#cluster;
    let gpus = c.freeWholeGpus(node);
    let cpu = c.freeCpuMilli(node);
    let ram = c.freeRamMiB(node);
    const times: TimeUs[] = [];
    for (let k = beside(shape, Math.floor(gpus / shape.gpus), cpu, ram); k > 0; k--) times.push(0);
    for (let i = 0; i < ends.length; i++) {
      const a = ends[i]!;
      gpus += a.gpus.length;
      cpu += a.cpuMilli;
      ram += a.ramMiB;
      const fit = beside(shape, Math.floor(gpus / shape.gpus), cpu, ram);
      while (times.length < fit) times.push(a.endUs);
    }
    return times;
  }

  #anything(shape: TaskShape, node: number, ends: readonly Allocation[]): TimeUs[] {
    const c = this.#cluster;
    const gpus = c.gpusOf(node);
    const milli = Array.from({ length: gpus }, (_, g) => c.freeMilliOf(node, g));
    const memory = Array.from({ length: gpus }, (_, g) => c.freeMemoryOf(node, g));
    const slices = Array.from({ length: gpus }, (_, g) => c.slicesOf(node, g));
    let cpu = c.freeCpuMilli(node);
    let ram = c.freeRamMiB(node);
    const times: TimeUs[] = [];
    const isWhole = shape.gpuMilli === WHOLE_GPU;
    let whole = c.freeWholeGpus(node);
    const slots = (): number => {
      // A task that asks for nothing fits any number of times; no gang has more than MAX_TASKS.
      let room = shape.gpus === 0 ? MAX_TASKS : 0;
      if (shape.gpus > 0) {
        let units = isWhole ? whole : 0;
        for (let g = 0; g < gpus && !isWhole; g++) {
          if (c.isOut(node, g)) continue;
          if (shape.mig !== undefined) {
            units += c.instancesOn(node, shape.mig, slices[g]!, milli[g]!);
            continue;
          }
          if (slices[g] !== 0) continue;
          const byMemory = shape.gpuMemoryMiB > 0 ? Math.floor(memory[g]! / shape.gpuMemoryMiB) : WHOLE_GPU;
          units += Math.min(Math.floor(milli[g]! / shape.gpuMilli), byMemory, shape.gpus > 1 ? 1 : WHOLE_GPU);
        }
        room = Math.floor(units / shape.gpus);
      }
      return beside(shape, room, cpu, ram);
    };
    for (let k = slots(); k > 0; k--) times.push(0);
    for (const a of ends) {
      for (const g of a.gpus) {
        // Nobody says when a GPU out of service comes back.
        if (c.isOut(node, g)) continue;
        milli[g]! += a.gpuMilli;
        if (a.slices !== undefined) slices[g]! ^= a.slices;
        memory[g]! += a.gpuMilli === WHOLE_GPU ? 0 : a.gpuMemoryMiB;
        // A GPU that is whole again has all its memory back, whoever had it.
        if (milli[g] === WHOLE_GPU) {
          memory[g] = c.gpuMemoryOf(node);
          whole++;
        }
      }
      cpu += a.cpuMilli;
      ram += a.ramMiB;
      const fit = slots();
      while (times.length < fit) times.push(a.endUs);
    }
    return times;
  }
}

/** Of `tasks` whose GPUs there are, those that there are cores and memory for. */
function beside(shape: TaskShape, tasks: number, cpuMilli: number, ramMiB: number): number {
  let room = tasks;
  if (shape.cpuMilli > 0) room = Math.min(room, Math.floor(cpuMilli / shape.cpuMilli));
  if (shape.ramMiB > 0) room = Math.min(room, Math.floor(ramMiB / shape.ramMiB));
  return room;
}
