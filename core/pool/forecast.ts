/**
 * When will a gang fit at the latest? Reads the limits of what runs; used by backfilling policies. For each node the stamps
 * at which its 1st, 2nd, … task of a shape would fit are computed by giving back its allocations in order of their ends and
 * remembered until the node changes, so a blocked head costs a scan of numbers, not of leases.
 */
import type { GangShape, NodeSet, Reservation, TaskShape } from '../interfaces.ts';
import { NEVER, type TimeUs, WHOLE_GPU } from '../types.ts';
import type { Allocation, Cluster } from './cluster.ts';
import { MAX_TASKS } from './spec.ts';

class Marks implements NodeSet {
  readonly #bits: Uint8Array;
  constructor(nodeCount: number) {
    this.#bits = new Uint8Array(nodeCount);
  }
  add(node: number): void {
    this.#bits[node] = 1;
  }
  has(node: number): boolean {
    return this.#bits[node] === 1;
  }
}

/** What is known of one task shape: per node, the stamps at which its 1st, 2nd, … task fits (0 = now). */
class ShapeMemo {
  /** Version of the node when its stamps were computed; -1 = never. */
  readonly version: Int32Array;
  readonly times: TimeUs[][];
  /** times[node][0], or NEVER. */
  readonly first: Float64Array;

  constructor(nodes: number) {
    this.version = new Int32Array(nodes).fill(-1);
    this.times = new Array<TimeUs[]>(nodes);
    this.first = new Float64Array(nodes).fill(NEVER);
  }
}

/** The `size` smallest (stamp, node) pairs of those offered: a heap with the largest of them on top. */
class Earliest {
  readonly at: TimeUs[] = [];
  readonly node: number[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /** Offers come in order of node, so a tie with the top is lost. */
  offer(at: TimeUs, node: number): void {
    const n = this.at.length;
    if (n === this.#size) {
      if (at >= this.at[0]!) return;
      this.#down(at, node);
      return;
    }
    let i = n;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#later(parent, at, node)) break;
      this.at[i] = this.at[parent]!;
      this.node[i] = this.node[parent]!;
      i = parent;
    }
    this.at[i] = at;
    this.node[i] = node;
  }

  /** Entry `i` comes after (at, node). */
  #later(i: number, at: TimeUs, node: number): boolean {
    return this.at[i]! > at || (this.at[i]! === at && this.node[i]! > node);
  }

  #down(at: TimeUs, node: number): void {
    const n = this.at.length;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && this.#later(child + 1, this.at[child]!, this.node[child]!)) child++;
      if (!this.#later(child, at, node)) break;
      this.at[i] = this.at[child]!;
      this.node[i] = this.node[child]!;
      i = child;
    }
    this.at[i] = at;
    this.node[i] = node;
  }
}

export class Forecast {
  readonly #cluster: Cluster;
  /** Per task shape: few are ever at the head at once. */
  readonly #memo = new Map<number, ShapeMemo>();
  static readonly #shapesKept = 8;
  readonly #ends: Allocation[] = [];

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
    const nodes = this.#cluster.nodeCount;
    const marks = new Marks(nodes);
    let start = now;
    for (let g = 0; g < gang.groups.length; g++) {
      const { tasks, shape } = gang.groups[g]!;
      const memo = this.#memoOf(shape);
      if (tasks === 1) {
        const first = memo.first;
        let best: TimeUs = NEVER;
        let node = -1;
        for (let v = 0; v < nodes; v++) {
          const at = first[v]!;
          if (at < best && !marks.has(v) && !avoid?.has(v)) {
            best = at;
            node = v;
          }
        }
        if (node < 0) return null;
        marks.add(node);
        if (best > start) start = best;
        continue;
      }
      const slots = new Earliest(tasks);
      for (let v = 0; v < nodes; v++) {
        if (marks.has(v) || avoid?.has(v)) continue;
        const times = memo.times[v]!;
        const most = Math.min(times.length, tasks);
        for (let k = 0; k < most; k++) slots.offer(times[k]!, v);
      }
      if (slots.at.length < tasks) return null;
      for (const v of slots.node) marks.add(v);
      if (slots.at[0]! > start) start = slots.at[0]!;
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
    const seen = memo.version;
    const version = this.#cluster.version;
    for (let v = 0; v < nodes; v++) {
      if (seen[v] === version[v]) continue;
      seen[v] = version[v]!;
      const times = this.#compute(shape, v);
      memo.times[v] = times;
      memo.first[v] = times.length > 0 ? times[0]! : NEVER;
    }
    return memo;
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

  #compute(shape: TaskShape, node: number): TimeUs[] {
    const c = this.#cluster;
    if (!c.isUp(node) || !c.fitsEmpty(node, shape)) return [];
    const ends = this.#byEnd(node);
    const simple =
      shape.gpus > 0 &&
      shape.gpuMilli === WHOLE_GPU &&
      shape.cpuMilli === 0 &&
      shape.ramMiB === 0 &&
      ends.every((a) => a.gpuMilli === WHOLE_GPU);
    return simple ? this.#wholeGpus(shape, node, ends) : this.#anything(shape, node, ends);
  }

