import { NEVER, type TimeUs } from '../types.ts';

/** Next wakeup of every machine of a host: an indexed binary heap, ties by machine, so the due ones come in fixed order. */
export class Timers {
  readonly #at: Float64Array;
  readonly #heap: Int32Array;
  readonly #where: Int32Array;
  #size = 0;

  constructor(machines: number) {
    this.#at = new Float64Array(machines).fill(NEVER);
    this.#heap = new Int32Array(machines);
    this.#where = new Int32Array(machines).fill(-1);
  }

  /** Stamp of the earliest wakeup, or NEVER. */
  next(): TimeUs {
    return this.#size === 0 ? NEVER : this.#at[this.#heap[0]!]!;
  }
  /** Machine of the earliest wakeup. */
  first(): number {
    return this.#heap[0]!;
  }
  at(machine: number): TimeUs {
    return this.#at[machine]!;
  }

  set(machine: number, at: TimeUs): void {
    const before = this.#at[machine]!;
    if (before === at) return;
    this.#at[machine] = at;
    let i = this.#where[machine]!;
    if (at >= NEVER) {
      if (i >= 0) this.#remove(i);
      return;
    }
    if (i < 0) {
      i = this.#size++;
      this.#heap[i] = machine;
      this.#where[machine] = i;
      this.#up(i);
    } else if (at < before) this.#up(i);
    else this.#down(i);
  }

  #less(a: number, b: number): boolean {
    const ta = this.#at[a]!;
    const tb = this.#at[b]!;
    return ta < tb || (ta === tb && a < b);
  }

  #remove(i: number): void {
    this.#where[this.#heap[i]!] = -1;
    const last = this.#heap[--this.#size]!;
    if (i === this.#size) return;
    this.#heap[i] = last;
    this.#where[last] = i;
    this.#up(i);
    this.#down(this.#where[last]!);
  }

  #up(start: number): void {
    const machine = this.#heap[start]!;
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const p = this.#heap[parent]!;
      if (!this.#less(machine, p)) break;
      this.#heap[i] = p;
      this.#where[p] = i;
      i = parent;
    }
    this.#heap[i] = machine;
    this.#where[machine] = i;
  }

  #down(start: number): void {
    const machine = this.#heap[start]!;
    let i = start;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#less(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      const c = this.#heap[child]!;
      if (!this.#less(c, machine)) break;
      this.#heap[i] = c;
      this.#where[c] = i;
      i = child;
    }
    this.#heap[i] = machine;
    this.#where[machine] = i;
  }
}

/** Sorts the first `count` numbers in place: by insertion while there are few, as there nearly always are. */
export function sortAscending(values: Int32Array, count: number): void {
  if (count > 32) {
    values.subarray(0, count).sort((a, b) => a - b);
    return;
  }
  for (let i = 1; i < count; i++) {
    const v = values[i]!;
    let k = i - 1;
    while (k >= 0 && values[k]! > v) {
      values[k + 1] = values[k]!;
      k--;
    }
    values[k + 1] = v;
  }
}
