/**
 * Future event list. Events are ordered by (timeUs, phase, seq): integers only, one order, no ties. `seq` counts pushes.
 */
export interface EventQueue {
  /** Live events: neither happened nor cancelled. */
  readonly size: number;
  /** Stamp of the last event popped; pushes before it are refused. */
  readonly now: number;
  /**
   * Schedules an event; the handle (never 0) cancels it. `timeUs` is a whole number in now..2^53-1, and an event at 2^53-1
   * (NEVER) does not happen; `phase` is in 0..4095, `type` in 0..2^31-1, `a` any number, `b` in -2^31..2^31-1. Throws RangeError.
   */
  push(timeUs: number, phase: number, type: number, a: number, b: number): number;
  /** False when the event has happened or was cancelled before. */
  cancel(handle: number): boolean;
  /** Stamp of the next event, or NEVER (2^53 - 1). */
  peekTime(): number;
  /** Takes the next event into `event`; false when empty. */
  pop(event: SimEvent): boolean;
  /** Plain data, enough to go on in a fresh instance of the same class. */
  snapshot(): QueueState;
  /** Into a fresh instance; throws otherwise. Handles stay valid; those of later events may be numbered differently. */
  restore(state: QueueState): void;
}

/** Receives a popped event; one object serves a whole run. */
export interface SimEvent {
  timeUs: number;
  phase: number;
  type: number;
  a: number;
  b: number;
}

export interface QueueState {
  now: number;
  seq: number;
  /** Live events in order: time, phase, seq, type, a, b, handle. */
  events: [number, number, number, number, number, number, number][];
  /** Generation of every slot where handles need them (HeapQueue), else empty. */
  generations: number[];
}

export const emptyEvent = (): SimEvent => ({ timeUs: 0, phase: 0, type: 0, a: 0, b: 0 });

/** Phases lie this far apart in an event's key; sequence numbers stay below. */
export const PHASE_STEP = 0x10000000000; // 2^40
/** Most events pending at once: 2^26. */
export const SLOTS = 0x4000000;

/** Says what is wrong with an event that a queue will not take. */
export function refuseEvent(now: number, timeUs: number, phase: number, type: number, b: number): never {
  if (!Number.isSafeInteger(timeUs))
    throw new RangeError(`event time ${timeUs} is not a whole number of ticks below 2^53`);
  if (timeUs < now) throw new RangeError(`event time ${timeUs} is before now (${now})`);
  if ((phase & 4095) !== phase) throw new RangeError(`phase ${phase} is not in 0..4095`);
  if ((type | 0) !== type || type < 0) throw new RangeError(`event type ${type} is not in 0..2147483647`);
  throw new RangeError(`event operand b = ${b} is not a 32-bit integer`);
}
