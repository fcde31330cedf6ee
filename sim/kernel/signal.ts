import type { Kernel } from './kernel.ts';
import { type Process, State, WAIT, type Wait, type WaitingPlace } from './process.ts';

/**
 * Something that happens once and carries a value: `const v = yield signal.wait()`, `signal.fire(v)`. Who waits after it has
 * fired goes on at once. `fire` never runs anyone itself, so long chains need no stack.
 */
export class Signal<T = unknown> implements WaitingPlace {
  readonly kernel: Kernel;
  #fired = false;
  #value: T | undefined;
  #waiting: Process[] = [];
  #listeners: ((value: T) => void)[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  get fired(): boolean {
    return this.#fired;
  }
  get value(): T | undefined {
    return this.#value;
  }

  /** Waits for the signal; with `patience`, at most so many ticks, and then brings false. */
  wait(options: { patience?: number } = {}): Wait {
    const p = this.kernel.current;
    if (this.#fired) {
      p.value = this.#value;
      p.state = State.granted;
      return WAIT;
    }
    if (options.patience !== undefined) this.kernel.armPatience(p, options.patience);
    this.#waiting.push(p);
    p.place = this;
    p.state = State.waiting;
    return WAIT;
  }

  /** Calls `f` when it fires, at once when it has. */
  onFire(f: (value: T) => void): void {
    if (this.#fired) f(this.#value as T);
    else this.#listeners.push(f);
  }

  /** All who wait go on before the next event, in the order they came. Throws when it has fired before. */
  fire(value: T): void {
    if (this.#fired) throw new Error('a signal fires once');
    this.#fired = true;
    this.#value = value;
    for (const p of this.#waiting) {
      p.place = null;
      this.kernel.makeReady(p, value);
    }
    this.#waiting = [];
    for (const f of this.#listeners) f(value);
    this.#listeners = [];
  }

  forget(p: Process): void {
    this.#waiting.splice(this.#waiting.indexOf(p), 1);
  }
}

/** A signal that fires after a delay in ticks. */
export function timeout<T>(kernel: Kernel, delay: number, value: T): Signal<T> {
  const s = new Signal<T>(kernel);
  kernel.after(delay, () => s.fire(value));
  return s;
}

/** Fires with the first of these to fire, as its index. */
export function anyOf(kernel: Kernel, signals: readonly Signal<unknown>[]): Signal<number> {
  const any = new Signal<number>(kernel);
  signals.forEach((s, i) => {
    s.onFire(() => {
      if (!any.fired) any.fire(i);
    });
  });
  return any;
}

/** Fires when all of these have, with their values. */
export function allOf(kernel: Kernel, signals: readonly Signal<unknown>[]): Signal<unknown[]> {
  const all = new Signal<unknown[]>(kernel);
  let left = signals.length;
  const done = (): void => {
    if (left === 0) all.fire(signals.map((s) => s.value));
  };
  for (const s of signals) {
    s.onFire(() => {
      left--;
      done();
    });
  }
  if (signals.length === 0) done();
  return all;
}
