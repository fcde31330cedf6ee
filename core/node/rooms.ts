import type { LeaseMsg } from '../messages.ts';
import { migLegal } from '../mig.ts';
import { type GpuClass, type MigProfile, type NodeSpec, WHOLE_GPU } from '../types.ts';

type Need = Pick<LeaseMsg, 'gpus' | 'gpuMilli' | 'gpuMemoryMiB' | 'cpuMilli' | 'ramMiB' | 'slices'>;

/** What is free on the machines of a host, as they themselves know it (machines are numbered among those of the host): in flat arrays, because a step is for one machine of many. */
export class Rooms {
  /** By GPU, from the machine's first on. */
  readonly #first: Int32Array;
  readonly #milli: Float64Array;
  readonly #memoryMiB: Float64Array;
  /** Memory slices that MIG instances have, as bits. */
  readonly #slices: Int32Array;
  readonly #cpuMilli: Float64Array;
  readonly #ramMiB: Float64Array;
  readonly #mig: readonly (readonly MigProfile[])[];

  constructor(nodes: readonly NodeSpec[], classes: readonly GpuClass[]) {
    this.#first = new Int32Array(nodes.length + 1);
    nodes.forEach((node, n) => {
      this.#first[n + 1] = this.#first[n]! + node.gpus;
    });
    const gpus = this.#first[nodes.length]!;
    this.#milli = new Float64Array(gpus).fill(WHOLE_GPU);
    this.#memoryMiB = new Float64Array(gpus);
    this.#slices = new Int32Array(gpus);
    this.#cpuMilli = Float64Array.from(nodes, (node) => node.cpuMilli);
    this.#ramMiB = Float64Array.from(nodes, (node) => node.ramMiB);
    nodes.forEach((node, n) => {
      this.#memoryMiB.fill(classes[node.gpuClass]!.memoryMiB, this.#first[n], this.#first[n + 1]);
    });
    const mig = classes.map((c) => c.mig ?? []);
    this.#mig = nodes.map((node) => mig[node.gpuClass]!);
  }

  has(node: number, m: Need): boolean {
    if (this.#cpuMilli[node]! < m.cpuMilli || this.#ramMiB[node]! < m.ramMiB) return false;
    const first = this.#first[node]!;
    const end = this.#first[node + 1]!;
    for (let i = 0; i < m.gpus.length; i++) {
      const at = first + m.gpus[i]!;
      if (at >= end || this.#milli[at]! < m.gpuMilli || this.#memoryMiB[at]! < m.gpuMemoryMiB) return false;
      if (!this.#divides(node, at, m)) return false;
    }
    return true;
  }

  /** A GPU is divided into instances that lie where the hardware lets them, or shared or taken whole; never both. */
  #divides(node: number, at: number, m: Need): boolean {
    const used = this.#slices[at]!;
    if (m.slices === undefined) return used === 0;
    const bits = m.slices;
    if (m.gpus.length !== 1 || (used & bits) !== 0 || (used === 0 && this.#milli[at] !== WHOLE_GPU)) return false;
    return this.#mig[node]!.some((p) => migLegal(p, bits) && p.milli === m.gpuMilli);
  }

  take(node: number, m: Need): void {
    this.#change(node, m, -1);
  }
  give(node: number, m: Need): void {
    this.#change(node, m, 1);
  }

  #change(node: number, m: Need, sign: 1 | -1): void {
    const { gpus, gpuMilli, gpuMemoryMiB, slices } = m;
    const first = this.#first[node]!;
    for (let i = 0; i < gpus.length; i++) {
      const at = first + gpus[i]!;
      this.#milli[at]! += sign * gpuMilli;
      this.#memoryMiB[at]! += sign * gpuMemoryMiB;
      if (slices !== undefined) this.#slices[at]! ^= slices;
    }
    this.#cpuMilli[node]! += sign * m.cpuMilli;
    this.#ramMiB[node]! += sign * m.ramMiB;
  }

  freeMilliOf(node: number, gpu: number): number {
    return this.#milli[this.#first[node]! + gpu]!;
  }
}
