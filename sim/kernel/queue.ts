/**
 * Future event list. Events are ordered by (timeUs, phase, seq): integers only, one order, no ties. `seq` counts pushes.
 */
export interface EventQueue {
  readonly size: number;
  /** Stamp of the last event popped; pushes before it are refused. */
  readonly now: number;
  /** Schedules an event; the handle cancels it. Times must be whole numbers not before `now`. */
  push(timeUs: number, phase: number, type: number, a: number, b: number): number;
  /** False when the event has happened or was cancelled before. */
  cancel(handle: number): boolean;
  /** Stamp of the next event, or NEVER (2^53 - 1). */
  peekTime(): number;
  /** Takes the next event into `event`; false when empty. */
  pop(event: SimEvent): boolean;
  snapshot(): QueueState;
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
  /** Generation of every slot, so that handles stay valid. */
  generations: number[];
}

export const emptyEvent = (): SimEvent => ({ timeUs: 0, phase: 0, type: 0, a: 0, b: 0 });
