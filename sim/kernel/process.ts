import type { Kernel } from './kernel.ts';

declare const wait: unique symbol;
/** What a wait returns and a process must yield at once. */
export interface Wait {
  readonly [wait]: true;
}
export const WAIT = Object.freeze({}) as Wait;

/** Body of a process: yields waits, receives what they bring, returns a T. */
export type ProcessBody<T = unknown> = Generator<Wait, T, unknown>;

/**
 * running: between two yields. waiting: in a queue, on a timer, or both. granted: what it asked for was there, it goes on at
 * once. ready: it goes on before the next event. interrupted: so it does, with an Interrupt.
 */
export const State = { running: 0, waiting: 1, granted: 2, ready: 3, interrupted: 4, done: 5, failed: 6 } as const;
export type State = (typeof State)[keyof typeof State];

/** Thrown into a process by `interrupt`. */
export class Interrupt extends Error {
  override readonly cause: unknown;
  constructor(cause: unknown) {
    super('interrupted');
    this.name = 'Interrupt';
    this.cause = cause;
  }
}

/** Where a process waits: must forget it on request. */
export interface WaitingPlace {
  forget(p: Process): void;
}

/** A running generator. Made by `Kernel.process`. */
export class Process<T = unknown> {
  readonly kernel: Kernel;
  readonly name: string;
  readonly body: ProcessBody<T>;
  /** Its place in `kernel.processes` until it is over. */
  readonly number: number;
  state: State = State.ready;

  // Of the kernel and the resources; not for models. The fields are few because there may be a process per job.
  /** What the next resumption brings; once it is over, what the body returned. */
  value: unknown = undefined;
  /** Interrupts on their way: the next resumption throws one, or, when it came at a moment without a wait, the next wait. */
  interrupts: Interrupt[] | null = null;
  /** Slot of its timer event, 0 = none. */
  slot = 0;
  /** Where it waits, apart from its timer. */
  place: WaitingPlace | null = null;
  /** Neighbours by number and request within a waiting line, 0 = none. */
  before = 0;
  after = 0;
  priority = 0;
  /** Amount, item or filter that goes with the request. */
  asked: unknown = undefined;
  /** Who waits for its end. */
  joiners: Process[] | null = null;

  constructor(kernel: Kernel, body: ProcessBody<T>, name: string, number: number) {
    this.kernel = kernel;
    this.body = body;
    this.name = name;
    this.number = number;
  }

  get done(): boolean {
    return this.state === State.done;
  }

  /** What the body returned; undefined before. */
  get result(): T | undefined {
    return this.state === State.done ? (this.value as T) : undefined;
  }

  /** Waits until this process is done: `const result = yield other.join()`. At once when it is. */
  join(): Wait {
    const p = this.kernel.current;
    if (this.state === State.done || this.state === State.failed) {
      p.value = this.value;
      p.state = State.granted;
      return WAIT;
    }
    this.joiners ??= [];
    this.joiners.push(p);
    p.place = this;
    p.state = State.waiting;
    return WAIT;
  }

  forget(p: Process): void {
    const i = this.joiners!.indexOf(p);
    this.joiners!.splice(i, 1);
  }

  /**
   * Throws an Interrupt with this cause into the process where it waits, before the next event. What it waited for is off: it
   * has left the line. A process that is running or about to go on gets it at its next wait. False when it is over.
   */
  interrupt(cause?: unknown): boolean {
    if (this.state === State.done || this.state === State.failed) return false;
    const interrupt = new Interrupt(cause);
    if (this.interrupts === null) this.interrupts = [interrupt];
    else this.interrupts.push(interrupt);
    if (this.state !== State.waiting) return true;
    this.detach();
    this.kernel.makeReady(this as Process, undefined);
    this.state = State.interrupted;
    return true;
  }

  /** Kernel: leaves the line it waits in. */
  detach(): void {
    this.place?.forget(this as Process);
    this.place = null;
  }

  /** Kernel: gives up what it waits for, because an interrupt is on its way. */
  abandon(): void {
    this.detach();
    if (this.slot !== 0) this.kernel.dropTimer(this as Process);
  }

  /** Kernel: the body has returned. */
  finish(result: T): void {
    this.state = State.done;
    this.value = result;
    if (this.joiners !== null) {
      for (const p of this.joiners) {
        p.place = null;
        this.kernel.makeReady(p, result);
      }
      this.joiners = null;
    }
  }
}
