import type { ClusterView } from '../../../core/interfaces.ts';

/** One kind of task of the workload that fragmentation is measured against. */
export interface TypicalTask {
  /** Part of the workload, 0..1; the parts sum to 1. */
  share: number;
  gpus: number;
  gpuMilli: number;
  cpuMilli: number;
  /** Allowed GPU classes; empty = any. */
  classes: readonly number[];
}

/** What a node has left. */
export interface NodeLeft {
  gpuClass: number;
  cpuMilli: number;
  /** Milli-GPU left on each GPU. */
  left: Int32Array;
  gpus: number;
}

// Why idle milli-GPU cannot serve a task. Sums run in this order: the published rounding depends on it.
const BOTH = 0;
const FEW_GPUS = 1;
const FEW_CPU = 2;
const CPU_ONLY = 3;
const CPU_ONLY_FEW_CPU = 4;
const NO_ACCESS = 5;

/**
 * Fragmentation of a node: idle milli-GPU that a task drawn from the workload could not use there, in expectation (Weng et
 * al., ATC'23, section 3). A task without GPUs counts all idle GPUs as lost, as in the study.
 */
export class Fragmentation {
  readonly #typical: readonly TypicalTask[];
  readonly #allowed: (Uint8Array | null)[];
  readonly #sums = new Float64Array(6);

  constructor(typical: readonly TypicalTask[], classCount: number) {
    this.#typical = typical;
    this.#allowed = typical.map((t) => {
      if (t.classes.length === 0) return null;
      const allowed = new Uint8Array(classCount);
      for (const c of t.classes) allowed[c] = 1;
      return allowed;
    });
  }

  measure(n: NodeLeft): number {
    const { left, gpus, cpuMilli, gpuClass } = n;
    const sums = this.#sums;
    sums.fill(0);
    let total = 0;
    for (let g = 0; g < gpus; g++) total += left[g]!;
    const typical = this.#typical;
    for (let i = 0; i < typical.length; i++) {
      const t = typical[i]!;
      const cpuFits = cpuMilli >= t.cpuMilli;
      if (t.gpus === 0) {
        sums[cpuFits ? CPU_ONLY : CPU_ONLY_FEW_CPU]! += t.share * total;
        continue;
      }
      const allowed = this.#allowed[i]!;
      if (allowed !== null && allowed[gpuClass] === 0) {
        sums[NO_ACCESS]! += t.share * total;
        continue;
      }
      let fitting = 0;
      let slivers = 0;
      const need = t.gpuMilli;
      for (let g = 0; g < gpus; g++) {
        const l = left[g]!;
        if (l >= need) fitting++;
        else slivers += l;
      }
      if (fitting >= t.gpus) {
        if (cpuFits) sums[FEW_GPUS]! += t.share * slivers;
        else sums[FEW_CPU]! += t.share * total;
      } else sums[cpuFits ? FEW_GPUS : BOTH]! += t.share * total;
    }
    return sums[0]! + sums[1]! + sums[2]! + sums[3]! + sums[4]! + sums[5]!;
  }
}

/** Reads what a node has left into `out`, whose array grows as needed. */
export function readLeft(cluster: ClusterView, node: number, out: NodeLeft): void {
  const gpus = cluster.gpusOf(node);
  if (out.left.length < gpus) out.left = new Int32Array(gpus);
  out.gpus = gpus;
  out.gpuClass = cluster.classOf(node);
  out.cpuMilli = cluster.freeCpuMilli(node);
  for (let g = 0; g < gpus; g++) out.left[g] = cluster.freeMilliOf(node, g);
}
