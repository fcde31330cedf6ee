import { NEVER } from '../../core/types.ts';
import { type EventQueue, PHASE_STEP as PHASE, type QueueState, refuseEvent, type SimEvent, SLOTS } from './queue.ts';

const FREE = -1;

/**
 * Event queue as a plain 4-ary heap over flat arrays: the differential twin of LadderQueue, with which it shares no code. A cancelled event leaves its place at once when it is last, else when it
 * surfaces or when the cancelled outnumber the live, so memory follows live events. Handles carry a generation: a handle of
 * an event that is over cancels nothing.
 */
export class HeapQueue implements EventQueue {
  #time: Float64Array;
  #key: Float64Array;
  #slotOf: Int32Array;
  #length = 0;
  #dead = 0;
  #now = 0;
  #seq = 1;
  #type: Int32Array;
  #a: Float64Array;
  #b: Int32Array;
  #generation: Int32Array;
  /** Next free slot, or a marker: -1 pending, -2 cancelled. */
  #state: Int32Array;
  #freeHead = FREE;
  #slots = 0;

  constructor(capacity = 1024) {
    this.#time = new Float64Array(capacity);
    this.#key = new Float64Array(capacity);
    this.#slotOf = new Int32Array(capacity);
    this.#type = new Int32Array(capacity);
    this.#a = new Float64Array(capacity);
    this.#b = new Int32Array(capacity);
    this.#generation = new Int32Array(capacity);
    this.#state = new Int32Array(capacity);
  }

  get size(): number {
    return this.#length - this.#dead;
  }
  get now(): number {
    return this.#now;
  }

  push(timeUs: number, phase: number, type: number, a: number, b: number): number {
    if (
      !Number.isSafeInteger(timeUs) ||
      timeUs < this.#now ||
      (phase & 4095) !== phase ||
      (type & 0x7fffffff) !== type ||
      (b | 0) !== b
    )
      refuseEvent(this.#now, timeUs, phase, type, b);
    const slot = this.#takeSlot();
    this.#type[slot] = type;
    this.#a[slot] = a;
    this.#b[slot] = b;
    if (this.#length === this.#time.length) this.#grow();
    this.#up(this.#length++, timeUs, phase * PHASE + this.#seq++, slot);
    return this.#generation[slot]! * SLOTS + slot;
  }

  cancel(handle: number): boolean {
    const slot = handle % SLOTS;
    if (!(slot < this.#slots) || this.#state[slot] !== -1 || this.#generation[slot] !== Math.floor(handle / SLOTS))
      return false;
    this.#state[slot] = -2;
    this.#dead++;
    if (this.#dead > 64 && this.#dead * 2 > this.#length) this.#compact();
    return true;
  }

  peekTime(): number {
    while (this.#length > 0) {
      const slot = this.#slotOf[0]!;
      if (this.#state[slot] === -1) return this.#time[0]!;
      this.#removeTop();
      this.#giveSlot(slot);
      this.#dead--;
    }
    return NEVER;
  }

  pop(event: SimEvent): boolean {
    if (this.peekTime() >= NEVER) return false;
    const slot = this.#slotOf[0]!;
    const time = this.#time[0]!;
    event.timeUs = time;
    event.phase = Math.floor(this.#key[0]! / PHASE);
    event.type = this.#type[slot]!;
    event.a = this.#a[slot]!;
    event.b = this.#b[slot]!;
    this.#now = time;
    this.#removeTop();
    this.#giveSlot(slot);
    return true;
  }

  #takeSlot(): number {
    if (this.#freeHead !== FREE) {
      const slot = this.#freeHead;
      this.#freeHead = this.#state[slot]! - 1;
      this.#state[slot] = -1;
      return slot;
    }
    const slot = this.#slots++;
    if (slot >= this.#type.length) this.#growSlots();
    this.#state[slot] = -1;
    this.#generation[slot] = 1;
    return slot;
  }

  /** Free slots are chained through `#state` as next + 1 (so that 0 ends the chain and markers stay negative). */
  #giveSlot(slot: number): void {
    this.#generation[slot] = (this.#generation[slot]! % 0x3ffffff) + 1;
    this.#state[slot] = this.#freeHead + 1;
    this.#freeHead = slot;
  }

  #compact(): void {
    let kept = 0;
    for (let i = 0; i < this.#length; i++) {
      const slot = this.#slotOf[i]!;
      if (this.#state[slot] !== -1) {
        this.#giveSlot(slot);
        continue;
      }
      this.#time[kept] = this.#time[i]!;
      this.#key[kept] = this.#key[i]!;
      this.#slotOf[kept++] = slot;
    }
    this.#length = kept;
    this.#dead = 0;
    for (let i = (kept - 2) >> 2; i >= 0; i--) this.#down(i, this.#time[i]!, this.#key[i]!, this.#slotOf[i]!);
  }

  #removeTop(): void {
    const n = --this.#length;
    if (n > 0) this.#down(0, this.#time[n]!, this.#key[n]!, this.#slotOf[n]!);
  }

  #up(start: number, t: number, k: number, slot: number): void {
    const times = this.#time;
    const keys = this.#key;
    const slots = this.#slotOf;
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 2;
      const pt = times[parent]!;
      if (pt < t || (pt === t && keys[parent]! < k)) break;
      times[i] = pt;
      keys[i] = keys[parent]!;
      slots[i] = slots[parent]!;
      i = parent;
    }
    times[i] = t;
    keys[i] = k;
    slots[i] = slot;
  }

  #down(start: number, t: number, k: number, slot: number): void {
    const times = this.#time;
    const keys = this.#key;
    const slots = this.#slotOf;
    const n = this.#length;
    let i = start;
    for (;;) {
      const first = 4 * i + 1;
      if (first >= n) break;
      let least = first;
      let lt = times[first]!;
      let lk = keys[first]!;
      const end = Math.min(first + 4, n);
      for (let c = first + 1; c < end; c++) {
        const ct = times[c]!;
        if (ct < lt || (ct === lt && keys[c]! < lk)) {
          least = c;
          lt = ct;
          lk = keys[c]!;
        }
      }
      if (t < lt || (t === lt && k < lk)) break;
      times[i] = lt;
      keys[i] = lk;
      slots[i] = slots[least]!;
      i = least;
    }
    times[i] = t;
    keys[i] = k;
    slots[i] = slot;
  }

  #grow(): void {
    const n = this.#time.length * 2;
    this.#time = enlarge(this.#time, new Float64Array(n));
    this.#key = enlarge(this.#key, new Float64Array(n));
    this.#slotOf = enlarge(this.#slotOf, new Int32Array(n));
  }

