import type { GangShape, WaitingJob } from '../../../core/interfaces.ts';

/**
 * The waiting jobs of one demand in order of arrival, with a tournament tree over their limits: the first job, or the first
 * with a limit of at most x, is found in O(log n). Shared by the policies that reason per shape.
 */
export class ShapeQueue {
  #shape: GangShape;
  #jobs: (WaitingJob | null)[] = [];
  /** Tree over slots: smallest limit below each inner node; leaves start at `#leaves`. */
  #tree: Float64Array = new Float64Array(32).fill(Infinity);
  #leaves = 16;
  #live = 0;
  #first = 0;
  readonly #slot = new Map<WaitingJob, number>();

  constructor(shape: GangShape) {
    this.#shape = shape;
  }

  get shape(): GangShape {
    return this.#shape;
  }

  /** An empty queue starts anew, for another demand. */
  open(shape: GangShape): void {
    if (this.#live > 0) throw new Error('shape queue: still in use');
    this.#shape = shape;
    // Popped, not cut: the list keeps its room.
    while (this.#jobs.length > 0) this.#jobs.pop();
    this.#first = 0;
  }

  get size(): number {
    return this.#live;
  }

  add(job: WaitingJob): void {
    const n = this.#jobs.length;
    let last: WaitingJob | null = null;
    for (let i = n - 1; i >= this.#first && last === null; i--) last = this.#jobs[i]!;
    if (last !== null && last.order > job.order) {
      // A retried job goes back to its place.
      this.#rebuild([...this.#waiting(), job].sort((a, b) => a.order - b.order));
      return;
    }
    if (n === this.#leaves) {
      this.#rebuild([...this.#waiting(), job]);
      return;
    }
    this.#put(n, job);
    this.#live++;
  }

  remove(job: WaitingJob): void {
    const slot = this.#slot.get(job);
    if (slot === undefined) return;
    this.#slot.delete(job);
    this.#jobs[slot] = null;
    this.#set(slot, Infinity);
    this.#live--;
    while (this.#first < this.#jobs.length && this.#jobs[this.#first] === null) this.#first++;
  }

  /** Earliest arrival, or null. */
  head(): WaitingJob | null {
    return this.#jobs[this.#first] ?? null;
  }

  /** Earliest arrival with `limitUs` at most `limit`, or null. */
  firstWithin(limit: number): WaitingJob | null {
    if (this.#live === 0 || this.#tree[1]! > limit) return null;
    let i = 1;
    while (i < this.#leaves) i = this.#tree[2 * i]! <= limit ? 2 * i : 2 * i + 1;
    return this.#jobs[i - this.#leaves]!;
  }

  *#waiting(): Generator<WaitingJob> {
    for (let i = this.#first; i < this.#jobs.length; i++) if (this.#jobs[i] !== null) yield this.#jobs[i]!;
  }

  #rebuild(jobs: WaitingJob[]): void {
    this.#leaves = 16;
    while (this.#leaves < 2 * jobs.length) this.#leaves *= 2;
    this.#tree = new Float64Array(2 * this.#leaves).fill(Infinity);
    this.#jobs = [];
    this.#first = 0;
    this.#slot.clear();
    this.#live = jobs.length;
    jobs.forEach((j, i) => {
      this.#put(i, j);
    });
  }

  #put(slot: number, job: WaitingJob): void {
    this.#jobs[slot] = job;
    this.#slot.set(job, slot);
    this.#set(slot, job.spec.limitUs);
  }

  #set(slot: number, limit: number): void {
    const tree = this.#tree;
    let i = this.#leaves + slot;
    tree[i] = limit;
    for (i >>= 1; i >= 1; i >>= 1) {
      const least = Math.min(tree[2 * i]!, tree[2 * i + 1]!);
      if (tree[i] === least) break;
      tree[i] = least;
    }
  }
}
