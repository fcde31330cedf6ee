/**
 * One pool's picture of its machines: what is free where, kept in flat arrays so that a placement policy can scan it.
 * The picture follows the nodes' own messages; the nodes decide whether a GPU is really free (contract, rule 2).
 */
import type { ClusterView, TaskShape } from '../interfaces.ts';
import { removeAt } from '../lists.ts';
import { migPlace, migProfile } from '../mig.ts';
import { type MigProfile, type NodeSpec, type TimeUs, WHOLE_GPU } from '../types.ts';
import { type Disk, type Image, useImage } from './disk.ts';

/** What one part of a lease takes from a node. */
export interface Allocation {
  lease: number;
  /** Hold of the attempt it belongs to. */
  hold?: number;
  gpus: number[];
  gpuMilli: number;
  gpuMemoryMiB: number;
  cpuMilli: number;
  ramMiB: number;
  /** MIG: the memory slices that its instance has on its one GPU, as bits. */
  slices?: number;
  /** What its task must have on the node's disk. */
  image?: Image;
  /** When it ends at the latest, as far as the pool knows. */
  endUs: TimeUs;
  /** Nobody's: GPUs that the pool did not buy and keeps closed. */
  closed?: true;
}

export class Cluster implements ClusterView {
  readonly nodeCount: number;
  readonly classCount: number;
  freedVersion = 0;
  /** Bumped by every change of a node: caches per node compare it. */
  readonly version: Int32Array;
  /** Allocations of each node in order of grant. */
  readonly allocations: Allocation[][];
  readonly #class: Int32Array;
  readonly #gpuOffset: Int32Array;
  readonly #gpuCount: Int32Array;
  readonly #classMemory: number[];
  readonly #milli: Int32Array;
  readonly #memory: Float64Array;
  /** Wholly free GPUs of every node. */
  readonly freeWholeByNode: Int32Array;
  /** Free milli-GPU of every node. */
  readonly freeMilliByNode: Int32Array;
  /** Memory slices of each GPU that MIG instances have; 0 = the GPU is not divided. */
  readonly #slices: Uint8Array;
  readonly #mig: readonly (readonly MigProfile[] | undefined)[];
  readonly #cpu: Float64Array;
  readonly #ram: Float64Array;
  readonly #cpuCap: Float64Array;
  readonly #ramCap: Float64Array;
  readonly #up: Uint8Array;
  /** histogram[class * width + k] = up nodes with exactly k whole GPUs free. */
  readonly #histogram: Int32Array;
  readonly #width: number;
  /** Room for images on each node's disk, and what the pool remembers having sent there. */
  readonly #diskMiB: readonly number[];
  readonly #disks = new Map<number, Disk>();
  readonly #rack: Int32Array;
  readonly #island: Int32Array;
  readonly #losses: Int32Array;
  /** Milli-GPU kept closed on every node. */
  readonly #closedMilli: Int32Array;
  /** GPUs out of service: nothing of them is offered, and what is given back of them is kept here, not in `#milli`. */
  readonly #out: Uint8Array;
  readonly #heldMilli: Int32Array;
  readonly #heldMemory: Float64Array;
  /** GPUs of every node that are out, and milli-GPU of them that nobody has. */
  readonly #outCards: Int32Array;
  readonly #outMilli: Int32Array;
  /** Ring of the nodes that changed last: caches catch up from it. */
  readonly #changes: Int32Array;
  readonly #capacity = { milli: 0, cpu: 0, ram: 0 };
  /** Lists of one GPU, which leases share. */
  readonly #alone: (number[] | undefined)[] = [];
  changeCount = 0;
  /** Milli-GPU of up nodes and milli-GPU in use on them, by class. */
  readonly capacityMilli: Float64Array;
  readonly usedMilli: Float64Array;