  #growSlots(): void {
    const n = this.#type.length * 2;
    if (n > SLOTS) throw new RangeError(`more than ${SLOTS} events pending`);
    this.#type = enlarge(this.#type, new Int32Array(n));
    this.#a = enlarge(this.#a, new Float64Array(n));
    this.#b = enlarge(this.#b, new Int32Array(n));
    this.#generation = enlarge(this.#generation, new Int32Array(n));
    this.#state = enlarge(this.#state, new Int32Array(n));
  }

  snapshot(): QueueState {
    const events: QueueState['events'] = [];
    for (let i = 0; i < this.#length; i++) {
      const s = this.#slotOf[i]!;
      if (this.#state[s] !== -1) continue;
      const key = this.#key[i]!;
      events.push([
        this.#time[i]!,
        Math.floor(key / PHASE),
        key % PHASE,
        this.#type[s]!,
        this.#a[s]!,
        this.#b[s]!,
        this.#generation[s]! * SLOTS + s,
      ]);
    }
    events.sort((x, y) => x[0] - y[0] || x[1] - y[1] || x[2] - y[2]);
    return {
      now: this.#now,
      seq: this.#seq,
      events,
      generations: Array.from(this.#generation.subarray(0, this.#slots)),
    };
  }

  restore(state: QueueState): void {
    if (this.#seq > 1) throw new Error('event queue: restore needs a fresh instance');
    while (this.#type.length < state.generations.length) this.#growSlots();
    this.#slots = state.generations.length;
    const pending = new Set<number>();
    for (const [time, phase, seq, type, a, b, handle] of state.events) {
      const slot = handle % SLOTS;
      pending.add(slot);
      this.#type[slot] = type;
      this.#a[slot] = a;
      this.#b[slot] = b;
      this.#state[slot] = -1;
      if (this.#length === this.#time.length) this.#grow();
      this.#up(this.#length++, time, phase * PHASE + seq, slot);
    }
    state.generations.forEach((g, slot) => {
      this.#generation[slot] = g;
    });
    for (let slot = this.#slots - 1; slot >= 0; slot--) {
      if (pending.has(slot)) continue;
      this.#state[slot] = this.#freeHead + 1;
      this.#freeHead = slot;
    }
    this.#now = state.now;
    this.#seq = state.seq;
  }
}

function enlarge<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from as never);
  return to;
}
