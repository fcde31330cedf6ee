import { NEVER } from '../../core/types.ts';
import { type EventQueue, PHASE_STEP, type QueueState, refuseEvent, type SimEvent, SLOTS } from './queue.ts';
import { tieShuffle } from './tie-shuffle.ts';

/** Handles carry the key's low 27 bits above the slot. */
const GENERATIONS = 0x8000000;
/** Words of a record: time, key, a as doubles (0..2); type and b as 32-bit integers (6, 7). */
const TYPE = 6;
const B = 7;
const DEAD = -1;
const FREE = -2;
/**
 * Bottom is a sorted array up to this many events; with more it goes to the ladder, or becomes a 4-ary heap when all are at one
 * stamp or the ladder has no more rungs. A bucket with more events is split. Measured: docs/decisions/0004.
 */
const SORTED = 48;
/** A heap that shrinks to this many is sorted again. */
const UNHEAP = 16;
/** A Top that is not longer becomes Bottom and the ladder is put away. */
const SMALL = 24;
const RUNGS = 8;

/**
 * Event queue in one class with three structures: a sorted array for a few events, a 4-ary heap for some, a ladder queue
 * (Tang, Goh and Thng, ACM TOMACS 15(3), 2005) for many, handed over as the number of events grows and shrinks.
 *
 * Changed from the paper: times are integers and bucket widths powers of two, so that an event's bucket is exact and ties
 * never part; Bottom turns into a heap where the paper keeps sorting, so that a million events at one stamp cost
 * O(log n) each; buckets are chains through one `next` array, and the payload is one record of 32 bytes, so that an event
 * is one cache line. Equal times are ordered by key = phase * 2^40 + seq, read from the record only on a tie.
 *
 * Every event at or after `#limit` lies in the ladder (Top, or the outermost rung whose current bucket is not behind it), every
 * earlier one in Bottom. A cancelled event stays until it surfaces or until the cancelled outnumber the live. Memory:
 * 36 bytes per event at the peak plus at most 4 to 8 for bucket heads.
 */
export class LadderQueue implements EventQueue {
  /** Stamp of the last event taken. */
  now = 0;
  /** Where the last event that `next` gave had its record: free again, and intact until the next post. */
  slot = 0;

  #head = 0;
  #tail = 0;
  #heap = false;
  #limit = Infinity;
  #times = new Float64Array(256);
  #slots = new Int32Array(256);

  #free = 0;
  #doubles: Float64Array;
  #words: Int32Array;
  #next: Int32Array;
  #seq = 1;
  #taken = 0;
  #cancelled = 0;
  #dead = 0;

  #top = 0;
  #topCount = 0;
  #topStart = Infinity;
  #topMin = Infinity;
  #topMax = -Infinity;
  #depth = 0;
  #spillAt = SORTED;
  readonly #rungs: Rung[] = [];
  readonly #shuffle: number | null;

  /** With `shuffleSeed`, ties within a phase go in an order drawn from the seed: a debug mode that exposes order bugs. */
  constructor(options: { capacity?: number; shuffleSeed?: number } = {}) {
    const capacity = Math.max(16, options.capacity ?? 1024);
    const records = new ArrayBuffer(capacity * 32);
    this.#doubles = new Float64Array(records);
    this.#words = new Int32Array(records);
    this.#next = new Int32Array(capacity);
    this.#chainFree(1, capacity);
    this.#shuffle = options.shuffleSeed ?? null;
  }

  get size(): number {
    return this.#seq - 1 - this.#taken - this.#cancelled;
  }

  /** Operands of the last event that `next` gave; to be read before anything is posted. */
  get a(): number {
    return this.#doubles[(this.slot << 2) + 2]!;
  }
  get b(): number {
    return this.#words[(this.slot << 3) + B]!;
  }

