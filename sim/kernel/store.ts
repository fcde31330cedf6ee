import type { Kernel } from './kernel.ts';
import { type Process, State, WAIT, type Wait } from './process.ts';
import { WaitingLine } from './waiting-line.ts';

export interface WaitOptions {
  /** Lower goes first; default 0. */
  priority?: number;
  /** Give up after so many ticks: a get then brings `false`, a put too. */
  patience?: number;
}

/**
 * A line of items: `yield store.put(item)`, `const item = yield store.get()`, optionally the first that a filter accepts.
 * At most `capacity` items; first come first served within a priority.
 */
export class Store<T> {
  readonly kernel: Kernel;
  readonly capacity: number;
  readonly items: T[] = [];
  readonly #getters: WaitingLine;
  readonly #putters: WaitingLine;

  constructor(kernel: Kernel, capacity = Infinity) {
    if (!(capacity >= 1)) throw new RangeError(`capacity ${capacity} is not 1 or more`);
    this.kernel = kernel;
    this.capacity = capacity;
    this.#getters = new WaitingLine(kernel);
    this.#putters = new WaitingLine(kernel);
  }

  /** Puts an item; waits while the store is full. Brings true. */
  put(item: T, options: WaitOptions = {}): Wait {
    const p = this.kernel.current;
    if (this.items.length < this.capacity) {
      this.items.push(item);
      p.value = true;
      p.state = State.granted;
      this.#serve();
      return WAIT;
    }
    p.asked = item;
    return waitIn(this.#putters, p, options);
  }

  /** Puts an item from anywhere, a handler too; false when the store is full. */
  tryPut(item: T): boolean {
    if (this.items.length >= this.capacity) return false;
    this.items.push(item);
    this.#serve();
    return true;
  }

  /** Takes the first item, or the first that `filter` accepts; waits for one. */
  get(filter: ((item: T) => boolean) | null = null, options: WaitOptions = {}): Wait {
    const p = this.kernel.current;
    const i = this.#find(filter);
    if (i >= 0) {
      p.value = this.items.splice(i, 1)[0];
      p.state = State.granted;
      this.#serve();
      return WAIT;
    }
    p.asked = filter;
    return waitIn(this.#getters, p, options);
  }

  #find(filter: ((item: T) => boolean) | null): number {
    return filter === null ? (this.items.length > 0 ? 0 : -1) : this.items.findIndex(filter);
  }

  /** Serves whoever can be served, until nobody can. */
  #serve(): void {
    for (let again = true; again; ) {
      again = false;
      if (this.items.length > 0 && this.#getters.length > 0) {
        for (const p of this.#getters) {
          const i = this.#find(p.asked as ((item: T) => boolean) | null);
          if (i < 0) continue;
          const [item] = this.items.splice(i, 1);
          this.#getters.remove(p);
          this.kernel.makeReady(p, item);
          again = true;
          break;
        }
      }
      const putter = this.items.length < this.capacity ? this.#putters.first() : null;
      if (putter !== null) {
        this.#putters.remove(putter);
        this.items.push(putter.asked as T);
        this.kernel.makeReady(putter, true);
        again = true;
      }
    }
  }
}

/**
 * An amount between 0 and capacity: `yield container.put(3)`, `yield container.get(5)`. Strictly first come first served within
 * a priority: a small request does not pass a large one. Called Buffer in simjs.
 */
export class Container {
  readonly kernel: Kernel;
  readonly capacity: number;
  #level: number;
  readonly #getters: WaitingLine;
  readonly #putters: WaitingLine;

  constructor(kernel: Kernel, capacity = Infinity, level = 0) {
    if (!(capacity > 0 && level >= 0 && level <= capacity))
      throw new RangeError(`container of capacity ${capacity} at level ${level}`);
    this.kernel = kernel;
    this.capacity = capacity;
    const serve = (): void => this.#serve();
    this.#getters = new WaitingLine(kernel, serve);
    this.#putters = new WaitingLine(kernel, serve);
    this.#level = level;
  }

  get level(): number {
    return this.#level;
  }
  /** Gets waiting. */
  get waiting(): number {
    return this.#getters.length;
  }

  /** Takes an amount; waits until it is there and everyone before has been served. Brings true. */
  get(amount: number, options: WaitOptions = {}): Wait {
    return this.#ask(this.#getters, amount, options);
  }

  /** Adds an amount; waits until there is room. Brings true. */
  put(amount: number, options: WaitOptions = {}): Wait {
    return this.#ask(this.#putters, amount, options);
  }

  #ask(line: WaitingLine, amount: number, options: WaitOptions): Wait {
    if (!(amount > 0 && amount <= this.capacity))
      throw new RangeError(`amount ${amount} is not above 0 and at most the capacity ${this.capacity}`);
    const p = this.kernel.current;
    p.asked = amount;
    const wait = waitIn(line, p, options);
    this.#serve();
    return wait;
  }

  #serve(): void {
    for (;;) {
      const getter = this.#getters.first();
      if (getter !== null && (getter.asked as number) <= this.#level) {
        this.#level -= getter.asked as number;
        this.#grant(this.#getters, getter);
        continue;
      }
      const putter = this.#putters.first();
      if (putter === null || this.#level + (putter.asked as number) > this.capacity) return;
      this.#level += putter.asked as number;
      this.#grant(this.#putters, putter);
    }
  }

  #grant(line: WaitingLine, p: Process): void {
    line.remove(p);
    this.kernel.makeReady(p, true);
  }
}

function waitIn(line: WaitingLine, p: Process, { priority = 0, patience }: WaitOptions): Wait {
  if (patience !== undefined) p.kernel.armPatience(p, patience);
  line.add(p, priority);
  p.state = State.waiting;
  return WAIT;
}