  /** `mig`: profiles of the classes whose GPUs are divided on demand. */
  constructor(
    nodes: readonly NodeSpec[],
    classMemory: readonly number[],
    mig: readonly (readonly MigProfile[] | undefined)[] = [],
  ) {
    const n = nodes.length;
    this.nodeCount = n;
    this.classCount = classMemory.length;
    this.#classMemory = [...classMemory];
    this.#mig = mig;
    this.version = new Int32Array(n);
    this.allocations = nodes.map(() => []);
    this.#class = new Int32Array(n);
    this.#gpuOffset = new Int32Array(n + 1);
    this.#gpuCount = new Int32Array(n);
    this.freeWholeByNode = new Int32Array(n);
    this.freeMilliByNode = new Int32Array(n);
    this.#cpu = new Float64Array(n);
    this.#ram = new Float64Array(n);
    this.#cpuCap = new Float64Array(n);
    this.#ramCap = new Float64Array(n);
    this.#up = new Uint8Array(n);
    this.#diskMiB = nodes.map((node) => node.diskMiB ?? 0);
    this.#rack = Int32Array.from(nodes, (node) => node.rack ?? -1);
    this.#island = Int32Array.from(nodes, (node) => node.island ?? 1);
    this.#losses = new Int32Array(n);
    this.#closedMilli = new Int32Array(n);
    this.#outCards = new Int32Array(n);
    this.#outMilli = new Int32Array(n);
    let ring = 1024;
    while (ring < n) ring *= 2;
    this.#changes = new Int32Array(ring);
    let gpus = 0;
    let widest = 0;
    nodes.forEach((node, i) => {
      this.#class[i] = node.gpuClass;
      this.#gpuOffset[i] = gpus;
      this.#gpuCount[i] = node.gpus;
      gpus += node.gpus;
      widest = Math.max(widest, node.gpus);
      this.#cpuCap[i] = this.#cpu[i] = node.cpuMilli;
      this.#ramCap[i] = this.#ram[i] = node.ramMiB;
      this.freeWholeByNode[i] = node.gpus;
      this.freeMilliByNode[i] = node.gpus * WHOLE_GPU;
    });
    this.#gpuOffset[n] = gpus;
    this.#milli = new Int32Array(gpus).fill(WHOLE_GPU);
    this.#memory = new Float64Array(gpus);
    this.#slices = new Uint8Array(gpus);
    this.#out = new Uint8Array(gpus);
    this.#heldMilli = new Int32Array(gpus);
    this.#heldMemory = new Float64Array(gpus);
    nodes.forEach((node, i) => {
      this.#memory.fill(classMemory[node.gpuClass]!, this.#gpuOffset[i], this.#gpuOffset[i + 1]);
    });
    this.#width = widest + 1;
    this.#histogram = new Int32Array(this.classCount * this.#width);
    this.capacityMilli = new Float64Array(this.classCount);
    this.usedMilli = new Float64Array(this.classCount);
  }