  /** Whole GPUs on both sides and nothing else asked for: their number is all that counts. */
  #wholeGpus(shape: TaskShape, node: number, ends: readonly Allocation[]): TimeUs[] {
    let free = this.#cluster.freeWholeGpus(node);
    const times: TimeUs[] = [];
    for (let k = Math.floor(free / shape.gpus); k > 0; k--) times.push(0);
    for (let i = 0; i < ends.length; i++) {
      const a = ends[i]!;
      free += a.gpus.length;
      const fit = Math.floor(free / shape.gpus);
      while (times.length < fit) times.push(a.endUs);
    }
    return times;
  }

  #anything(shape: TaskShape, node: number, ends: readonly Allocation[]): TimeUs[] {
    const c = this.#cluster;
    const gpus = c.gpusOf(node);
    const milli = Array.from({ length: gpus }, (_, g) => c.freeMilliOf(node, g));
    const memory = Array.from({ length: gpus }, (_, g) => c.freeMemoryOf(node, g));
    let cpu = c.freeCpuMilli(node);
    let ram = c.freeRamMiB(node);
    const times: TimeUs[] = [];
    const slots = (): number => {
      // A task that asks for nothing fits any number of times; no gang has more than MAX_TASKS.
      let room = shape.gpus === 0 ? MAX_TASKS : 0;
      if (shape.gpus > 0) {
        let units = 0;
        for (let g = 0; g < gpus; g++) {
          if (shape.gpuMilli === WHOLE_GPU) {
            if (milli[g] === WHOLE_GPU) units++;
          } else {
            const byMemory = shape.gpuMemoryMiB > 0 ? Math.floor(memory[g]! / shape.gpuMemoryMiB) : WHOLE_GPU;
            units += Math.min(Math.floor(milli[g]! / shape.gpuMilli), byMemory, shape.gpus > 1 ? 1 : WHOLE_GPU);
          }
        }
        room = Math.floor(units / shape.gpus);
      }
      if (shape.cpuMilli > 0) room = Math.min(room, Math.floor(cpu / shape.cpuMilli));
      if (shape.ramMiB > 0) room = Math.min(room, Math.floor(ram / shape.ramMiB));
      return room;
    };
    for (let k = slots(); k > 0; k--) times.push(0);
    for (const a of ends) {
      for (const g of a.gpus) {
        milli[g]! += a.gpuMilli;
        memory[g]! += a.gpuMilli === WHOLE_GPU ? 0 : a.gpuMemoryMiB;
        // A GPU that is whole again has all its memory back, whoever had it.
        if (milli[g] === WHOLE_GPU) memory[g] = c.gpuMemoryOf(node);
      }
      cpu += a.cpuMilli;
      ram += a.ramMiB;
      const fit = slots();
      while (times.length < fit) times.push(a.endUs);
    }
    return times;
  }
}
