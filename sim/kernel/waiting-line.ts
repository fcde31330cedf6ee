import type { Kernel } from './kernel.ts';
import type { Process, WaitingPlace } from './process.ts';

interface Lane {
  priority: number;
  /** Numbers of processes, 0 = none. */
  first: number;
  last: number;
}

/** Waiting processes by priority (lower first), first come first served within one. Leaving from the middle costs O(1). */
export class WaitingLine implements WaitingPlace {
  length = 0;
  /** Priorities in use, in order. The last one emptied is kept: most lines have one priority. */
  readonly #lanes: Lane[] = [];
  #lane: Lane = { priority: 0, first: 0, last: 0 };
  /** Told when a process leaves without being served. */
  readonly #onLeave: ((p: Process) => void) | null;

  readonly #processes: readonly (Process | null)[];

  constructor(kernel: Kernel, onLeave: ((p: Process) => void) | null = null) {
    this.#processes = kernel.processes;
    this.#lanes.push(this.#lane);
    this.#onLeave = onLeave;
  }

  add(p: Process, priority: number): void {
    const lane = this.#lane.priority === priority ? this.#lane : this.#laneOf(priority);
    p.priority = priority;
    p.before = lane.last;
    p.after = 0;
    if (lane.last === 0) lane.first = p.number;
    else this.#processes[lane.last]!.after = p.number;
    lane.last = p.number;
    p.place = this;
    this.length++;
  }

  #laneOf(priority: number): Lane {
    if (!Number.isFinite(priority)) throw new RangeError(`priority ${priority} is not a number`);
    const lanes = this.#lanes;
    let low = 0;
    let high = lanes.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (lanes[mid]!.priority < priority) low = mid + 1;
      else high = mid;
    }
    let lane = lanes[low];
    if (lane === undefined || lane.priority !== priority) {
      lane = { priority, first: 0, last: 0 };
      lanes.splice(low, 0, lane);
    }
    this.#lane = lane;
    return lane;
  }

  /** The process to serve next, or null. */
  first(): Process | null {
    if (this.length === 0) return null;
    const lanes = this.#lanes;
    while (lanes.length > 1 && lanes[0]!.first === 0) {
      lanes.shift();
      this.#lane = lanes[0]!;
    }
    return this.#processes[lanes[0]!.first]!;
  }

  /** Takes out the process to serve next, or null. */
  shift(): Process | null {
    const p = this.first();
    if (p === null) return null;
    const lane = this.#lanes[0]!;
    const next = p.after;
    lane.first = next;
    if (next === 0) lane.last = 0;
    else this.#processes[next]!.before = 0;
    p.after = 0;
    p.place = null;
    this.length--;
    return p;
  }

  /** Takes a process out: it is served. */
  remove(p: Process): void {
    const lane = this.#lane.priority === p.priority ? this.#lane : this.#laneOf(p.priority);
    if (p.before === 0) lane.first = p.after;
    else this.#processes[p.before]!.after = p.after;
    if (p.after === 0) lane.last = p.before;
    else this.#processes[p.after]!.before = p.before;
    p.before = 0;
    p.after = 0;
    p.place = null;
    this.length--;
  }

  /** A waiting process gave up or was interrupted. */
  forget(p: Process): void {
    this.remove(p);
    this.#onLeave?.(p);
  }

  /** In the order of service. */
  *[Symbol.iterator](): Generator<Process> {
    for (const lane of this.#lanes) {
      for (let n = lane.first; n !== 0; ) {
        const p = this.#processes[n]!;
        yield p;
        n = p.after;
      }
    }
  }
}
