import type { Kernel } from './kernel.ts';
import { Interrupt, type Process, State, WAIT, type Wait } from './process.ts';
import { WaitingLine } from './waiting-line.ts';

export interface RequestOptions {
  /** Lower goes first; default 0. */
  priority?: number;
  /** Take a unit from a holder of a higher priority number, when none is free and nobody waits before this request. */
  preempt?: boolean;
  /** Give up after so many ticks; the wait then brings false. */
  patience?: number;
}

/** Cause of the interrupt of a process that loses its unit. */
export class Preempted {
  readonly by: Process;
  readonly resource: Resource;
  /** Stamp at which the unit had been granted. */
  readonly since: number;
  constructor(by: Process, resource: Resource, since: number) {
    this.by = by;
    this.resource = resource;
    this.since = since;
  }
}

interface Holder {
  process: Process;
  priority: number;
  since: number;
}

/**
 * Servers of one kind: `capacity` units, one per request. `yield resource.request()` brings true when the unit is granted,
 * false when patience ran out; `release()` returns it. Waiting is by priority, then first come first served.
 * Called Resource, PriorityResource and PreemptiveResource in SimPy, Facility in simjs.
 */
export class Resource {
  readonly kernel: Kernel;
  readonly capacity: number;
  readonly #line: WaitingLine;
  readonly #preemptive: boolean;
  readonly #statistics: boolean;
  readonly #holders: Holder[] = [];
  #busy = 0;
  readonly #start: number;
  #since: number;
  #busyTicks = 0;
  #waitingTicks = 0;

  /** `preemptive` resources remember their holders; with `statistics`, utilization() and meanWaiting() are kept. */
  constructor(kernel: Kernel, capacity = 1, options: { preemptive?: boolean; statistics?: boolean } = {}) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new RangeError(`capacity ${capacity} is not 1 or more`);
    this.kernel = kernel;
    this.capacity = capacity;
    this.#preemptive = options.preemptive === true;
    this.#statistics = options.statistics === true;
    this.#start = kernel.now;
    this.#since = kernel.now;
    // The process has left already when it says so: until now it waited.
    this.#line = new WaitingLine(kernel, this.#statistics ? () => this.#count(this.#line.length + 1) : null);
  }

  /** Units granted. */
  get busy(): number {
    return this.#busy;
  }
  /** Requests waiting. */
  get waiting(): number {
    return this.#line.length;
  }

  /** Time average of granted units over capacity, since the resource was made; NaN before any time has passed. */
  utilization(): number {
    return this.#average(this.#busyTicks, this.#busy) / this.capacity;
  }

  /** Time average of waiting requests, since the resource was made; NaN before any time has passed. */
  meanWaiting(): number {
    return this.#average(this.#waitingTicks, this.#line.length);
  }

  #average(ticks: number, level: number): number {
    if (!this.#statistics) throw new Error('the resource was not made with { statistics: true }');
    const now = this.kernel.now;
    return (ticks + (now - this.#since) * level) / (now - this.#start);
  }

  /** Accounts for the time since the last change. */
  #count(waiting: number): void {
    const now = this.kernel.now;
    const ticks = now - this.#since;
    if (ticks === 0) return;
    this.#busyTicks += ticks * this.#busy;
    this.#waitingTicks += ticks * waiting;
    this.#since = now;
  }

  request(options?: RequestOptions): Wait {
    const p = this.kernel.current;
    if (options !== undefined) return this.#request(p, options);
    if (this.#busy < this.capacity && this.#line.length === 0) {
      if (this.#statistics) this.#count(0);
      this.#busy++;
      if (this.#preemptive) this.#hold(p, 0);
      p.value = true;
      p.state = State.granted;
      return WAIT;
    }
    if (this.#statistics) this.#count(this.#line.length);
    this.#line.add(p, 0);
    p.state = State.waiting;
    return WAIT;
  }

  #request(p: Process, { priority = 0, preempt = false, patience }: RequestOptions): Wait {
    if (preempt && !this.#preemptive) throw new Error('preempt: the resource was not made with { preemptive: true }');
    if (this.#statistics) this.#count(this.#line.length);
    const first = this.#line.first();
    const front = first === null || priority < first.priority;
    if (front && preempt && this.#busy === this.capacity) this.#evict(p, priority);
    if (front && this.#busy < this.capacity) {
      this.#busy++;
      if (this.#preemptive) this.#hold(p, priority);
      p.value = true;
      p.state = State.granted;
      return WAIT;
    }
    if (patience !== undefined) this.kernel.armPatience(p, patience);
    this.#line.add(p, priority);
    p.state = State.waiting;
    return WAIT;
  }

  #hold(process: Process, priority: number): void {
    this.#holders.push({ process, priority, since: this.kernel.now });
  }

  /** The holder of the highest priority number above `priority`, the latest of several, loses its unit. */
  #evict(by: Process, priority: number): void {
    let worst = -1;
    this.#holders.forEach((h, i) => {
      if (h.priority > (worst < 0 ? priority : this.#holders[worst]!.priority - 1)) worst = i;
    });
    if (worst < 0) return;
    const [holder] = this.#holders.splice(worst, 1) as [Holder];
    this.#busy--;
    holder.process.interrupt(new Preempted(by, this, holder.since));
  }

  /**
   * Returns the unit of the running process (or of `holder`). On a preemptive resource false when the process holds none, as
   * after losing it, so that `finally { resource.release(); }` is safe; on a plain one throws when no unit is out.
   */
  release(holder?: Process): boolean {
    if (this.#preemptive) {
      const p = holder ?? this.kernel.current;
      const i = this.#holders.findIndex((h) => h.process === p);
      if (i < 0) return false;
      this.#holders.splice(i, 1);
    } else if (this.#busy === 0) {
      throw new Error('release: no unit of the resource is out');
    }
    if (this.#statistics) this.#count(this.#line.length);
    const next = this.#line.shift();
    if (next === null) {
      this.#busy--;
      return true;
    }
    if (this.#preemptive) this.#hold(next, next.priority);
    this.kernel.makeReady(next, true);
    return true;
  }
}

/** True for an interrupt that took a unit of this resource away. */
export function preemptedFrom(e: unknown, resource: Resource): e is Interrupt & { cause: Preempted } {
  return e instanceof Interrupt && e.cause instanceof Preempted && e.cause.resource === resource;
}