  /** Events taken so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Bytes held, whatever the events. */
  get bytes(): number {
    let sum = this.#doubles.byteLength + this.#next.byteLength + this.#times.byteLength + this.#slots.byteLength;
    for (const r of this.#rungs) sum += r.heads.byteLength;
    return sum;
  }

  push(timeUs: number, phase: number, type: number, a: number, b: number): number {
    return this.handleOf(this.post(timeUs, phase, type, a, b));
  }

  /**
   * `push` without a handle: the fast path, inlined into event handlers. Returns the event's slot, a small integer that is its own
   * until it happens.
   */
  post(timeUs: number, phase: number, type: number, a: number, b: number): number {
    if (
      !(timeUs >= this.now && timeUs <= NEVER) ||
      Math.floor(timeUs) !== timeUs ||
      (phase & 4095) !== phase ||
      (type & 0x7fffffff) !== type ||
      (b | 0) !== b
    )
      refuseEvent(this.now, timeUs, phase, type, b);
    if (this.#free === 0) this.#grow();
    const slot = this.#free;
    this.#free = this.#next[slot]!;
    const d = slot << 2;
    this.#doubles[d] = timeUs;
    this.#doubles[d + 1] = phase * PHASE_STEP + this.#seq++;
    this.#doubles[d + 2] = a;
    const w = slot << 3;
    this.#words[w + TYPE] = type;
    this.#words[w + B] = b;
    this.#place(slot);
    return slot;
  }

  /** Handle of the event in a slot. */
  handleOf(slot: number): number {
    return (this.#doubles[(slot << 2) + 1]! & (GENERATIONS - 1)) * SLOTS + slot;
  }

  cancel(handle: number): boolean {
    const slot = handle % SLOTS;
    if (!(slot > 0 && slot < this.#next.length) || this.#words[(slot << 3) + TYPE]! < 0) return false;
    if (this.handleOf(slot) !== handle) return false;
    this.cancelSlot(slot);
    return true;
  }

  /** `cancel` for a caller who knows that the event in the slot is pending and its own. */
  cancelSlot(slot: number): void {
    this.#words[(slot << 3) + TYPE] = DEAD;
    this.#cancelled++;
    this.#dead++;
    if (this.#dead > 64 && this.#dead > this.size) this.#compact();
  }

  peekTime(): number {
    for (;;) {
      if (this.#head === this.#tail) {
        if (!this.#refill()) return NEVER;
        continue;
      }
      const slot = this.#slots[this.#head]!;
      if (this.#words[(slot << 3) + TYPE]! >= 0) return this.#times[this.#head]!;
      this.#dropHead();
      this.#giveBack(slot);
      this.#dead--;
    }
  }

  pop(event: SimEvent): boolean {
    const type = this.next(NEVER - 1);
    if (type < 0) return false;
    event.timeUs = this.now;
    event.phase = Math.floor(this.#doubles[(this.slot << 2) + 1]! / PHASE_STEP);
    event.type = type;
    event.a = this.a;
    event.b = this.b;
    return true;
  }

  /**
   * Takes the next event at or before `until` and returns its type, or -1. Its stamp is then `now`; its operands are `a` and `b`
   * until something is posted.
   */
  next(until: number): number {
    for (;;) {
      const head = this.#head;
      if (head === this.#tail) {
        if (!this.#refill()) return -1;
        continue;
      }
      const time = this.#times[head]!;
      if (time > until) return -1;
      const slot = this.#slots[head]!;
      if (this.#heap) this.#removeTop();
      else this.#head = head + 1;
      const w = (slot << 3) + TYPE;
      const type = this.#words[w]!;
      this.#words[w] = FREE;
      this.#next[slot] = this.#free;
      this.#free = slot;
      if (type < 0) {
        this.#dead--;
        continue;
      }
      this.#taken++;
      this.now = time;
      this.slot = slot;
      return type;
    }
  }

  /** Moves the clock forward when nothing is due before. */
  advance(time: number): void {
    if (time > this.peekTime()) throw new RangeError(`the clock cannot pass the event at ${this.peekTime()}`);
    if (time > this.now) this.now = time;
  }

  #dropHead(): void {
    if (this.#heap) this.#removeTop();
    else this.#head++;
  }

  #giveBack(slot: number): void {
    this.#words[(slot << 3) + TYPE] = FREE;
    this.#next[slot] = this.#free;
    this.#free = slot;
  }

  /** Puts a filled record where it belongs. */
  #place(slot: number): void {
    if (this.#shuffle !== null) {
      const d = (slot << 2) + 1;
      const key = this.#doubles[d]!;
      this.#doubles[d] = key - (key % PHASE_STEP) + tieShuffle(key % PHASE_STEP, this.#shuffle);
    }
    // Only the slot is passed on: a double as an argument of a call that is not inlined costs an allocation.
    if (this.#doubles[slot << 2]! >= this.#limit) this.#toLadder(slot);
    else if (this.#heap) this.#pushHeap(slot);
    else this.#insert(slot);
  }

  /** Into the sorted Bottom, from the nearer end. */
  #insert(slot: number): void {
    const time = this.#doubles[slot << 2]!;
    if (this.#tail === this.#times.length) this.#slide();
    const times = this.#times;
    const slots = this.#slots;
    const head = this.#head;
    let i = this.#tail;
    if (i - head > 6 && head > 0 && time < times[(head + i) >> 1]!) {
      i = head;
      while (times[i]! < time || (times[i]! === time && this.#before(slots[i]!, slot))) {
        times[i - 1] = times[i]!;
        slots[i - 1] = slots[i]!;
        i++;
      }
      times[i - 1] = time;
      slots[i - 1] = slot;
      this.#head = head - 1;
    } else {
      while (i > head && (times[i - 1]! > time || (times[i - 1]! === time && this.#before(slot, slots[i - 1]!)))) {
        times[i] = times[i - 1]!;
        slots[i] = slots[i - 1]!;
        i--;
      }
      times[i] = time;
      slots[i] = slot;
      this.#tail++;
    }
    if (this.#tail - this.#head > SORTED) this.#overflow();
  }

  /** Order of two events at one stamp. */
  #before(x: number, y: number): boolean {
    return this.#doubles[(x << 2) + 1]! < this.#doubles[(y << 2) + 1]!;
  }

  /** Makes room at the end of Bottom: down to the front, or into larger arrays. */
  #slide(): void {
    const count = this.#tail - this.#head;
    if (count * 2 > this.#times.length) {
      const size = this.#times.length * 2;
      this.#times = enlarge(this.#times, new Float64Array(size));
      this.#slots = enlarge(this.#slots, new Int32Array(size));
      return;
    }
    this.#toFront();
  }

  #toFront(): void {
    this.#times.copyWithin(0, this.#head, this.#tail);
    this.#slots.copyWithin(0, this.#head, this.#tail);
    this.#tail -= this.#head;
    this.#head = 0;
  }

  /** The sorted array is long. It is a heap already, and that is what it stays if it cannot go to the ladder. */
  #overflow(): void {
    this.#toFront();
    this.#heap = true;
    this.#spill();
  }

  #pushHeap(slot: number): void {
    const time = this.#doubles[slot << 2]!;
    if (this.#tail === this.#times.length) this.#slide();
    const times = this.#times;
    const slots = this.#slots;
    let i = this.#tail++;
    while (i > 0) {
      const parent = (i - 1) >> 2;
      const t = times[parent]!;
      if (t < time || (t === time && this.#before(slots[parent]!, slot))) break;
      times[i] = t;
      slots[i] = slots[parent]!;
      i = parent;
    }
    times[i] = time;
    slots[i] = slot;
    if (this.#tail > this.#spillAt) this.#spill();
  }

  #removeTop(): void {
    const n = --this.#tail;
    if (n > 0) this.#down(0, this.#times[n]!, this.#slots[n]!);
    if (n <= UNHEAP) this.#sortBottom();
  }

  #down(start: number, time: number, slot: number): void {
    const times = this.#times;
    const slots = this.#slots;
    const n = this.#tail;
    let i = start;
    for (;;) {
      let c = 4 * i + 1;
      if (c >= n) break;
      let least = c;
      let t = times[c]!;
      const end = c + 4 < n ? c + 4 : n;
      for (c++; c < end; c++) {
        const u = times[c]!;
        if (u < t || (u === t && this.#before(slots[c]!, slots[least]!))) {
          least = c;
          t = u;
        }
      }
      if (time < t || (time === t && this.#before(slot, slots[least]!))) break;
      times[i] = t;
      slots[i] = slots[least]!;
      i = least;
    }
    times[i] = time;
    slots[i] = slot;
  }

  // The ladder.

  #toLadder(slot: number): void {
    const time = this.#doubles[slot << 2]!;
    if (time >= this.#topStart) {
      this.#next[slot] = this.#top;
      this.#top = slot;
      this.#topCount++;
      if (time < this.#topMin) this.#topMin = time;
      if (time > this.#topMax) this.#topMax = time;
      return;
    }
    for (let r = 0; ; r++) {
      const rung = this.#rungs[r]!;
      const bucket = Math.floor((time - rung.start) * rung.perTick);
      if (bucket < rung.current) continue;
      const heads = rung.heads;
      this.#next[slot] = heads[bucket]!;
      heads[bucket] = slot;
      return;
    }
  }

  /** Bottom is long: its events go to Top when there is no ladder yet, else to a new innermost rung. */
  #spill(): void {
    const count = this.#tail;
    const slots = this.#slots;
    const times = this.#times;
    let min = times[0]!;
    let max = min;
    for (let i = 1; i < count; i++) if (times[i]! > max) max = times[i]!;
    if (min === max || this.#depth === RUNGS) {
      this.#spillAt = 2 * count;
      return;
    }
    this.#head = 0;
    this.#tail = 0;
    this.#heap = false;
    this.#spillAt = SORTED;
    if (this.#limit === Infinity) {
      min = -1;
      this.#topStart = -1;
    } else {
      this.#openRung(min, this.#limit, count);
    }
    this.#limit = min;
    for (let i = 0; i < count; i++) this.#toLadder(slots[i]!);
  }

  /** A new innermost rung for the stamps from `start` to before `end`, with about as many buckets as events. */
  #openRung(start: number, end: number, count: number): Rung {
    let width = 1;
    while (width * count < end - start) width *= 2;
    const buckets = Math.ceil((end - start) / width);
    let rung = this.#rungs[this.#depth];
    if (rung === undefined) {
      rung = { start: 0, end: 0, width: 1, perTick: 1, current: 0, buckets: 0, heads: new Int32Array(256) };
      this.#rungs.push(rung);
    }
    if (rung.heads.length < buckets) rung.heads = new Int32Array(buckets);
    rung.start = start;
    rung.end = end;
    rung.width = width;
    rung.perTick = 1 / width;
    rung.current = 0;
    rung.buckets = buckets;
    this.#depth++;
    return rung;
  }

  /** Fills an empty Bottom with the next events; false when there are none. */
  #refill(): boolean {
    this.#head = 0;
    this.#tail = 0;
    this.#heap = false;
    this.#spillAt = SORTED;
    for (;;) {
      if (this.#depth === 0) {
        if (this.#topCount <= SMALL) {
          const some = this.#topCount > 0;
          this.#toBottom(this.#top);
          this.#clearTop(Infinity);
          this.#limit = Infinity;
          if (some) this.#sortBottom();
          return some;
        }
        this.#openTop();
      }
      const rung = this.#rungs[this.#depth - 1]!;
      const heads = rung.heads;
      let i = rung.current;
      while (i < rung.buckets && heads[i] === 0) i++;
      if (i === rung.buckets) {
        this.#depth--;
        this.#limit = rung.end;
        continue;
      }
      rung.current = i + 1;
      this.#toBottom(heads[i]!);
      heads[i] = 0;
      const start = rung.start + i * rung.width;
      this.#limit = Math.min(rung.end, start + rung.width);
      const count = this.#tail;
      if (count > SORTED && rung.width > 1 && this.#depth < RUNGS) {
        this.#openRung(start, this.#limit, count);
        this.#limit = start;
        this.#tail = 0;
        for (let k = 0; k < count; k++) this.#toLadder(this.#slots[k]!);
        continue;
      }
      this.#sortBottom();
      return true;
    }
  }

  /** Top becomes the outermost rung. */
  #openTop(): void {
    const start = this.#topMin;
    let slot = this.#top;
    const rung = this.#openRung(start, this.#topMax + 1, this.#topCount);
    rung.end = start + rung.buckets * rung.width;
    this.#clearTop(rung.end);
    this.#limit = start;
    const { heads, perTick } = rung;
    while (slot !== 0) {
      const after = this.#next[slot]!;
      const bucket = Math.floor((this.#doubles[slot << 2]! - start) * perTick);
      this.#next[slot] = heads[bucket]!;
      heads[bucket] = slot;
      slot = after;
    }
  }

  #clearTop(start: number): void {
    this.#top = 0;
    this.#topCount = 0;
    this.#topMin = Infinity;
    this.#topMax = -Infinity;
    this.#topStart = start;
  }

  /** Appends a chain to Bottom, in any order. */
  #toBottom(first: number): void {
    let n = this.#tail;
    for (let slot = first; slot !== 0; slot = this.#next[slot]!) {
      if (n === this.#times.length) {
        this.#tail = n;
        this.#slide();
      }
      this.#times[n] = this.#doubles[slot << 2]!;
      this.#slots[n++] = slot;
    }
    this.#tail = n;
  }

  /** Puts an unordered Bottom in order: sorted when short, else a heap. */
  #sortBottom(): void {
    const n = this.#tail;
    const times = this.#times;
    const slots = this.#slots;
    this.#heap = n > SORTED;
    if (this.#heap) {
      for (let i = (n - 2) >> 2; i >= 0; i--) this.#down(i, times[i]!, slots[i]!);
      return;
    }
    for (let i = 1; i < n; i++) {
      const time = times[i]!;
      const slot = slots[i]!;
      let j = i;
      while (j > 0 && (times[j - 1]! > time || (times[j - 1]! === time && this.#before(slot, slots[j - 1]!)))) {
        times[j] = times[j - 1]!;
        slots[j] = slots[j - 1]!;
        j--;
      }
      times[j] = time;
      slots[j] = slot;
    }
  }

  // Slots.

  /** Doubles the table of records; the new slots are free, lowest first. */
  #grow(): void {
    const old = this.#next.length;
    const size = old * 2;
    if (old >= SLOTS) throw new RangeError(`more than ${SLOTS - 1} events pending`);
    const records = new ArrayBuffer(size * 32);
    this.#doubles = enlarge(this.#doubles, new Float64Array(records));
    this.#words = new Int32Array(records);
    this.#next = enlarge(this.#next, new Int32Array(size));
    this.#chainFree(old, size);
  }

  #chainFree(from: number, to: number): void {
    for (let slot = from; slot < to; slot++) {
      this.#words[(slot << 3) + TYPE] = FREE;
      this.#next[slot] = slot + 1 === to ? this.#free : slot + 1;
    }
    this.#free = from;
  }

  /** Drops what was cancelled and lays out the rest anew. */
  #compact(): void {
    for (let r = 0; r < this.#depth; r++) this.#rungs[r]!.heads.fill(0, 0, this.#rungs[r]!.buckets);
    this.#rebuild();
  }

  /** Lays out every live event anew; every other slot is free. */
  #rebuild(): void {
    this.#depth = 0;
    this.#dead = 0;
    this.#head = 0;
    this.#tail = 0;
    this.#heap = false;
    this.#spillAt = SORTED;
    this.#clearTop(-1);
    this.#limit = -1;
    this.#free = 0;
    for (let slot = this.#next.length - 1; slot > 0; slot--) {
      if (this.#words[(slot << 3) + TYPE]! >= 0) this.#toLadder(slot);
      else this.#giveBack(slot);
    }
  }

  snapshot(): QueueState {
    const events: QueueState['events'] = [];
    for (let slot = 1; slot < this.#next.length; slot++) {
      const w = (slot << 3) + TYPE;
      if (this.#words[w]! < 0) continue;
      const d = slot << 2;
      const key = this.#doubles[d + 1]!;
      events.push([
        this.#doubles[d]!,
        Math.floor(key / PHASE_STEP),
        key % PHASE_STEP,
        this.#words[w]!,
        this.#doubles[d + 2]!,
        this.#words[w + 1]!,
        this.handleOf(slot),
      ]);
    }
    events.sort((x, y) => x[0] - y[0] || x[1] - y[1] || x[2] - y[2]);
    return { now: this.now, seq: this.#seq, events, generations: [] };
  }

  restore(state: QueueState): void {
    if (this.#seq > 1) throw new Error('event queue: restore needs a fresh instance');
    for (const [time, phase, seq, type, a, b, handle] of state.events) {
      const slot = handle % SLOTS;
      while (slot >= this.#next.length) this.#grow();
      const d = slot << 2;
      this.#doubles[d] = time;
      this.#doubles[d + 1] = phase * PHASE_STEP + seq;
      this.#doubles[d + 2] = a;
      this.#words[(slot << 3) + TYPE] = type;
      this.#words[(slot << 3) + B] = b;
    }
    this.now = state.now;
    this.#seq = state.seq;
    this.#taken = state.seq - 1 - state.events.length;
    this.#rebuild();
  }
}

interface Rung {
  /** Its buckets cover the stamps from here to before `end`. */
  start: number;
  end: number;
  /** Ticks per bucket, a power of two, and its inverse. */
  width: number;
  perTick: number;
  /** The buckets before this one are empty for good. */
  current: number;
  buckets: number;
  /** First slot of each bucket's chain, 0 = empty. */
  heads: Int32Array;
}

function enlarge<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from as never);
  return to;
}
