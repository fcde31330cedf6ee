import { NEVER, type TimeUs } from './types.ts';

/**
 * Deadlines of a machine's entries, earliest first, ties by entry number. Entries that were resolved stay in the heap until
 * they surface or are three times the live ones, so memory follows what is live; `isLive` is the owner's truth.
 */
export class Deadlines {
  #at: Float64Array = new Float64Array(16);
  #id: Float64Array = new Float64Array(16);
  #size = 0;
  #floor = 64;
  readonly #isLive: (id: number, at: TimeUs) => boolean;

  constructor(isLive: (id: number, at: TimeUs) => boolean) {
    this.#isLive = isLive;
  }

  add(id: number, at: TimeUs): void {
    if (at >= NEVER) return;
    if (this.#size >= this.#floor) this.#compact();
    if (this.#size === this.#at.length) this.#grow();
    this.#up(this.#size++, at, id);
  }

  /** Stamp of the earliest live entry, or NEVER. */
  next(): TimeUs {
    while (this.#size > 0) {
      const at = this.#at[0]!;
      if (this.#isLive(this.#id[0]!, at)) return at;
      this.#pop();
    }
    return NEVER;
  }

  /** Takes the earliest live entry due at `now` or before; -1 when there is none. */
  take(now: TimeUs): number {
    // What is due later needs no look at whether it is live.
    if (this.#size === 0 || this.#at[0]! > now || this.next() > now) return -1;
    const id = this.#id[0]!;
    this.#pop();
    return id;
  }

  #compact(): void {
    const size = this.#size;
    this.#size = 0;
    // A live entry moves up among those kept before it, never past the place it is read from.
    for (let i = 0; i < size; i++) {
      const at = this.#at[i]!;
      const id = this.#id[i]!;
      if (this.#isLive(id, at)) this.#up(this.#size++, at, id);
    }
    this.#floor = Math.max(64, 4 * this.#size);
  }

  #grow(): void {
    const at = new Float64Array(this.#at.length * 2);
    const id = new Float64Array(this.#at.length * 2);
    at.set(this.#at);
    id.set(this.#id);
    this.#at = at;
    this.#id = id;
  }

  #up(start: number, at: TimeUs, id: number): void {
    const ats = this.#at;
    const ids = this.#id;
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const pa = ats[parent]!;
      if (pa < at || (pa === at && ids[parent]! <= id)) break;
      ats[i] = pa;
      ids[i] = ids[parent]!;
      i = parent;
    }
    ats[i] = at;
    ids[i] = id;
  }

  #pop(): void {
    const ats = this.#at;
    const ids = this.#id;
    const n = --this.#size;
    if (n === 0) return;
    const at = ats[n]!;
    const id = ids[n]!;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      const right = child + 1;
      if (right < n && (ats[right]! < ats[child]! || (ats[right] === ats[child] && ids[right]! < ids[child]!)))
        child = right;
      if (ats[child]! > at || (ats[child] === at && ids[child]! >= id)) break;
      ats[i] = ats[child]!;
      ids[i] = ids[child]!;
      i = child;
    }
    ats[i] = at;
    ids[i] = id;
  }
}
