/**
 * When will a gang fit at the latest? Reads the limits of what runs; used by backfilling policies. For each node the stamps
 * at which its 1st, 2nd, … task of a shape would fit are computed by giving back its allocations in order of their ends and
 * remembered until the node changes, so a blocked head costs a scan of numbers, not of leases.
 */
import type { GangShape, NodeSet, Reservation, TaskShape } from '../interfaces.ts';
import { NEVER, type TimeUs, WHOLE_GPU } from '../types.ts';
import type { Cluster } from './cluster.ts';
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

interface Memo {
  version: number;
  times: TimeUs[];
}

export class Forecast {
  readonly #cluster: Cluster;
  /** Per task shape (few are ever at the head at once), per node. */
  readonly #memo = new Map<number, (Memo | undefined)[]>();
  static readonly #shapesKept = 8;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  reset(): void {
    this.#memo.clear();
  }

  /**
   * A reservation for the gang: each group takes the earliest task slots, nodes in order of (stamp, index), one group after
   * the other on nodes the former groups left alone. Sound (the gang does fit then), not always the earliest possible when a
   * gang's groups could share a node.
   */
  reserve(now: TimeUs, gang: GangShape): Reservation | null {
    const marks = new Marks(this.#cluster.nodeCount);
    let start = now;
    for (const { tasks, shape } of gang.groups) {
      const slots: { at: TimeUs; node: number }[] = [];
      if (tasks === 1) {
        let best = NEVER;
        let node = -1;
        for (let v = 0; v < this.#cluster.nodeCount; v++) {
          if (marks.has(v)) continue;
          const at = this.#times(shape, 1, v)[0];
          if (at !== undefined && at < best) {
            best = at;
            node = v;
          }
        }
        if (node >= 0) slots.push({ at: best, node });
      } else {
        for (let v = 0; v < this.#cluster.nodeCount; v++) {
          if (marks.has(v)) continue;
          const times = this.#times(shape, tasks, v);
          for (let k = 0; k < times.length; k++) slots.push({ at: times[k]!, node: v });
        }
        slots.sort((a, b) => a.at - b.at || a.node - b.node);
      }
      if (slots.length < tasks) return null;
      for (let k = 0; k < tasks; k++) {
        marks.add(slots[k]!.node);
        if (slots[k]!.at > start) start = slots[k]!.at;
      }
    }
    return { startUs: start, nodes: marks };
  }

  /** Stamps at which the node has room for 1, 2, … tasks (at most `tasks`). Past stamps mean now. */
  #times(shape: TaskShape, tasks: number, node: number): TimeUs[] {
    let perNode = this.#memo.get(shape.id);
    if (perNode === undefined) {
      if (this.#memo.size >= Forecast.#shapesKept) this.#memo.delete(this.#memo.keys().next().value!);
      perNode = new Array<Memo | undefined>(this.#cluster.nodeCount);
      this.#memo.set(shape.id, perNode);
    }
    const version = this.#cluster.version[node]!;
    const memo = perNode[node];
    if (memo !== undefined && memo.version === version) return memo.times;
    const times = this.#compute(shape, node);
    perNode[node] = { version, times };
    return times.length > tasks ? times.slice(0, tasks) : times;
  }

  #compute(shape: TaskShape, node: number): TimeUs[] {
    const c = this.#cluster;
    if (!c.isUp(node) || !c.fitsEmpty(node, shape)) return [];
    const ends = [...c.allocations[node]!].sort((a, b) => a.endUs - b.endUs || a.lease - b.lease);
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
      for (let k = slots(); k > times.length; k--) times.push(a.endUs);
    }
    return times;
  }
}
