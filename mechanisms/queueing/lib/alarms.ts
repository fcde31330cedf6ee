/** Something due at a stamp; `off` once it does not count any more. */
export interface Alarm {
  readonly atUs: number;
  off: boolean;
}

/** Alarms by stamp, earliest first. What is off goes when it surfaces or when it outnumbers the rest. */
export class Alarms<A extends Alarm> {
  #heap: A[] = [];
  #most = 64;

  add(a: A): void {
    if (this.#heap.length >= this.#most) {
      const kept = this.#heap.filter((x) => !x.off);
      this.#heap = [];
      for (const x of kept) this.#up(x);
      this.#most = Math.max(64, 2 * kept.length);
    }
    this.#up(a);
  }

  /** The earliest that is not off, or undefined. */
  first(): A | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.off) this.#pop();
    return this.#heap[0];
  }

  clear(): void {
    this.#heap = [];
  }

  #up(a: A): void {
    const heap = this.#heap;
    let i = heap.push(a) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.atUs <= a.atUs) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = a;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const n = heap.length;
    if (n === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && heap[child + 1]!.atUs < heap[child]!.atUs) child++;
      if (heap[child]!.atUs >= last.atUs) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}