  classOf(node: number): number {
    return this.#class[node]!;
  }
  gpusOf(node: number): number {
    return this.#gpuCount[node]!;
  }
  freeWholeGpus(node: number): number {
    return this.freeWholeByNode[node]!;
  }
  freeMilli(node: number): number {
    return this.freeMilliByNode[node]!;
  }
  freeMilliOf(node: number, gpu: number): number {
    return this.#milli[this.#gpuOffset[node]! + gpu]!;
  }
  freeMemoryOf(node: number, gpu: number): number {
    return this.#memory[this.#gpuOffset[node]! + gpu]!;
  }
  slicesOf(node: number, gpu: number): number {
    return this.#slices[this.#gpuOffset[node]! + gpu]!;
  }
  gpuFits(node: number, gpu: number, shape: TaskShape): boolean {
    const at = this.#gpuOffset[node]! + gpu;
    if (shape.mig !== undefined) return this.slicesFor(node, gpu, shape.mig) > 0;
    return (
      this.#milli[at]! >= shape.gpuMilli &&
      this.#slices[at] === 0 &&
      (shape.gpuMilli === WHOLE_GPU
        ? this.#classMemory[this.#class[node]!]! >= shape.gpuMemoryMiB
        : this.#memory[at]! >= shape.gpuMemoryMiB)
    );
  }
  /** Where an instance of the profile would lie on the GPU now, as bits; 0 = nowhere: what shares a GPU otherwise rules MIG out. */
  slicesFor(node: number, gpu: number, mig: string): number {
    const at = this.#gpuOffset[node]! + gpu;
    const profiles = this.#mig[this.#class[node]!];
    const p = migProfile(profiles, mig);
    if (this.#out[at] === 1) return 0;
    if (p === undefined || (this.#slices[at] === 0 && this.#milli[at] !== WHOLE_GPU)) return 0;
    return migPlace(profiles!, p, this.#slices[at]!);
  }
  /** Instances of the profile that would fit on a GPU of the node with so much of it taken, one placed after the other. */
  instancesOn(node: number, mig: string, slices: number, freeMilli: number): number {
    const profiles = this.#mig[this.#class[node]!];
    const p = migProfile(profiles, mig);
    if (p === undefined || (slices === 0 && freeMilli !== WHOLE_GPU)) return 0;
    let used = slices;
    let n = 0;
    for (let bits = migPlace(profiles!, p, used); bits > 0; bits = migPlace(profiles!, p, used)) {
      used |= bits;
      n++;
    }
    return n;
  }
  /** Memory of one GPU of the node, MiB. */
  gpuMemoryOf(node: number): number {
    return this.#classMemory[this.#class[node]!]!;
  }
  freeCpuMilli(node: number): number {
    return this.#cpu[node]!;
  }
  freeRamMiB(node: number): number {
    return this.#ram[node]!;
  }
  /** The GPU takes nothing new, whatever is still on it. */
  isOut(node: number, gpu: number): boolean {
    return this.#out[this.#gpuOffset[node]! + gpu] === 1;
  }
  /** GPUs of the node that are out of service. */
  outCards(node: number): number {
    return this.#outCards[node]!;
  }
  gpusInService(node: number): number {
    return this.#gpuCount[node]! - this.#outCards[node]!;
  }
  /** Milli-GPU of a GPU out of service that nobody has. */
  heldMilliOf(node: number, gpu: number): number {
    return this.#heldMilli[this.#gpuOffset[node]! + gpu]!;
  }
  holdsImage(node: number, image: string): boolean {
    return this.#disks.get(node)?.has(image) === true;
  }
  diskRoomMiB(node: number): number {
    let room = this.#diskMiB[node]!;
    for (const mib of this.#disks.get(node)?.values() ?? []) room -= mib;
    return room;
  }
  /** A task with the image was sent to the node. */
  useImage(node: number, image: Image): void {
    useImage(this.diskOf(node), this.#diskMiB[node]!, image);
    this.#changed(node);
  }
  /** Live: whoever builds the picture anew fills it. */
  diskOf(node: number): Disk {
    let disk = this.#disks.get(node);
    if (disk === undefined) {
      disk = new Map();
      this.#disks.set(node, disk);
    }
    return disk;
  }
  disks(): ReadonlyMap<number, Disk> {
    return this.#disks;
  }
  isUp(node: number): boolean {
    return this.#up[node] === 1;
  }
  allocationsOf(node: number): readonly Allocation[] {
    return this.allocations[node]!;
  }
  lossesOf(node: number): number {
    return this.#losses[node]!;
  }
  rackOf(node: number): number {
    return this.#rack[node]!;
  }
  islandOf(node: number): number {
    return this.#island[node]!;
  }
  capacity(): { readonly milli: number; readonly cpu: number; readonly ram: number } {
    return this.#capacity;
  }
  get changesKept(): number {
    return this.#changes.length;
  }
  changedNode(change: number): number {
    return this.#changes[change & (this.#changes.length - 1)]!;
  }

  #changed(node: number): void {
    this.version[node]!++;
    this.#changes[this.changeCount++ & (this.#changes.length - 1)] = node;
  }

  /** Losses that a former picture of the node has seen. */
  setLosses(node: number, losses: number): void {
    if (this.#losses[node] === losses) return;
    this.#losses[node] = losses;
    this.#changed(node);
  }

  fits(node: number, shape: TaskShape): boolean {
    if (
      this.#up[node] === 0 ||
      shape.allowed[this.#class[node]!] === 0 ||
      this.#cpu[node]! < shape.cpuMilli ||
      this.#ram[node]! < shape.ramMiB
    ) {
      return false;
    }
    const need = shape.gpus;
    if (need === 0) return true;
    if (shape.gpuMilli === WHOLE_GPU) {
      return this.freeWholeByNode[node]! >= need && this.#classMemory[this.#class[node]!]! >= shape.gpuMemoryMiB;
    }
    return this.#countFitting(node, shape) >= need;
  }

  #countFitting(node: number, shape: TaskShape): number {
    let found = 0;
    const count = this.#gpuCount[node]!;
    for (let g = 0; g < count; g++) if (this.gpuFits(node, g, shape)) found++;
    return found;
  }

  mayFit(shape: TaskShape): boolean {
    if (shape.gpuMilli !== WHOLE_GPU || shape.gpus === 0) return true;
    for (let c = 0; c < this.classCount; c++) {
      if (shape.allowed[c] === 0) continue;
      for (let k = this.#width - 1; k >= shape.gpus; k--) {
        if (this.#histogram[c * this.#width + k]! > 0) return true;
      }
    }
    return false;
  }

  /** Tasks of the shape that the wholly free GPUs of all nodes allow at most; Infinity when it does not ask for whole GPUs. */
  tasksByWholeGpus(shape: TaskShape): number {
    if (shape.gpuMilli !== WHOLE_GPU || shape.gpus === 0) return Number.POSITIVE_INFINITY;
    let tasks = 0;
    for (let c = 0; c < this.classCount; c++) {
      if (shape.allowed[c] === 0) continue;
      for (let k = shape.gpus; k < this.#width; k++)
        tasks += this.#histogram[c * this.#width + k]! * Math.floor(k / shape.gpus);
    }
    return tasks;
  }

  /** Could one task of the shape run on the empty node, up or not? */
  fitsEmpty(node: number, shape: TaskShape): boolean {
    const c = this.#class[node]!;
    return (
      shape.allowed[c] === 1 &&
      this.#cpuCap[node]! >= shape.cpuMilli &&
      this.#ramCap[node]! >= shape.ramMiB &&
      this.#gpuCount[node]! >= shape.gpus &&
      (shape.gpus === 0 || this.#classMemory[c]! >= shape.gpuMemoryMiB)
    );
  }

  /** Core's own choice of GPUs: whole ones first idle by index; a fraction on the fullest GPU that still fits. Leases share the lists. */
  defaultGpus(node: number, shape: TaskShape): number[] {
    const base = this.#gpuOffset[node]!;
    const count = this.#gpuCount[node]!;
    if (shape.gpuMilli === WHOLE_GPU) {
      let g = 0;
      while (g < count && this.#milli[base + g] !== WHOLE_GPU) g++;
      if (g === count || shape.gpus === 0) return [];
      if (shape.gpus === 1) return (this.#alone[g] ??= [g]);
      const whole = [g];
      for (g++; g < count && whole.length < shape.gpus; g++) if (this.#milli[base + g] === WHOLE_GPU) whole.push(g);
      return whole;
    }
    if (shape.gpus === 1) {
      const best = this.#fullest(node, shape, null);
      return best < 0 ? [] : (this.#alone[best] ??= [best]);
    }
    const out: number[] = [];
    while (out.length < shape.gpus) {
      const best = this.#fullest(node, shape, out);
      if (best < 0) return out;
      out.push(best);
    }
    return out.sort((a, b) => a - b);
  }

  /** The GPU with the least free that still fits the shape, none of `but`; -1 = there is none. */
  #fullest(node: number, shape: TaskShape, but: readonly number[] | null): number {
    const base = this.#gpuOffset[node]!;
    const count = this.#gpuCount[node]!;
    let best = -1;
    for (let g = 0; g < count; g++) {
      if (!this.gpuFits(node, g, shape) || but?.includes(g)) continue;
      if (best < 0 || this.#milli[base + g]! < this.#milli[base + best]!) best = g;
    }
    return best;
  }

  /** The GPUs named are distinct, exist and have room for one task of the shape. */
  gpusFit(node: number, shape: TaskShape, gpus: readonly number[]): boolean {
    if (gpus.length !== shape.gpus) return false;
    let last = -1;
    for (const g of gpus) {
      if (!Number.isInteger(g) || g <= last || g >= this.#gpuCount[node]!) return false;
      if (!this.gpuFits(node, g, shape)) return false;
      last = g;
    }
    return true;
  }

  take(node: number, a: Allocation): void {
    this.#apply(node, a, -1);
    this.allocations[node]!.push(a);
  }

  /** Gives back an allocation; `freed` = capacity came back, as opposed to a placement undone within one decision. */
  give(node: number, a: Allocation, freed: boolean): void {
    const list = this.allocations[node]!;
    const at = list.indexOf(a);
    if (at < 0) throw new Error('cluster: allocation is not on this node');
    removeAt(list, at);
    this.#apply(node, a, 1);
    if (freed) this.freedVersion++;
  }

  /** A lease's expected end became known. */
  touch(node: number): void {
    this.#changed(node);
  }

  /** A GPU goes out of service, or comes back: what nobody has of it is no capacity meanwhile. */
  setOut(node: number, gpu: number, out: boolean): void {
    const at = this.#gpuOffset[node]! + gpu;
    if ((this.#out[at] === 1) === out) return;
    const up = this.#up[node] === 1;
    const c = this.#class[node]!;
    const milli = out ? this.#milli[at]! : this.#heldMilli[at]!;
    const sign = out ? -1 : 1;
    this.#out[at] = out ? 1 : 0;
    this.#outCards[node]! -= sign;
    const memory = out ? this.#memory[at]! : this.#heldMemory[at]!;
    this.#milli[at] = out ? 0 : milli;
    this.#memory[at] = out ? 0 : memory;
    this.#heldMilli[at] = out ? milli : 0;
    this.#heldMemory[at] = out ? memory : 0;
    this.#outMilli[node]! -= sign * milli;
    this.freeMilliByNode[node]! += sign * milli;
    if (milli === WHOLE_GPU) this.#setWhole(node, this.freeWholeByNode[node]! + sign);
    if (up) {
      this.capacityMilli[c]! += sign * milli;
      this.#capacity.milli += sign * milli;
    }
    if (out) this.#losses[node]!++;
    else if (up) this.freedVersion++;
    this.#changed(node);
  }

  /** Which GPUs are out, as in another picture of the node. */
  setCards(node: number, like: Cluster): void {
    if (this.#outCards[node] === 0 && like.#outCards[node] === 0) return;
    for (let g = 0; g < this.#gpuCount[node]!; g++) this.setOut(node, g, like.isOut(node, g));
  }

  #setWhole(node: number, whole: number): void {
    const at = this.#class[node]! * this.#width;
    if (this.#up[node] === 1) {
      this.#histogram[at + this.freeWholeByNode[node]!]!--;
      this.#histogram[at + whole]!++;
    }
    this.freeWholeByNode[node] = whole;
  }

  setUp(node: number, up: boolean): void {
    if (this.isUp(node) === up) return;
    const c = this.#class[node]!;
    const whole = this.#gpuCount[node]! * WHOLE_GPU - this.#outMilli[node]!;
    const sign = up ? 1 : -1;
    this.#up[node] = up ? 1 : 0;
    this.#histogram[c * this.#width + this.freeWholeByNode[node]!]! += sign;
    this.capacityMilli[c]! += sign * whole;
    this.#capacity.milli += sign * whole;
    this.#capacity.cpu += sign * this.#cpuCap[node]!;
    this.#capacity.ram += sign * this.#ramCap[node]!;
    this.usedMilli[c]! += sign * (whole - this.freeMilliByNode[node]! - this.#closedMilli[node]!);
    if (!up) this.#losses[node]!++;
    this.#changed(node);
    if (up) this.freedVersion++;
  }

  #apply(node: number, a: Allocation, sign: 1 | -1): void {
    const base = this.#gpuOffset[node]!;
    const c = this.#class[node]!;
    const full = this.#classMemory[c]!;
    const before = this.freeWholeByNode[node]!;
    let whole = before;
    // A whole GPU takes the memory with it; a fraction takes what it declared.
    const memory = a.gpuMilli === WHOLE_GPU ? full : a.gpuMemoryMiB;
    let held = 0;
    for (const g of a.gpus) {
      const at = base + g;
      if (this.#out[at] === 1) {
        held += sign * a.gpuMilli;
        this.#heldMilli[at]! += sign * a.gpuMilli;
        this.#heldMemory[at]! += sign * memory;
        if (a.slices !== undefined) this.#slices[at]! ^= a.slices;
        continue;
      }
      const wasWhole = this.#milli[at] === WHOLE_GPU;
      this.#milli[at]! += sign * a.gpuMilli;
      this.#memory[at]! += sign * memory;
      // Disjoint by construction: taking sets the bits, giving back clears them.
      if (a.slices !== undefined) this.#slices[at]! ^= a.slices;
      const isWhole = this.#milli[at] === WHOLE_GPU;
      if (wasWhole && !isWhole) whole--;
      else if (!wasWhole && isWhole) whole++;
    }
    const milli = sign * a.gpuMilli * a.gpus.length;
    this.freeMilliByNode[node]! += milli - held;
    this.#outMilli[node]! += held;
    this.#cpu[node]! += sign * a.cpuMilli;
    this.#ram[node]! += sign * a.ramMiB;
    this.freeWholeByNode[node] = whole;
    if (a.closed === true) this.#closedMilli[node]! -= milli;
    if (this.#up[node] === 1) {
      if (a.closed !== true) this.usedMilli[c]! -= milli;
      // What is given back of a GPU out of service is no capacity.
      this.capacityMilli[c]! -= held;
      this.#capacity.milli -= held;
      if (whole !== before) {
        this.#histogram[c * this.#width + before]!--;
        this.#histogram[c * this.#width + whole]!++;
      }
    }
    this.#changed(node);
  }
}
